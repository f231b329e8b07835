/**
 * `https://…`, and `http://` on this machine: a file that somebody replaces there, one for each `{version}`, or a
 * manifest that says which version there is and which file is for which machine. What ends in `.json`, or is answered
 * as `application/json`, is a manifest. Each check asks only whether something changed; a change seen is not yet a
 * release: it must stand still.
 */

import type { Check, Explanation, FetchContext, Fetcher, Known } from '../src/core/source.ts'
import { isFileKnown, isManifestKnown, isReadLately, isVersionKnown } from './https/known.ts'
import { fillIn, versionedLocation, wordsOf } from './https/location.ts'

export const httpsFetcher: Fetcher = {
  scheme: 'https',

  /** Nothing is asked here. A text that says the version may have changed, whatever its file's server is like. */
  async changed(_location: string, known: Known): Promise<boolean> {
    const file = isVersionKnown(known) && known.text === null ? known.file : known
    return !isFileKnown(file) || !isReadLately(file)
  },

  async check(context, known): Promise<Check> {
    const versioned = versionedLocation(context.location)
    if (versioned !== null) {
      const { checkVersioned } = await import('./https/version.ts')
      return checkVersioned(context, versioned, known)
    }
    const address = fillIn(context.location, wordsOf(context))
    if (!isJsonName(address)) return checkByType(context, address, known)
    const { checkManifest } = await import('./https/manifest.ts')
    return checkManifest(context, address, isManifestKnown(known) ? known : null)
  },

  async explain(context): Promise<Explanation> {
    const versioned = versionedLocation(context.location)
    if (versioned !== null) {
      const { explainVersioned } = await import('./https/version.ts')
      return explainVersioned(context, versioned)
    }
    const address = fillIn(context.location, wordsOf(context))
    const { lookAt } = await import('./https/look.ts')
    const type = isJsonName(address)
      ? JSON_TYPE
      : (await lookAt(context, address, null))?.answer.headers['content-type']
    const { explainHttps } = await import('./https/explain.ts')
    return explainHttps(context, address, isJson(type))
  },

  async fetch(context, release, into): Promise<void> {
    const { download } = await import('./https/download.ts')
    await download(context, release, into)
  },

  async companion(context, release, name): Promise<string | null> {
    const { readCompanion } = await import('./https/companions.ts')
    return readCompanion(context, release, name)
  },
}

async function checkByType(context: FetchContext, address: string, known: Known | null): Promise<Check> {
  const { lookAt } = await import('./https/look.ts')
  const manifest = isManifestKnown(known) ? known : null
  const file = isFileKnown(known) ? known : null
  const looked = await lookAt(context, address, manifest ? { look: manifest.look, method: 'HEAD' } : file)
  if (looked === null) {
    if (file === null) return { kind: 'unchanged' }
    const { sameFile } = await import('./https/file.ts')
    return sameFile(context, address, file)
  }
  if (isJson(looked.answer.headers['content-type'])) {
    const { checkManifest } = await import('./https/manifest.ts')
    return checkManifest(context, address, manifest)
  }
  const { checkFile } = await import('./https/file.ts')
  return checkFile(context, address, looked, file)
}

const JSON_TYPE = 'application/json'

function isJsonName(address: string): boolean {
  return new URL(address).pathname.toLowerCase().endsWith('.json')
}

function isJson(type: string | undefined): boolean {
  return /^application\/json\b/i.test(type ?? '')
}
