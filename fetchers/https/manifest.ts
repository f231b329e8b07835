/**
 * A manifest: `{ version, artifacts: [{ os, arch, libc, url, sha256, size }] }`. It is published last, when all that it
 * names is there; what it names and is not there yet, or not whole, makes the release incomplete.
 */

import { createHash } from 'node:crypto'
import { AutoupError } from '../../src/core/errors.ts'
import type { Check, FetchContext, HttpAnswer, Release } from '../../src/core/source.ts'
import { showUrl } from '../../src/system/http/address.ts'
import { findCompanions, placesBeside } from './companions.ts'
import type { Detail } from './download.ts'
import type { ManifestKnown } from './known.ts'
import { fillIn, loginFor, wordsOf } from './location.ts'
import { conditionsFor, isSameLook, type Looked, lookAt, lookOf, problemOf } from './look.ts'
import type { Artifact, Manifest } from './manifest-schema.ts'
import { nameOf } from './name.ts'

const MAX_BYTES = 1_048_576

export async function checkManifest(
  context: FetchContext,
  address: string,
  before: ManifestKnown | null,
): Promise<Check> {
  const answer = await ask(context, address, before ? conditionsFor(before.look, 'GET') : {})
  if (before && answer.status === 304) {
    // Another file may bear the same ETag, when a redirect leads elsewhere now.
    const isSame = lookOf(answer).path === before.look.path
    return isSame ? { kind: 'unchanged' } : checkManifest(context, address, null)
  }
  if (answer.status !== 200) throw problemOf(context, answer)
  const digest = createHash('sha256').update(answer.body).digest('hex')
  const known: ManifestKnown = { kind: 'manifest', look: lookOf(answer), digest }
  if (before?.digest === digest) {
    return isSameLook(before.look, known.look) ? { kind: 'unchanged' } : { kind: 'unchanged', known }
  }
  const { parseManifest, chooseArtifact } = await import('./manifest-schema.ts')
  const manifest = parseManifest(answer.body, showUrl(answer.url))
  const choice = chooseArtifact(manifest, context.platform)
  if ('problem' in choice) {
    return { kind: 'nothing-for-this-platform', message: `${showUrl(address)} ${choice.problem}`, known }
  }
  return checkArtifact(context, { manifest, artifact: choice.artifact, answer, known })
}

/** As it is now, for whoever only wants to look. */
export async function readManifest(context: FetchContext, address: string): Promise<Manifest> {
  const answer = await ask(context, address, {})
  if (answer.status !== 200) throw problemOf(context, answer)
  const { parseManifest } = await import('./manifest-schema.ts')
  return parseManifest(answer.body, showUrl(answer.url))
}

function ask(
  context: FetchContext,
  address: string,
  conditions: Readonly<Record<string, string>>,
): Promise<HttpAnswer & { readonly body: string }> {
  const { url, bearer } = loginFor(context, address)
  return context.http.text(url, { headers: { accept: 'application/json', ...conditions }, bearer, maxBytes: MAX_BYTES })
}

async function checkArtifact(
  context: FetchContext,
  {
    manifest,
    artifact,
    answer,
    known,
  }: {
    readonly manifest: Manifest
    readonly artifact: Artifact
    readonly answer: HttpAnswer
    readonly known: ManifestKnown
  },
): Promise<Check> {
  const address = addressOf(context, manifest, artifact, answer)
  const looked = await lookIfThere(context, address)
  if (looked === null) {
    return { kind: 'incomplete', message: `${manifest.version} names ${showUrl(address)}, which is not there` }
  }
  const { look, method } = looked
  if (artifact.size !== null && look.size !== null && artifact.size !== look.size) {
    const sizes = `has ${look.size} bytes, and the manifest says ${artifact.size}`
    return { kind: 'incomplete', message: `${showUrl(address)} of ${manifest.version} ${sizes}` }
  }
  const name = artifact.name ?? nameOf(looked.answer, address)
  const places = placesBeside(address, name)
  // Sums are in the manifest; else they may lie beside the artifact.
  const wanted = Object.keys(places).filter((each) => artifact.sha256 === null || each.endsWith('.minisig'))
  const detail: Detail = { address, look, method, places, digest: null }
  const release: Release = {
    version: manifest.version,
    name,
    size: artifact.size ?? look.size,
    digest: artifact.sha256 === null ? null : `sha256-${artifact.sha256}`,
    ordered: true,
    siblings: Object.keys(await findCompanions(context, places, wanted)),
    publishedAt: manifest.publishedAt,
    detail,
  }
  return { kind: 'release', release, known }
}

/** Relative to where the manifest came from, and no less safe. */
function addressOf(context: FetchContext, manifest: Manifest, artifact: Artifact, { url }: HttpAnswer): string {
  const { os, arch, libc } = wordsOf(context)
  const words = {
    version: manifest.version,
    os: artifact.os ?? os,
    arch: artifact.arch ?? arch,
    libc: artifact.libc ?? libc,
  }
  const filled = fillIn(artifact.url, words as Record<string, string>)
  if (!URL.canParse(filled, url)) {
    throw new AutoupError('failed', `${showUrl(url)} names an artifact of ${manifest.version} by no address`)
  }
  const address = new URL(filled, url)
  if (new URL(url).protocol === 'https:' && address.protocol !== 'https:') {
    const what = `${showUrl(url)} names an artifact at ${address.protocol}`
    throw new AutoupError('failed', `${what}, which is not fetched: what is named over https is fetched over https`)
  }
  return address.href
}

async function lookIfThere(context: FetchContext, address: string): Promise<Looked | null> {
  try {
    return await lookAt(context, address, null)
  } catch (error) {
    if (error instanceof AutoupError && (error.data.status === 404 || error.data.status === 410)) return null
    throw error
  }
}
