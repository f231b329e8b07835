/**
 * The scheme table: which fetcher a `--fetch` value means, and what it is to fetch. Each fetcher is loaded when it is
 * needed, so that a master that watches a file never holds an HTTP client.
 */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AutoupError } from '../src/core/errors.ts'
import { shown } from '../src/core/shown.ts'
import type { Fetcher } from '../src/core/source.ts'
import { GITHUB_FORM, parseGithubLocation } from './github/location.ts'
import { locateUrl } from './https/location.ts'
import { NPM_FORM, splitNpmLocation } from './npm/location.ts'
import { findPlugin, PLUGIN_FORM } from './plugin/path.ts'

export interface Source {
  readonly fetcher: Fetcher
  /** What follows the scheme, in the form that the fetcher takes. */
  readonly location: string
}

interface Scheme {
  /** As the operator writes it, for the error that names the forms. */
  readonly form: string
  locate(rest: string): string | null
  load(): Promise<Fetcher>
}

const SCHEMES: Readonly<Record<string, Scheme>> = {
  file: {
    form: 'file:PATH',
    locate: absolutePath,
    load: async () => (await import('./file.ts')).fileFetcher,
  },
  https: {
    form: 'https://HOST/PATH',
    // Throws a sentence of its own.
    locate: (rest) => locateUrl('https', rest),
    load: async () => (await import('./https.ts')).httpsFetcher,
  },
  /** The same, on this machine or where nothing has to be verified. Not named among the forms. */
  http: {
    form: '',
    locate: (rest) => locateUrl('http', rest),
    load: async () => (await import('./https.ts')).httpsFetcher,
  },
  github: {
    form: GITHUB_FORM,
    // Throws a sentence of its own.
    locate: (rest) => parseGithubLocation(rest) && rest,
    load: async () => (await import('./github.ts')).githubFetcher,
  },
  npm: {
    form: NPM_FORM,
    // Throws a sentence of its own.
    locate: (rest) => splitNpmLocation(rest) && rest,
    load: async () => (await import('./npm.ts')).npmFetcher,
  },
}

/** Throws AutoupError `usage` that names the forms there are. */
export async function fetcherFor(spec: string): Promise<Source> {
  const match = /^([a-z][a-z0-9+.-]*):(.*)$/s.exec(spec)
  const scheme = match && Object.hasOwn(SCHEMES, match[1] as string) ? SCHEMES[match[1] as string] : undefined
  const location = scheme?.locate(match?.[2] as string) ?? null
  const plugin = match === null ? findPlugin(spec, process.cwd()) : null
  if (plugin !== null) return { fetcher: (await import('./plugin.ts')).pluginFetcher(plugin), location: plugin.options }
  // The page of a repository is no file of it.
  const isPage = /^https?:\/\/(?:www\.)?github\.com\//.test(spec) && repositoryIn(spec) !== null
  if (scheme === undefined || location === null || isPage) throw unknownSource(spec)
  return { fetcher: await scheme.load(), location }
}

/** `file:app`, `file:/srv/app`, and `file:///srv/app` as a URL. Relative to the directory autoup was started in. */
function absolutePath(rest: string): string | null {
  if (rest === '' || rest.includes('\0')) return null
  if (!rest.startsWith('//')) return resolve(rest)
  try {
    return fileURLToPath(`file:${rest}`)
  } catch {
    return null
  }
}

function unknownSource(spec: string): AutoupError {
  const forms = [...Object.values(SCHEMES).flatMap(({ form }) => form || []), PLUGIN_FORM]
  const what = shown(spec)
  if (!spec.includes('\0') && existsSync(spec))
    return new AutoupError('usage', `'${what}' is a path and no release source: write file:${what}`)
  const repository = repositoryIn(spec)
  if (repository !== null) {
    const path = spec === repository ? `, or file:${repository} for a path` : ''
    return new AutoupError('usage', `'${what}' names a repository: write github:${repository}${path}`)
  }
  return new AutoupError('usage', `'${what}' is no release source that autoup knows: write ${forms.join(', ')}`)
}

/** `owner/repo` of what is written elsewhere for a repository: as git clones it, or as a browser shows it. */
function repositoryIn(spec: string): string | null {
  const [, repository = null] =
    /^(?:(?:(?:https?|ssh):\/\/)?(?:git@)?(?:www\.)?github\.com[/:])?([\w-]+\/[\w.-]+?)(?:\.git)?(?:\/(?:releases(?:\/latest|\/tag\/[^/]+)?\/?)?)?$/.exec(
      spec,
    ) ?? []
  return repository
}
