/**
 * What a manifest may hold, as a schema, and which of its artifacts is for a machine. Keys it does not know are left.
 */

import * as v from 'valibot'
import type { ArtifactChoice } from '../../src/core/artifact/choice.ts'
import { AutoupError } from '../../src/core/errors.ts'
import { shown } from '../../src/core/shown.ts'
import type { FetchContext } from '../../src/core/source.ts'

export interface Artifact {
  /** A word that is left out fits all. */
  readonly os: string | null
  readonly arch: string | null
  readonly libc: string | null
  /** Absolute, or relative to the manifest. */
  readonly url: string
  /** 64 hex digits in lower case. */
  readonly sha256: string | null
  readonly size: number | null
  /** What the file is called, where the address does not say. */
  readonly name: string | null
}

export interface Manifest {
  readonly version: string
  readonly publishedAt: string | null
  readonly artifacts: readonly Artifact[]
}

const MANIFEST: v.GenericSchema<unknown, Manifest> = manifestSchema()

function manifestSchema(): v.GenericSchema<unknown, Manifest> {
  const word = v.pipe(v.string(), v.regex(/^[\w.-]{1,64}$/))
  const digest = v.pipe(
    v.string(),
    v.regex(/^(?:sha256[:-])?[0-9a-fA-F]{64}$/),
    v.transform((text) => text.slice(-64).toLowerCase()),
  )
  const artifact = v.object({
    os: v.nullish(word, null),
    arch: v.nullish(word, null),
    libc: v.nullish(word, null),
    url: v.pipe(v.string(), v.nonEmpty(), v.maxLength(4_096), v.regex(/^[^\s\p{Cc}]+$/u)),
    sha256: v.nullish(digest, null),
    size: v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(0)), null),
    name: v.nullish(
      v.pipe(v.string(), v.regex(/^[^./\\\p{Cc}\p{Bidi_C}\u2028\u2029][^/\\\p{Cc}\p{Bidi_C}\u2028\u2029]{0,199}$/u)),
      null,
    ),
  })
  return v.object({
    version: v.pipe(v.string(), v.regex(/^[\w.+~-]{1,128}$/)),
    publishedAt: v.nullish(v.pipe(v.string(), v.isoTimestamp()), null),
    artifacts: v.pipe(v.array(artifact), v.minLength(1), v.maxLength(1_000)),
  })
}

type Platform = FetchContext['platform']

/** What others call it: what Node calls it. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  macos: 'darwin',
  osx: 'darwin',
  windows: 'win32',
  amd64: 'x64',
  x86_64: 'x64',
  aarch64: 'arm64',
  armv8: 'arm64',
  x86: 'ia32',
  i386: 'ia32',
  i686: 'ia32',
  '386': 'ia32',
  gnu: 'glibc',
}

/** Throws AutoupError that names what is wrong in it. `where` is its address. */
export function parseManifest(text: string, where: string): Manifest {
  let value: unknown
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (cause) {
    throw new AutoupError('failed', `${where} is no JSON: check the address, and that it was published whole`, {
      cause,
    })
  }
  const result = v.safeParse(MANIFEST, value)
  if (result.success) return result.output
  const [issue] = result.issues
  const path = v.getDotPath(issue) ?? ''
  const what = path === '' ? 'it' : `'${shown(path, 100)}'`
  throw new AutoupError(
    'failed',
    `${where} is no manifest: ${what} is not as in {"version", "artifacts": [{"os", "arch", "url", "sha256"}]}`,
  )
}

/** The one that says most about this machine. */
export function chooseArtifact(
  { version, artifacts }: Manifest,
  platform: Platform,
): { readonly artifact: Artifact } | { readonly problem: string } {
  const fitting = artifacts
    .filter((artifact) => fitsAll(artifact, platform))
    .map((artifact) => ({ artifact, said: saidBy(artifact) }))
    .sort((a, b) => b.said - a.said)
  const [best, second] = fitting
  if (best === undefined) {
    const there = [...new Set(artifacts.map(describe))].slice(0, 20).join(', ')
    return { problem: `has nothing of ${version} for ${describe(platform)}: there is ${there}` }
  }
  if (second?.said === best.said) {
    return { problem: `names more than one artifact of ${version} for ${describe(platform)}: say which is which there` }
  }
  return { artifact: best.artifact }
}

/** Every artifact with why, or why not; `where` is the address of the manifest. */
export function explainArtifacts(manifest: Manifest, platform: Platform, where: string): ArtifactChoice {
  const chosen = chooseArtifact(manifest, platform)
  const best = 'problem' in chosen ? null : chosen.artifact
  const candidates = manifest.artifacts.map((artifact) => {
    const isBest = artifact === best
    const isFit = fitsAll(artifact, platform)
    const reasons = [`for ${describe(artifact)}`]
    if (!isFit) reasons.push(`and this is ${describe(platform)}`)
    else if (best !== null && !isBest) reasons.push('but another one says more of this platform')
    return { name: artifact.name ?? artifact.url, score: isFit ? saidBy(artifact) + 1 : 0, reasons, isBest }
  })
  candidates.sort((a, b) => Number(b.isBest) - Number(a.isBest) || b.score - a.score)
  return {
    choice: candidates.find(({ isBest }) => isBest)?.name ?? null,
    candidates: candidates.map(({ isBest: _, ...candidate }) => candidate),
    refusal: 'problem' in chosen ? `${where} ${chosen.problem}` : null,
  }
}

function fitsAll({ os, arch, libc }: Artifact, platform: Platform): boolean {
  return fits(os, platform.os) && fits(arch, platform.arch) && fits(libc, platform.libc ?? '')
}

/** `static` runs with any C library. */
function fits(word: string | null, own: string): boolean {
  if (word === null || word.toLowerCase() === 'static') return true
  const lower = word.toLowerCase()
  return (OTHER_WORDS[lower] ?? lower) === own
}

function saidBy({ os, arch, libc }: Artifact): number {
  return [os, arch, libc].filter((word) => word !== null).length
}

function describe({ os, arch, libc }: Pick<Artifact, 'os' | 'arch' | 'libc'>): string {
  return [os ?? 'any', arch ?? 'any', ...(libc === null ? [] : [libc])].join('/')
}
