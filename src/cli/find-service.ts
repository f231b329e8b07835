/**
 * The running masters that a command means: by what was said on the command line or in the environment, else by the
 * configuration file, else the only one that runs. Without a file this loads next to nothing: `autoup status` is timed.
 */

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { has, type Input, lastValue } from './command.ts'
import { findMaster, findMasters, type MasterPlace, onlyRunning } from './control-client.ts'
import type { Io } from './io.ts'
import { CONFIG, STATE_DIR, serviceGiven, stateDirectory, stateDirectoryGiven } from './where.ts'

/** The name of a configuration file that is found by itself. */
export const CONFIG_FILE = 'autoup.config.json'

/** One. Throws AutoupError `not-running`, `usage` when there are several to choose from, `config` for a bad file. */
export async function masterFor(input: Input, io: Io): Promise<MasterPlace> {
  const places = await mastersFor(input, io)
  const [only, ...others] = places
  return only && others.length === 0 ? only : await onlyRunning(places, 'from the configuration')
}

/**
 * Of a command that is for all apps of a configuration file where none is named: these, whether they run or not; else
 * one, or for `all` that only looks every one that runs. Throws as masterFor does.
 */
export async function mastersFor(input: Input, io: Io, of: 'one' | 'all' = 'one'): Promise<readonly MasterPlace[]> {
  const name = serviceGiven(input, io)
  // Where the words say it all, a broken file stands in nobody's way.
  const isPlaceSaid = has(input, STATE_DIR.flag) || (name !== undefined && stateDirectoryGiven(input, io) !== undefined)
  const isAllSaid = isPlaceSaid && !has(input, CONFIG.flag)
  const path = isAllSaid ? null : configPath(input, io)
  if (path === null) {
    const stateDir = stateDirectory(input, io)
    return of === 'all' ? await findMasters(stateDir, name) : [await findMaster(stateDir, name)]
  }
  const { peekConfig } = await import('./config-places.ts')
  const { apps, shared } = peekConfig(path) ?? (await import('./config-file.ts')).readConfig(path)
  if (name !== undefined) {
    const app = apps.find(({ key }) => key === name || key === null) ?? shared
    return [await findMaster(stateDirectory(input, io, app), name)]
  }
  return await Promise.all(
    apps.map(async (app) => {
      const own = app.key ?? (await import('./service-name.ts')).nameOfApp(app)
      return { name: own, directory: join(stateDirectory(input, io, app), own) }
    }),
  )
}

/** What is to be read and how it is called in messages; null: there is none, and nobody has named one. */
export function configPath(input: Input, io: Pick<Io, 'env' | 'cwd'>): ConfigPath | null {
  const named = lastValue(input, CONFIG.flag) || io.env.AUTOUP_CONFIG
  if (named) return { path: resolve(io.cwd, named), shown: named }
  const path = join(io.cwd, CONFIG_FILE)
  return existsSync(path) ? { path, shown: CONFIG_FILE } : null
}

export interface ConfigPath {
  /** Absolute. */
  readonly path: string
  readonly shown: string
}
