import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { newKeeper } from '../../../src/runtime/stager/keeper.ts'
import { temporaryFolder } from '../../support/stores.ts'

let base: string
let folder: string

beforeEach(async () => {
  base = await temporaryFolder()
  folder = join(base, 'scratch')
})

const digest = createHash('sha256').update('hello').digest('hex')

async function* bytes(...pieces: string[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield Buffer.from(piece)
}

test('what is kept is there as it was hashed, and can be taken over once', async () => {
  const keeper = newKeeper({ folder, maxBytes: 100 })
  const kept = await keeper.keep(bytes('hel', 'lo'), 5)
  expect(kept).toEqual({ size: 5, sha256: digest, isHere: true })
  await keeper.takeOver(kept, join(base, 'artifact'))
  expect(readFileSync(join(base, 'artifact'), 'utf8')).toBe('hello')
  await expect(keeper.takeOver(kept, join(base, 'again'))).rejects.toThrow('once')
})

test('what somebody only claims to have kept is not taken over', async () => {
  const keeper = newKeeper({ folder, maxBytes: 100 })
  const kept = await keeper.keep(bytes('hello'), 5)
  await expect(keeper.takeOver({ ...kept }, join(base, 'artifact'))).rejects.toThrow('same job')
})

test.each([
  ['is longer than expected', 3, 100],
  ['is shorter than expected', 9, 100],
  ['has no room on the disk', 1e15, 1e16],
])('what %s is only hashed', async (_, size, maxBytes) => {
  const kept = await newKeeper({ folder, maxBytes }).keep(bytes('hel', 'lo'), size)
  expect(kept).toEqual({ size: 5, sha256: digest, isHere: false })
})

test('what is larger than anything that is taken is not read at all', async () => {
  const unread: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => {
      throw new Error('it was read')
    },
  }
  await expect(newKeeper({ folder, maxBytes: 4 }).keep(unread, 5)).rejects.toThrow(
    'the source has 5 B, and at most 4 B are taken',
  )
})

test('a store that cannot be written is no reason not to know the digest', async () => {
  await mkdir(join(base, 'gone'))
  await symlink('/proc', join(base, 'odd'))
  for (const place of [join(base, 'missing/scratch'), join(base, 'odd/scratch')]) {
    expect(await newKeeper({ folder: place, maxBytes: 100 }).keep(bytes('hello'), 5)).toMatchObject({ isHere: false })
  }
  expect(readdirSync(base).sort()).toEqual(['gone', 'odd'])
})

test('what fails to be read fails', async () => {
  const broken = (async function* () {
    yield Buffer.from('hel')
    throw new Error('gone')
  })()
  await expect(newKeeper({ folder, maxBytes: 100 }).keep(broken, 5)).rejects.toThrow('gone')
})
