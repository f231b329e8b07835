/** Which app of a configuration file is meant. */

import { AutoupError } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import type { FileLayer } from './command.ts'
import type { ConfigFile } from './config-file.ts'

/** The app of this name, or the only one. Throws AutoupError `usage` that names those there are. */
export function appOf({ apps, shown }: ConfigFile, name: string | undefined): FileLayer {
  const [only, ...others] = apps as readonly [FileLayer, ...FileLayer[]]
  // One app at the top goes by any name that it is given.
  if (only.key === null || (name === undefined && others.length === 0)) return only
  const keys = apps.map(({ key }) => key ?? '')
  if (name === undefined) throw new AutoupError('usage', `${shown} has several apps: name one of ${keys.join(', ')}`)
  const app = apps.find(({ key }) => key === name)
  if (app) return app
  const near = nearest(name, keys)
  const advice = near === null ? `it has ${keys.join(', ')}` : `did you mean '${near}'?`
  throw new AutoupError('usage', `there is no app '${name}' in ${shown}: ${advice}`)
}
