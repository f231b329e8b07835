/**
 * What the signer says about what he signed: the trusted comment of a minisign signature, which is under the global
 * signature. minisign writes `timestamp:…<tab>file:NAME<tab>hashed` by itself; with `-t` anything may stand there.
 * Only `file:` and `version:` are understood. Without them a good signature of an old release, or of another artifact,
 * could be put beside the name and version of a new one.
 */

import { shown } from '../core/shown.ts'
import type { Refusal } from './archive.ts'

export interface SignedAs {
  readonly file: string | null
  readonly version: string | null
}

export interface Expected {
  /** The name of the artifact. */
  readonly name: string
  /** The version as the source gives it, or null where versions mean nothing: then none is compared. */
  readonly version: string | null
}

/** What the comment says, or the end of a sentence that begins with the artifact's name. */
export function checkTrustedComment(comment: string, { name, version }: Expected): SignedAs | Refusal {
  const files = valuesOf(comment, 'file')
  const versions = valuesOf(comment, 'version')
  const otherFile = files.find((file) => file !== name)
  if (otherFile !== undefined) {
    return {
      problem: `is signed as '${shown(otherFile)}', so it was renamed, or another artifact was put in its place`,
    }
  }
  const [first] = versions
  const expected = version ?? first ?? ''
  const otherVersion = versions.find((each) => plain(each) !== plain(expected))
  if (otherVersion !== undefined) {
    const offered = `and is offered as ${shown(expected)}`
    return { problem: `is signed as version ${shown(otherVersion)}, ${offered}: another release was put in its place` }
  }
  return { file: files[0] ?? null, version: first ?? null }
}

/**
 * Values end at white space. Where fields are divided by tabs, as minisign does, a name may have spaces in it: such a
 * field goes on to the tab, or to the next `word:`.
 */
function valuesOf(comment: string, key: 'file' | 'version'): string[] {
  const hasTabs = comment.includes('\t')
  return comment.split('\t').flatMap((field) => {
    const words = field.split(' ')
    return words.flatMap((word, at) => {
      if (!word.startsWith(`${key}:`)) return []
      const value = word.slice(key.length + 1)
      if (!hasTabs || key === 'version') return [value]
      const rest = words.slice(at + 1)
      const end = rest.findIndex((each) => /^[a-z]+:/i.test(each))
      return [[value, ...rest.slice(0, end < 0 ? rest.length : end)].join(' ')]
    })
  })
}

/** Tags have a `v` in front or have none. */
function plain(version: string): string {
  return version.replace(/^v(?=\d)/, '')
}
