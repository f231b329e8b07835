/** What must vouch for a release, joined: the same rules for every source, here with `file:`. */

import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { FetchContext, Fetcher, Release } from '../../../src/core/source.ts'
import { demandsOf, gatherEvidence } from '../../../src/runtime/stager/stage-trust.ts'
import type { StorePaths } from '../../../src/store/layout.ts'
import { publish, script } from '../../support/builds.ts'
import { needs } from '../../support/requirements.ts'
import { jobFor, runJob, temporaryFolder, temporaryStore } from '../../support/stores.ts'

const HEX = 'a'.repeat(64)
const release: Release = { version: '1.2.0', name: 'app.tar.gz', size: 10, digest: null, ordered: true }
let store: StorePaths

beforeEach(async () => {
  store = await temporaryStore()
})

describe('evidence', () => {
  test('a release that nothing vouches for is not taken', async () => {
    expect(await gather({})).toEqual({ problem: expect.stringContaining('nothing vouches for its bytes') })
  })

  test('is taken all the same when the operator allows it', async () => {
    expect(await gather({}, { allowUnverified: true })).toMatchObject({ pledged: [] })
  })

  test('is the checksum file that has a line for the artifact', async () => {
    const texts = { 'SHA256SUMS-other': `${HEX}  other\n`, SHA256SUMS: `${HEX}  app.tar.gz\n` }
    const evidence = await gather(texts)
    expect(evidence).toMatchObject({ pledged: ['checksum-file'], sums: { file: 'SHA256SUMS' } })
  })

  test('is not one that says nothing, which is told where nothing else vouches', async () => {
    const rubbish = await gather({ 'app.tar.gz.sha256': 'not found\n', SHA256SUMS: `${HEX}  other\n` })
    const said =
      'nothing vouches for its bytes (it has no line of its own in app.tar.gz.sha256); publish a checksum file'
    expect(rubbish).toEqual({ problem: expect.stringContaining(said) })
    const weak = { 'checksums.txt': `${'a'.repeat(32)}  app.tar.gz\n` }
    expect(await gather(weak)).toEqual({
      problem: expect.stringContaining('only an MD5 or SHA-1 sum in checksums.txt'),
    })
    const digest = `sha256-${HEX}`
    expect(await gather(weak, {}, { ...release, digest })).toMatchObject({ pledged: ['https-digest'], sums: null })
    const both = await gather({ ...weak, SHA256SUMS: `${HEX}  app.tar.gz\n` })
    expect(both).toMatchObject({ sums: { file: 'SHA256SUMS' } })
  })

  test('is the one that contradicts itself about the artifact, whatever that is called', async () => {
    const file = 'has no line of its own-SHA256SUMS'
    const evidence = await gather({ [file]: `${HEX}  app.tar.gz\n${'b'.repeat(64)}  app.tar.gz\n` })
    expect(evidence).toMatchObject({ sums: { file } })
  })

  test('a signature that is asked for and missing is a refusal before anything is fetched', async () => {
    const publicKey = 'RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3'
    expect(await gather({}, { publicKey, sha256: HEX })).toEqual({
      problem: expect.stringContaining('app.tar.gz.minisig'),
    })
  })

  test('a release with less than the ones before is held by the ratchet', async () => {
    const weaker = await gather({ SHA256SUMS: `${HEX}  app.tar.gz\n` }, { ratchet: 'minisign' })
    expect(weaker).toEqual({ problem: expect.stringContaining('--reset-trust') })
  })

  test('a plugin cannot claim what autoup verifies itself', async () => {
    const claimed = { ...release, proofs: ['minisign', 'npm-signature'] }
    expect(await gather({}, {}, claimed)).toMatchObject({ pledged: ['npm-signature'] })
  })

  test('becomes demands on the bytes', () => {
    const evidence = { sums: { file: 'SHA256SUMS', content: '' }, signature: null, pledged: [] }
    const job = jobFor(store, 'file:/app', { sha256: HEX })
    expect(demandsOf(job, { ...release, digest: `sha256-${HEX}` }, evidence, 'github').digests).toMatchObject([
      { proof: 'sha256', from: '--sha256' },
      { proof: 'github-digest' },
    ])
  })
})

needs('minisign').describe('a signed file', () => {
  let folder: string
  let path: string
  let publicKey: string

  beforeEach(async () => {
    folder = await temporaryFolder()
    path = join(folder, 'app')
    publish(path, script('#!/bin/sh\nsleep 1000\n'))
    execFileSync('minisign', ['-G', '-W', '-p', join(folder, 'key.pub'), '-s', join(folder, 'key')])
    publicKey = readFileSync(join(folder, 'key.pub'), 'utf8')
  })

  const sign = () => execFileSync('minisign', ['-S', '-s', join(folder, 'key'), '-m', path, '-t', 'file:app'])

  test('is staged with its signature as the proof', async () => {
    sign()
    expect(await runJob(jobFor(store, `file:${path}`, { publicKey }))).toMatchObject({
      type: 'staged',
      build: { proofs: ['minisign', 'local-file'] },
    })
  })

  test('is refused when other bytes lie under the signature', async () => {
    sign()
    publish(path, script('#!/bin/sh\nsleep 1001\n'))
    expect(await runJob(jobFor(store, `file:${path}`, { publicKey }))).toMatchObject({ type: 'refused', id: null })
  })

  test('is refused without its signature, also when it is in the store already', async () => {
    sign()
    const staged = await runJob(jobFor(store, `file:${path}`))
    expect(staged).toMatchObject({ type: 'staged' })
    rmSync(`${path}.minisig`)
    expect(await runJob(jobFor(store, `file:${path}`, { publicKey }))).toMatchObject({
      type: 'refused',
      reason: expect.stringContaining('has no signature'),
    })
    writeFileSync(`${path}.minisig`, 'nonsense')
    expect(await runJob(jobFor(store, `file:${path}`, { publicKey }))).toMatchObject({ type: 'refused' })
  })
})

function gather(texts: Record<string, string>, more: Parameters<typeof jobFor>[2] = {}, of: Release = release) {
  const fetcher: Fetcher = {
    scheme: 'https',
    check: async () => ({ kind: 'unchanged' }),
    fetch: async () => undefined,
    companion: async (_context, _release, name) => texts[name] ?? null,
  }
  const siblings = Object.keys(texts)
  return gatherEvidence(
    jobFor(store, 'https://example.org/app', more),
    { ...of, siblings },
    { fetcher, context: {} as FetchContext },
  )
}
