/** All that is asked of a service, from every place in which it may stand, as settings. Read again by SIGHUP. */

import type { Settings } from '../core/settings.ts'
import type { FileLayer, Input } from './command.ts'
import { configPath } from './find-service.ts'
import type { Io } from './io.ts'
import { given, type Layers } from './option-reader.ts'
import { withPublicKey } from './public-key.ts'
import { PUBLIC_KEY } from './run-options.ts'
import { buildSettings } from './settings.ts'
import { CONFIG, serviceGiven } from './where.ts'

export interface Loaded extends Layers {
  readonly settings: Settings
  /** The same words with the file named that was read: what is to be read again, also should it go away. */
  readonly input: Input
}

/** Throws AutoupError `usage` or `config`. */
export async function loadSettings(input: Input, io: Io): Promise<Loaded> {
  const path = configPath(input, io)
  const app = path === null ? null : await appFrom(path, input, io)
  const base = given({ input, io, app }, PUBLIC_KEY.flag)?.base ?? io.cwd
  const settings = await withPublicKey(buildSettings(input, io, app), base)
  const pinned = path === null ? input : { ...input, options: new Map([...input.options, [CONFIG.flag, [path.shown]]]) }
  return { settings, input: pinned, io, app }
}

async function appFrom(path: NonNullable<ReturnType<typeof configPath>>, input: Input, io: Io): Promise<FileLayer> {
  const [{ readConfig }, { appOf }] = await Promise.all([import('./config-file.ts'), import('./config-app.ts')])
  const name = input.name ?? input.options.get('name')?.at(-1) ?? serviceGiven(input, io)
  return appOf(readConfig(path), name)
}
