/**
 * An address with `{version}`: a file of which somebody says which version it is. That is the operator, who pins one,
 * or a text of one line on a server, such as the `stable.txt` that many publish: it is changed last, when the file of
 * the new version is there. The file itself and what lies beside it are looked at as any other; but its version has an
 * order, so no lower one is taken.
 */

import { AutoupError } from '../../src/core/errors.ts'
import { shown } from '../../src/core/shown.ts'
import type { Check, Explanation, FetchContext, Known } from '../../src/core/source.ts'
import { showUrl } from '../../src/system/http/address.ts'
import { checkFile, sameFile } from './file.ts'
import { type FileKnown, isFileKnown, isReadLately, isVersionKnown, type Look, type VersionKnown } from './known.ts'
import { fillIn, isVersion, loginFor, type VersionedLocation, wordsOf } from './location.ts'
import { conditionsFor, isSameLook, lookAt, lookOf, mustBeNoPage, problemOf } from './look.ts'

/** Much more than a line with a version has. */
const MAX_BYTES = 4_096

/** What is said, and the look of the text that says it; null where the operator does. */
interface Said {
  readonly version: string
  readonly text: Look | null
}

export async function checkVersioned(
  context: FetchContext,
  location: VersionedLocation,
  known: Known | null,
): Promise<Check> {
  const before = isVersionKnown(known) ? known : null
  const said = await askVersion(context, location, before)
  const { version } = said
  const isSame = before?.version === version
  const check = await checkAddress(context, location, said, isSame && isFileKnown(before.file) ? before.file : null)
  if (check.kind === 'release') {
    const release = { ...check.release, version: version.replace(/^v/, ''), ordered: true }
    return { kind: 'release', release, known: { kind: 'version', ...said, file: check.known } satisfies VersionKnown }
  }
  if (check.kind !== 'unchanged' || before === null) return check
  const text = before.text && said.text && isSameLook(before.text, said.text) ? before.text : said.text
  if (text === before.text && check.known === undefined) return check
  return { kind: 'unchanged', known: { ...before, text, file: check.known ?? before.file } satisfies VersionKnown }
}

/** Which version there is now, and where; one file leaves nothing to choose. */
export async function explainVersioned(context: FetchContext, location: VersionedLocation): Promise<Explanation> {
  const { version } = await askVersion(context, location, null)
  const name = showUrl(addressOf(context, location, version))
  const { by } = location
  const reasons = [`for the version that ${'text' in by ? showUrl(textOf(context, by.text)) : '--fetch'} says`]
  return { version, choice: name, candidates: [{ name, score: 1, reasons }], refusal: null }
}

/** `before` is the same version's. */
async function checkAddress(
  context: FetchContext,
  location: VersionedLocation,
  { version, text }: Said,
  before: FileKnown | null,
): Promise<Check> {
  // The text is asked each time; the file of a server that says nothing is not read whole for that.
  if (text !== null && before !== null && isReadLately(before)) return { kind: 'unchanged' }
  const address = addressOf(context, location, version)
  try {
    const looked = await lookAt(context, address, before)
    if (looked !== null) return await checkFile(context, address, looked, before)
    return before === null ? { kind: 'unchanged' } : await sameFile(context, address, before)
  } catch (error) {
    const status = error instanceof AutoupError ? error.data.status : null
    // Of what the operator names it is a mistake.
    if (text === null || (status !== 404 && status !== 410)) throw error
    return { kind: 'incomplete', message: `${version} is said to be there, and ${showUrl(address)} is not` }
  }
}

async function askVersion(
  context: FetchContext,
  { by }: Pick<VersionedLocation, 'by'>,
  before: VersionKnown | null,
): Promise<Said> {
  if ('version' in by) return { version: by.version, text: null }
  const { url, bearer } = loginFor(context, textOf(context, by.text))
  const headers = before?.text ? conditionsFor(before.text, 'GET') : {}
  const answer = await context.http.text(url, { headers, bearer, maxBytes: MAX_BYTES })
  if (before !== null && answer.status === 304) {
    // Another text may bear the same ETag, when a redirect leads elsewhere now.
    const isSame = lookOf(answer).path === before.text?.path
    return isSame ? { version: before.version, text: before.text } : askVersion(context, { by }, null)
  }
  if (answer.status !== 200) throw problemOf(context, answer)
  mustBeNoPage(answer)
  const version = answer.body.replace(/^\uFEFF/, '').trim()
  if (isVersion(version)) return { version, text: lookOf(answer) }
  const what = `${showUrl(answer.url)} says no version: it holds '${shown(version, 60)}'`
  throw new AutoupError('failed', `${what}, and should be one line such as 1.4.2`)
}

function addressOf(context: FetchContext, { address }: VersionedLocation, version: string): string {
  return fillIn(address, { ...wordsOf(context), version })
}

function textOf(context: FetchContext, text: string): string {
  return fillIn(text, wordsOf(context))
}
