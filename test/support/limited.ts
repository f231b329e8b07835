/**
 * The built program with other limits, for tests that have to reach one: a copy in which nothing but the numbers of
 * src/trust/limits.ts and src/system/http/limits.ts is replaced. So the program that people run has no switch that
 * could loosen them. The copy ends with its test.
 */

import { cpSync, existsSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { HttpLimits } from '../../src/system/http/limits.ts'
import type { TRUST_LIMITS } from '../../src/trust/limits.ts'
import { temporaryDirectory } from './master.ts'

export interface OtherLimits {
  trust?: Partial<Record<keyof typeof TRUST_LIMITS, number>>
  http?: Partial<HttpLimits>
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The path of its `autoup`. */
export function limitedAutoup({ trust = {}, http = {} }: OtherLimits): string {
  const copy = temporaryDirectory()
  copyProgram(copy)
  replace(join(copy, 'dist/src/trust/limits.js'), 'TRUST_LIMITS', trust)
  replace(join(copy, 'dist/src/system/http/limits.js'), 'HTTP_LIMITS', http)
  return join(copy, 'dist/bin/autoup.js')
}

/** The built program as an installation of its own, for tests that care where it stands. */
export function copyProgram(to: string): void {
  cpSync(join(ROOT, 'dist'), join(to, 'dist'), { recursive: true })
  cpSync(join(ROOT, 'package.json'), join(to, 'package.json'))
  symlinkSync(join(ROOT, 'node_modules'), join(to, 'node_modules'))
}

function replace(path: string, name: string, values: object): void {
  // A limit that has moved away must not leave a test that reaches none.
  if (!existsSync(path)) throw new Error(`${path} is missing: run \`npm run build\``)
  const real = path.replace(/\.js$/, '-real.js')
  renameSync(path, real)
  const text = `import * as real from './${real.slice(real.lastIndexOf('/') + 1)}'
const values = ${JSON.stringify(values)}
for (const each of Object.keys(values)) if (!(each in real.${name})) throw new Error('there is no limit ' + each)
export const ${name} = { ...real.${name}, ...values }
`
  writeFileSync(path, text)
}
