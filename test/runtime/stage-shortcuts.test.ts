/** The ways round a proof that were found once: each with the name of the threat it was. */

import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { floorProblem } from '../../src/core/version-gate.ts'
import { newDelivery } from '../../src/runtime/delivery.ts'
import type { StorePaths } from '../../src/store/layout.ts'
import { temporaryStore } from '../support/stores.ts'

let store: StorePaths

beforeEach(async () => {
  store = await temporaryStore()
})

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

function delivery(name: string) {
  const folder = join(store.tmp, name)
  mkdirSync(folder)
  const keeper = {} as Parameters<typeof newDelivery>[0]['keeper']
  const options = {
    folder,
    partials: store.tmp,
    source: 'https://example.org/app',
    maxBytes: 1e6,
    keeper,
    onBytes: () => undefined,
  }
  return newDelivery(options)
}

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

async function* broken(why: string): AsyncGenerator<Uint8Array> {
  yield* pieces()
  throw new Error(why)
}

test('two jobs for one release never write to one file: what was verified stays as it was', async () => {
  const cut = delivery('cut')
  const failing = async function* () {
    yield* pieces('good ')
    throw Object.assign(new Error('cut'), { code: 'ECONNRESET' })
  }
  let asked = 0
  await expect(
    cut.sink.artifact(
      async (from) => ({
        from,
        bytes: asked++ === 0 ? failing() : broken('gone'),
      }),
      'etag',
    ),
  ).rejects.toThrow('gone')

  let goOn: () => void = () => undefined
  const waiting = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const first = delivery('first')
  const second = delivery('second')
  const slow = second.sink.artifact(async (from) => {
    expect(from).toBe(5)
    return {
      from,
      bytes: (async function* () {
        await waiting
        yield* pieces('evil!')
      })(),
    }
  }, 'etag')
  await first.sink.artifact(async (from) => {
    // The other one has taken what there was.
    expect(from).toBe(0)
    return { from, bytes: pieces('good ', 'bytes') }
  }, 'etag')
  const verified = first.delivered()
  expect(verified).toMatchObject({ sha256: sha256('good bytes') })
  goOn()
  await slow
  expect(readFileSync(verified!.path, 'utf8')).toBe('good bytes')
})

test('there is never more than one cut download on disk', async () => {
  for (const identity of ['one', 'two', 'three']) {
    const one = delivery(`job-${identity}`)
    const bytes = async function* () {
      yield* pieces(identity)
      throw new Error('cut')
    }
    await expect(
      one.sink.artifact(
        async (from) => ({
          from,
          bytes: from === 0 ? bytes() : broken('cut'),
        }),
        identity,
      ),
    ).rejects.toThrow('cut')
  }
  expect(readdirSync(store.tmp).filter((name) => name.startsWith('partial-'))).toHaveLength(1)
})

/** A job whose download ends after these texts: with a broken connection, or well. */
async function fetchOnce(job: string, identity: string, texts: string[], isCut: boolean): Promise<void> {
  const bytes = async function* () {
    yield* pieces(...texts)
    if (isCut) throw new Error('cut')
  }
  let asked = 0
  const done = delivery(job).sink.artifact(
    async (from) => ({ from, bytes: asked++ === 0 ? bytes() : broken('cut') }),
    identity,
  )
  if (isCut) await expect(done).rejects.toThrow('cut')
  else await done
}

const partials = () => readdirSync(store.tmp).filter((name) => name.startsWith('partial-'))

test('a cut download of which nothing came takes the place of none', async () => {
  await fetchOnce('first', 'one', ['something'], true)
  const before = partials()
  expect(before).toHaveLength(1)
  await fetchOnce('second', 'two', [], true)
  expect(partials()).toEqual(before)
})

test('a download that came whole leaves no older one that was cut', async () => {
  await fetchOnce('first', 'one', ['something'], true)
  await fetchOnce('second', 'two', ['all of it'], false)
  expect(partials()).toEqual([])
})

test.each(['1.10', '2026.11.02', 'main'])(
  'a source with an order cannot get round the floor by calling its release %s',
  (version) => {
    const rule = { allowDowngrade: false, pinned: null }
    expect(floorProblem({ version, ordered: true, digest: null }, null, rule)).toContain('is no version')
    expect(floorProblem({ version, ordered: false, digest: null }, null, rule)).toBeNull()
  },
)
