/** Facts from outside the project, in `../shared/data`; where it is absent, what needs them is skipped with a word. */

import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The JSON in the file. `skip` is that of the running test. */
export function sharedData(file: string, skip: (why: string) => never): unknown {
  const path = fileURLToPath(new URL(`../../../shared/data/${file}`, import.meta.url))
  if (!existsSync(path)) return skip(`../shared/data/${file} is not here`)
  return JSON.parse(readFileSync(path, 'utf8'))
}
