/** What the operator should know, on stderr: at once, and without making a stream of it that the app would find. */

import { writeSync } from 'node:fs'

const told = new Set<string>()

/** Each sentence once. */
export function tell(sentence: string): void {
  if (told.has(sentence)) return
  told.add(sentence)
  try {
    writeSync(2, `autoup: ${sentence}\n`)
  } catch {
    // A full pipe or a closed descriptor: nobody reads it.
  }
}
