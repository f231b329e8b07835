/**
 * Which registry npm is configured for. npm itself is asked, because only npm knows all the places where that may
 * stand; the answer is remembered with a stamp of these places, so that a check that finds nothing new starts no npm.
 */

import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AutoupError } from '../../src/core/errors.ts'
import type { FetchContext } from '../../src/core/source.ts'
import { npmSettingsIn } from './environment.ts'
import { runNpm } from './run.ts'

export interface NpmConfig {
  /** Of the package, ends with `/`. */
  readonly registry: string
  /** How the places looked, and what the environment said. */
  readonly stamp: string
}

/** `known` where that still holds. */
export async function npmConfigFor(context: FetchContext, name: string, known: NpmConfig | null): Promise<NpmConfig> {
  const stamp = await currentStamp()
  if (known?.stamp === stamp) return known
  const of = await registriesOf(context, [name], name)
  return { registry: of(name), stamp }
}

/** Registries of several packages, by scope; '' is the default. */
export async function registriesOf(
  context: FetchContext,
  names: readonly string[],
  about: string,
): Promise<(name: string) => string> {
  const scopes = [...new Set(names.flatMap((name) => scopeOf(name) ?? []))]
  const said = await ask(context, ['registry', ...scopes.map((scope) => `${scope}:registry`)], about)
  return (name) => registryIn(said, scopeOf(name))
}

export function isNpmConfig(value: unknown): value is NpmConfig {
  const config = value as Partial<NpmConfig> | null
  return typeof config?.registry === 'string' && typeof config.stamp === 'string'
}

/** One key more, since for one alone npm writes the value without its name. */
async function ask(context: FetchContext, keys: readonly string[], about: string): Promise<Map<string, string>> {
  const output = await runNpm(context, { args: ['config', 'get', 'loglevel', ...keys], registry: null, about })
  const lines = output.split('\n').flatMap((line) => {
    const at = line.indexOf('=')
    const value = line.slice(at + 1).trim()
    return at < 0 || value === '' || value === 'undefined' || value === 'null'
      ? []
      : [[line.slice(0, at), value] as const]
  })
  return new Map(lines)
}

function registryIn(said: ReadonlyMap<string, string>, scope: string | null): string {
  const text = (scope === null ? undefined : said.get(`${scope}:registry`)) ?? said.get('registry') ?? ''
  if (!/^https?:\/\/./i.test(text)) {
    throw new AutoupError('failed', `npm is configured for no registry: set one with \`npm config set registry\``)
  }
  return text.endsWith('/') ? text : `${text}/`
}

function scopeOf(name: string): string | null {
  return name.startsWith('@') ? name.slice(0, name.indexOf('/')) : null
}

/** Not asked of npm, which shows no path that holds a UUID: of the user, of this Node's prefix, of Debian. */
function configFiles(): string[] {
  const { HOME = '/', npm_config_userconfig: own, npm_config_globalconfig: global } = process.env
  return [own ?? join(HOME, '.npmrc'), global ?? join(dirname(dirname(process.execPath)), 'etc/npmrc'), '/etc/npmrc']
}

async function currentStamp(): Promise<string> {
  const looks = configFiles().map(async (path) => {
    const stats = await stat(path, { bigint: true }).catch(() => null)
    return stats === null ? path : `${path} ${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`
  })
  const text = [npmSettingsIn(process.env), ...(await Promise.all(looks))].join('\n')
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
