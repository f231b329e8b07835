/**
 * The bytes that a packed file stands for, piece by piece and bounded: gzip by Node's zlib, all else by the host's own
 * program. Whatever is not the packed data, from a flipped bit to a byte behind its end, is a refusal.
 */

import { spawn } from 'node:child_process'
import { closeSync, createReadStream, openSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { AutoupError, messageOf } from '../core/errors.ts'
import { shown } from '../core/shown.ts'
import { readAhead } from '../system/read-ahead.ts'
import { READ_BYTES } from '../system/tree.ts'
import type { ArchiveLimits } from './archive.ts'
import type { Compression } from './kinds.ts'
import { Refused } from './refused.ts'
import { toolFor } from './unpack-tool.ts'

/** Larger pieces fall out of the processor's cache before they are hashed and written. */
const PIECE_BYTES = READ_BYTES / 4

/** Of what a tool complains about. */
const COMPLAINT_BYTES = 1_000

/** Throws Refused for what the bytes are, the system error for what the disk is. A piece is good until the next. */
export async function* unpackedBytes(
  path: string,
  compression: Compression | null,
  limits: Pick<ArchiveLimits, 'ratio' | 'ratioFromBytes'>,
): AsyncGenerator<Buffer> {
  if (compression === null) return yield* plain(path)
  const packedBytes = statSync(path).size
  const { ratio, ratioFromBytes } = limits
  let bytes = 0
  for await (const piece of compression === 'gzip' ? gunzip(path, packedBytes) : byTool(path, compression)) {
    bytes += piece.length
    if (bytes > ratioFromBytes && bytes > packedBytes * ratio) {
      throw new Refused(`unpacks to more than ${ratio} times its size`)
    }
    yield piece
  }
}

async function* plain(path: string): AsyncGenerator<Buffer> {
  const file = await open(path, 'r')
  try {
    yield* readAhead(file)
  } finally {
    await file.close()
  }
}

async function* gunzip(path: string, packedBytes: number): AsyncGenerator<Buffer> {
  const unpacker = createGunzip({ chunkSize: PIECE_BYTES })
  try {
    // The loop that reads hears of errors; nothing else has to.
    yield* pipeline(createReadStream(path, { highWaterMark: PIECE_BYTES }), unpacker, () => undefined)
  } catch (error) {
    throw isZlibError(error) ? new Refused(`is damaged: ${messageOf(error)}`) : error
  }
  // Several members are one file (RFC 1952); zlib stops at whatever else follows, zeros included.
  const left = packedBytes - unpacker.bytesWritten
  if (left > 0) throw new Refused(`is damaged: ${left} bytes follow its end`)
}

/** Which of its own words a program ends with is its own affair; only 0 without a word is success. */
async function* byTool(path: string, compression: Exclude<Compression, 'gzip'>): AsyncGenerator<Buffer> {
  const tool = toolFor(compression)
  if (tool === null)
    throw new AutoupError('failed', `cannot unpack ${compression} data: there is no program for it here`)
  // Whatever the bytes make of that program, what is in this process is not for it, nor what root alone may read.
  const [{ hideMemory }, { keepRightsToSelf }] = await Promise.all([
    import('../system/own-limits.ts'),
    import('../system/stranger.ts'),
  ])
  hideMemory()
  keepRightsToSelf()
  const { PATH = '' } = process.env
  const fd = openSync(path, 'r')
  const child = spawn(tool.path, tool.args, { stdio: [fd, 'pipe', 'pipe'], env: { PATH, LC_ALL: 'C' } })
  closeSync(fd)
  let complaint = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, COMPLAINT_BYTES)
  })
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.on('error', reject)
    child.once('close', (code, signal) => resolve(signal ?? code ?? 0))
  })
  // Heard of below, unless nobody wants to read on.
  ended.catch(() => undefined)
  try {
    if (child.stdout) yield* child.stdout
    const how = await ended
    if (typeof how === 'string') throw new AutoupError('failed', `${tool.path} was killed by ${how} while it unpacked`)
    if (/cannot allocate memory|memory usage limit|out of memory/i.test(complaint)) {
      throw new AutoupError('failed', `${tool.path} had not enough memory to unpack it`)
    }
    if (how !== 0 || complaint.trim() !== '') throw new Refused(`is damaged: ${reasonIn(complaint) || `status ${how}`}`)
  } finally {
    child.kill('SIGKILL')
  }
}

/** `xz: (stdin): Compressed data is corrupt` without who says it. */
function reasonIn(complaint: string): string {
  const line = complaint.split('\n').find((each) => each.trim() !== '') ?? ''
  return shown(line.trim().replace(/^(?:\S+\s*: )?(?:\(stdin\)|\/\*stdin\*\\)\s*: /, ''))
}

/** Z_DATA_ERROR, Z_BUF_ERROR and their like. */
export function isZlibError(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && code.startsWith('Z_') && code !== 'Z_MEM_ERROR'
}
