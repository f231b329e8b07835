/**
 * What a reload changes in a master that runs: one object, shared by its parts, each of which looks at the moment it
 * needs something. Only reload.ts writes to it.
 */

import type { Source } from '../../fetchers/index.ts'
import type { Settings } from '../core/settings.ts'
import type { Listener } from '../system/listeners.ts'
import type { User } from '../system/user.ts'

export interface Live {
  settings: Settings
  user: User | null
  /** What the environment file says. */
  environment: string
  /** See preloadFor(). */
  preload: string | null
  /** Null: the command is supervised as it is. */
  source: Source | null
  listeners: readonly Listener[]
}
