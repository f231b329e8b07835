/**
 * `file:PATH`, a release source on this machine: an executable, an archive or a directory that somebody puts there. It
 * has no versions; its digest is one. It is taken when it has been still for a moment and nobody has it open for
 * writing, and what changes while it is read is not taken at all. A link is followed: pointing it elsewhere is a
 * release.
 */

import { createHash } from 'node:crypto'
import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { AutoupError, errnoOf, messageOf } from '../src/core/errors.ts'
import { incomplete } from '../src/core/incomplete.ts'
import { DEFAULTS } from '../src/core/settings.ts'
import type { Check, FetchContext, Fetcher, Kept, Known, Release, Sink } from '../src/core/source.ts'
import { readAhead } from '../src/system/read-ahead.ts'
import { isExecutableMode } from '../src/system/tree.ts'
import { checkDirectory, fetchDirectory } from './file/directory.ts'
import { DEEP_LOOK_MS, type FileKnown, isFileKnown, type Look, lookOf, STILL_MS, sameLook } from './file/look.ts'
import { isBeingWritten } from './file/writers.ts'

const COMPANION_BYTES = 1_048_576

export const fileFetcher: Fetcher = {
  scheme: 'file',
  intervalMs: DEFAULTS.fileIntervalMs,

  /** One stat. A directory's own times say nothing of what lies deeper, so it is looked through now and then. */
  async changed(location: string, known: Known): Promise<boolean> {
    if (!isFileKnown(known)) return true
    const stats = await stat(location, { bigint: true }).catch((error: unknown) => errnoOf(error) ?? 'unknown')
    // What is not there cannot be new.
    if (typeof stats === 'string') return stats !== 'ENOENT'
    if (!sameLook(known.look, lookOf(stats))) return true
    const age = Date.now() - known.lastLookAt
    return known.kind === 'directory' && (age < 0 || age >= DEEP_LOOK_MS)
  },

  async check(context, known): Promise<Check> {
    const { location } = context
    const stats = await statOf(location)
    const before = isFileKnown(known) ? known : null
    if (stats.isDirectory()) return checkDirectory(location, before)
    if (stats.isFile()) return checkFile(context, stats, before)
    return {
      kind: 'nothing-for-this-platform',
      message: `${location} is neither a file nor a directory`,
      known: knownOf('file', lookOf(stats), '', false),
    }
  },

  async fetch(context, release, into): Promise<void> {
    const { location } = context
    const kept = keptBytes.get(context)
    // It was copied in the same pass that told its digest; what became of the file since is the next check's.
    if (kept?.isHere && into.kept && `sha256-${kept.sha256}` === release.digest) return await into.kept(kept)
    return await (isLook(release.detail)
      ? fetchFile(location, release.detail, into)
      : fetchDirectory(location, release, into))
  },

  /** What lies beside the file, so that a signature can be asked for here as well. */
  async companion({ location }, _release, name): Promise<string | null> {
    const path = join(dirname(location), basename(name))
    const file = await openFile(path).catch((error: AutoupError) => {
      if (errnoOf(error.cause) === 'ENOENT') return null
      throw error
    })
    if (file === null) return null
    try {
      const stats = await file.stat()
      if (!stats.isFile()) return null
      if (stats.size > COMPANION_BYTES) throw new AutoupError('failed', `${path} is too large for what it is`)
      return await file.readFile('utf8')
    } finally {
      await file.close()
    }
  },
}

/** What a check has read, for the fetch of the same job. */
const keptBytes = new WeakMap<FetchContext, Kept>()

async function checkFile(context: FetchContext, stats: BigIntStats, known: FileKnown | null): Promise<Check> {
  const { location } = context
  const look = lookOf(stats)
  if (known?.kind === 'file' && sameLook(known.look, look)) return { kind: 'unchanged' }
  const busy: Check = { kind: 'incomplete', message: `${location} is being written` }
  const sinceMs = Date.now() - look.ctimeMs
  if (sinceMs < STILL_MS) {
    // Never longer than that, whatever the clock of a file server says.
    await delay(Math.min(STILL_MS, STILL_MS - sinceMs))
    if (!sameLook(look, lookOf(await statOf(location)))) return busy
  }
  const file = await openFile(location)
  try {
    if (isBeingWritten(file.fd) || !sameLook(look, lookOf(await file.stat({ bigint: true })))) return busy
    const digest = await digestOf(context, file, look.size)
    if (!sameLook(look, lookOf(await file.stat({ bigint: true })))) return busy
    const executable = isExecutableMode(stats.mode)
    const next = knownOf('file', look, digest, executable)
    // Touched, or copied over with the same bytes.
    if (known?.kind === 'file' && known.digest === digest && known.executable === executable) {
      return { kind: 'unchanged', known: next }
    }
    return { kind: 'release', release: releaseOf(location, look, digest, executable), known: next }
  } finally {
    await file.close()
  }
}

async function digestOf(context: FetchContext, file: FileHandle, size: number): Promise<string> {
  if (context.keep) {
    const kept = await context.keep(readAhead(file), size)
    keptBytes.set(context, kept)
    return kept.sha256
  }
  const hash = createHash('sha256')
  for await (const piece of readAhead(file)) hash.update(piece)
  return hash.digest('hex')
}

function releaseOf(location: string, look: Look, digest: string, executable: boolean): Release {
  return {
    version: digest.slice(0, 12),
    name: basename(location),
    size: look.size,
    digest: `sha256-${digest}`,
    ordered: false,
    executable,
    siblings: [`${basename(location)}.minisig`],
    detail: look,
  }
}

async function fetchFile(location: string, look: Look, into: Sink): Promise<void> {
  const file = await openFile(location)
  const check = async () => {
    if (isBeingWritten(file.fd) || !sameLook(look, lookOf(await file.stat({ bigint: true })))) {
      throw incomplete(`${location} changed while it was copied`)
    }
  }
  try {
    await check()
    const bytes = async function* () {
      yield* readAhead(file)
      await check()
    }
    await into.artifact(async () => ({ from: 0, bytes: bytes() }), null)
  } finally {
    await file.close()
  }
}

async function statOf(location: string): Promise<BigIntStats> {
  try {
    return await stat(location, { bigint: true })
  } catch (cause) {
    throw unreadable(location, cause)
  }
}

/** O_NONBLOCK: should it have become a named pipe, nobody waits for its writer. */
async function openFile(location: string): Promise<FileHandle> {
  try {
    return await open(location, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (cause) {
    throw unreadable(location, cause)
  }
}

function unreadable(location: string, cause: unknown): AutoupError {
  const errno = errnoOf(cause)
  const why =
    errno === 'ENOENT' || errno === 'ENOTDIR'
      ? 'there is nothing by that name; put the build there'
      : errno === 'EACCES'
        ? 'permission denied; let the user of autoup read it'
        : messageOf(cause)
  return new AutoupError('failed', `cannot read ${location}: ${why}`, { cause })
}

function knownOf(kind: 'file', look: Look, digest: string, executable: boolean): FileKnown {
  return { kind, look, digest, executable, lastLookAt: Date.now() }
}

function isLook(detail: unknown): detail is Look {
  return typeof (detail as Partial<Look> | null)?.size === 'number'
}
