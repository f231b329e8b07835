/** What a program imports that is its own master: `import { run } from 'autoup'` (docs/embedding.md). */

export type { Build } from './core/build.ts'
export { AutoupError } from './core/errors.ts'
export type { Duration, RunConfig } from './embed/config.ts'
export { isSupported, run } from './embed/run.ts'
export type { Listener, State } from './embed/state.ts'
