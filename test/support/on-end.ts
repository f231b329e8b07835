/** What a test has to undo, undone when it ends, also when it fails; the last thing begun is the first undone. */

import { onTestFinished } from 'vitest'

/** Registers `undo` with the running test. `steps` of one test run in reverse order, each even if another failed. */
export function onEnd(undo: () => unknown): void {
  onTestFinished(async () => {
    await undo()
  })
}
