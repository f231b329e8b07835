import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFile,
  chmod,
  mkdir,
  open,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { FileKnown } from '../../fetchers/file/look.ts'
import { fileFetcher } from '../../fetchers/file.ts'
import { isIncomplete } from '../../src/core/incomplete.ts'
import type { Check, FetchContext, Release, Sink } from '../../src/core/source.ts'
import { manifestDigest, sealTree } from '../../src/store/manifest.ts'
import { needs } from '../support/requirements.ts'
import { temporaryFolder } from '../support/stores.ts'
import { until } from '../support/until.ts'

let folder: string
let path: string

beforeEach(async () => {
  folder = await temporaryFolder()
  path = join(folder, 'app')
  await writeFile(path, '#!/bin/sh\n', { mode: 0o755 })
})

function contextOf(location = path): FetchContext {
  return {
    location,
    platform: { os: 'linux', arch: 'x64', libc: 'glibc' },
    // A local file needs no network; whoever asks for it fails.
    http: {
      text: () => Promise.reject(new Error('no network')),
      stream: () => Promise.reject(new Error('no network')),
    },
    token: null,
    scratch: join(folder, 'scratch'),
    signal: new AbortController().signal,
    warn: () => undefined,
  }
}

/** Again while the file is too fresh, as the master asks again. */
async function check(known: FileKnown | null = null, location = path): Promise<Check> {
  return until('it is still', async () => {
    const result = await fileFetcher.check(contextOf(location), known)
    return result.kind === 'incomplete' ? null : result
  })
}

async function released(
  known: FileKnown | null = null,
  location = path,
): Promise<{ release: Release; known: FileKnown }> {
  const result = await check(known, location)
  if (result.kind !== 'release') throw new Error(JSON.stringify(result))
  return { release: result.release, known: result.known as FileKnown }
}

/** Collects what is delivered; `between` runs after the first piece, or before the tree is filled. */
function sinkInto(target: string, between: () => Promise<void> = async () => undefined): Sink {
  return {
    async artifact(open) {
      for await (const piece of (await open(0)).bytes) {
        await appendFile(target, piece)
        await between()
      }
    },
    async tree(fill) {
      await mkdir(target)
      await between()
      await fill(target)
    },
  }
}

const changed = (known: unknown, location = path) => fileFetcher.changed!(location, known)

describe('a file', () => {
  test('is a release whose version is the short digest, without an order', async () => {
    const { release } = await released()
    const digest = createHash('sha256').update('#!/bin/sh\n').digest('hex')
    expect(release).toMatchObject({
      version: digest.slice(0, 12),
      digest: `sha256-${digest}`,
      name: 'app',
      size: 10,
      ordered: false,
      executable: true,
    })
  })

  test('is delivered as it is', async () => {
    const { release } = await released()
    await fileFetcher.fetch(contextOf(), release, sinkInto(join(folder, 'out')))
    expect(await readFile(join(folder, 'out'), 'utf8')).toBe('#!/bin/sh\n')
  })

  test('is unchanged as long as it looks the same, told by one stat', async () => {
    const { known } = await released()
    expect(await changed(known)).toBe(false)
    expect(await check(known)).toEqual({ kind: 'unchanged' })
  })

  test('that was only touched is unchanged, and that is remembered', async () => {
    const { known } = await released()
    await utimes(path, 1_000, 1_000)
    expect(await changed(known)).toBe(true)
    const result = await check(known)
    expect(result).toMatchObject({ kind: 'unchanged', known: { digest: known.digest } })
    expect(await changed((result as { known: unknown }).known)).toBe(false)
  })

  test('that got its execute bit later is a release again', async () => {
    await chmod(path, 0o644)
    const { known, release } = await released()
    expect(release.executable).toBe(false)
    await chmod(path, 0o755)
    expect(await changed(known)).toBe(true)
    expect((await released(known)).release).toMatchObject({ executable: true, digest: release.digest })
  })

  test('with other bytes of the same size and time is seen', async () => {
    const { known } = await released()
    const { atime, mtime } = await stat(path)
    await writeFile(path, '#!/bin/zz\n')
    await utimes(path, atime, mtime)
    expect(await changed(known)).toBe(true)
    await released(known)
  })

  test('that is not there cannot be new, and a check says so', async () => {
    const { known } = await released()
    await rm(path)
    expect(await changed(known)).toBe(false)
    await expect(fileFetcher.check(contextOf(), known)).rejects.toThrow(/cannot read .*nothing by that name/)
  })

  test('behind a link is followed, and pointing the link elsewhere is a release', async () => {
    const link = join(folder, 'link')
    await writeFile(join(folder, 'other'), '#!/bin/zz\n', { mode: 0o755 })
    await symlink('app', link)
    const { known } = await released(null, link)
    expect(await changed(known, link)).toBe(false)
    await symlink('other', join(folder, 'next'))
    await rename(join(folder, 'next'), link)
    expect(await changed(known, link)).toBe(true)
    expect((await released(known, link)).release.name).toBe('link')
  })

  test('that is a device is nothing to take', async () => {
    expect(await check(null, '/dev/null')).toMatchObject({ kind: 'nothing-for-this-platform' })
  })

  test('has beside it what is a file there; nobody waits for the writer of a pipe', async () => {
    const { release } = await released()
    const read = () => fileFetcher.companion?.(contextOf(), release, 'app.minisig')
    expect(await read()).toBeNull()
    execFileSync('mkfifo', [`${path}.minisig`])
    expect(await read()).toBeNull()
    await rm(`${path}.minisig`)
    await mkdir(`${path}.minisig`)
    expect(await read()).toBeNull()
    await rm(`${path}.minisig`, { recursive: true })
    await writeFile(`${path}.minisig`, 'signature')
    expect(await read()).toBe('signature')
    await writeFile(`${path}.minisig`, 'x'.repeat(1_048_577))
    await expect(read()).rejects.toThrow(/app\.minisig is too large for what it is/)
  })

  test('whatever was remembered before: it is looked at', async () => {
    for (const odd of [null, 7, 'x', {}, { kind: 'file' }]) expect(await changed(odd)).toBe(true)
  })
})

describe('a file that is being written', () => {
  test('is not taken before it was still for 250 ms', async () => {
    await writeFile(path, '#!/bin/sh\nnew\n')
    const { ctimeMs } = await stat(path)
    await released()
    expect(Date.now() - Math.floor(ctimeMs)).toBeGreaterThanOrEqual(250)
  })

  test('is not taken when it changes in these 250 ms', async () => {
    await writeFile(path, '#!/bin/sh\nnew\n')
    const result = fileFetcher.check(contextOf(), null)
    // The check has read its state by the time that a later stat is answered.
    for (let round = 0; round < 20; round++) await stat(path)
    await appendFile(path, 'more\n')
    expect(await result).toEqual({ kind: 'incomplete', message: `${path} is being written` })
  })

  test('is not taken while somebody has it open for writing, however still it is', async () => {
    const { known } = await released()
    const file = await open(path, 'a')
    onTestFinished(() => file.close())
    await utimes(path, 1, 1)
    await file.appendFile('x')
    await until('it has been still', async () => Date.now() - (await stat(path)).ctimeMs > 300)
    expect(await fileFetcher.check(contextOf(), known)).toEqual({
      kind: 'incomplete',
      message: `${path} is being written`,
    })
  })

  test('is taken when the writer is done', async () => {
    const file = await open(path, 'a')
    await file.appendFile('x')
    await file.close()
    expect((await released()).release.size).toBe(11)
  })

  test.each([
    ['is written again', () => appendFile(path, 'x')],
    [
      'is replaced',
      async () => {
        await writeFile(join(folder, 'next'), '#!/bin/zz\n')
        await rename(join(folder, 'next'), path)
      },
    ],
  ])('before the copy and %s is incomplete', async (_, change) => {
    const { release } = await released()
    await change()
    const copy = fileFetcher.fetch(contextOf(), release, sinkInto(join(folder, 'out')))
    await expect(copy).rejects.toSatisfy(isIncomplete)
  })

  test('during the copy is incomplete', async () => {
    await writeFile(path, Buffer.alloc(3 << 20, 'x'))
    const { release } = await released()
    let turns = 0
    const sink = sinkInto(join(folder, 'out'), async () => {
      if (turns++ === 0) await appendFile(path, 'x')
    })
    await expect(fileFetcher.fetch(contextOf(), release, sink)).rejects.toSatisfy(isIncomplete)
  })

  test('during the copy by somebody who still holds it open is incomplete', async () => {
    const { release } = await released()
    const sink = sinkInto(join(folder, 'out'), async () => {
      const file = await open(path, 'r+')
      onTestFinished(() => file.close())
    })
    await expect(fileFetcher.fetch(contextOf(), release, sink)).rejects.toSatisfy(isIncomplete)
  })
})

describe('a directory', () => {
  let location: string

  beforeEach(async () => {
    location = join(folder, 'tree')
    await mkdir(join(location, 'bin/deep'), { recursive: true })
    await writeFile(join(location, 'bin/app'), '#!/bin/sh\n', { mode: 0o755 })
    await writeFile(join(location, 'bin/deep/data'), 'data')
    await symlink('bin/app', join(location, 'app'))
  })

  test('is a release named by the digest of its manifest', async () => {
    const { release } = await released(null, location)
    const out = join(folder, 'out')
    await fileFetcher.fetch(contextOf(location), release, sinkInto(out))
    const sealed = await sealTree(out, { maxEntries: 100 })
    if ('problem' in sealed) throw new Error(sealed.problem)
    expect(release.digest).toBe(`sha256-${manifestDigest(sealed.entries)}`)
    expect(release).toMatchObject({ version: release.digest!.slice(7, 19), name: 'tree', size: 14, ordered: false })
  })

  test('is looked through after 30 seconds, since its own times say nothing of what is deeper', async () => {
    const { known } = await released(null, location)
    await writeFile(join(location, 'bin/deep/data'), 'atad')
    expect(await changed(known, location)).toBe(false)
    vi.useFakeTimers({ toFake: ['Date'], now: known.lastLookAt + 30_000 })
    onTestFinished(() => void vi.useRealTimers())
    expect(await changed(known, location)).toBe(true)
    // A clock that was put back does not stop the looking.
    vi.setSystemTime(known.lastLookAt - 1)
    expect(await changed(known, location)).toBe(true)
  })

  test('that was looked through and is the same is unchanged, and that is remembered', async () => {
    const { known } = await released(null, location)
    const result = await check({ ...known, lastLookAt: 0 }, location)
    expect(result).toMatchObject({ kind: 'unchanged', known: { digest: known.digest } })
    expect((result as { known: FileKnown }).known.lastLookAt).toBeGreaterThan(known.lastLookAt - 1)
  })

  test('with one more file is seen by its own times', async () => {
    const { known } = await released(null, location)
    await writeFile(join(location, 'new'), '')
    expect(await changed(known, location)).toBe(true)
    await released(known, location)
  })

  test('is not taken while somebody has a file in it open for writing', async () => {
    const file = await open(join(location, 'bin/deep/data'), 'a')
    onTestFinished(() => file.close())
    await until('it has been still', async () => Date.now() - (await stat(location)).ctimeMs > 300)
    expect(await fileFetcher.check(contextOf(location), null)).toMatchObject({ kind: 'incomplete' })
  })

  test.each([
    ['changed', () => appendFile(join(folder, 'tree/bin/deep/data'), 'x')],
    ['removed', () => rm(join(folder, 'tree/bin/deep'), { recursive: true })],
    ['added', () => writeFile(join(folder, 'tree/bin/new'), '')],
  ])('of which something is %s during the copy is incomplete', async (_, change) => {
    const { release } = await released(null, location)
    const copy = fileFetcher.fetch(contextOf(location), release, sinkInto(join(folder, 'out'), change))
    await expect(copy).rejects.toSatisfy(isIncomplete)
  })

  needs('mkfifo').test('with a named pipe in it is nothing to take', async () => {
    const { execFileSync } = await import('node:child_process')
    execFileSync('mkfifo', [join(location, 'pipe')])
    expect(await check(null, location)).toMatchObject({
      kind: 'nothing-for-this-platform',
      message: expect.stringContaining("'pipe'"),
    })
  })
})
