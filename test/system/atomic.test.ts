import { execFileSync, spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { linkAtomically, sweepTemporaries, syncDirectory, writeAtomically } from '../../src/system/atomic.ts'
import { onEnd } from '../support/on-end.ts'

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'autoup-atomic-'))
  onEnd(() => rmSync(path, { recursive: true, force: true }))
  return path
}

test('a file is replaced whole, with the mode it is given, and nothing is left beside it', () => {
  const folder = directory()
  const path = join(folder, 'state.json')
  writeFileSync(path, 'old and longer', { mode: 0o644 })
  const before = statSync(path).ino
  writeAtomically(path, 'new', 0o600)
  expect(readFileSync(path, 'utf8')).toBe('new')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(statSync(path).ino).not.toBe(before)
  expect(readdirSync(folder)).toEqual(['state.json'])
})

test('a mode is taken exactly, whatever umask says; without one umask decides', () => {
  const folder = directory()
  writeAtomically(join(folder, 'shared'), Buffer.from('x'), 0o666)
  writeAtomically(join(folder, 'usual'), 'x')
  expect(statSync(join(folder, 'shared')).mode & 0o777).toBe(0o666)
  expect(statSync(join(folder, 'usual')).mode & 0o777).toBe(0o666 & ~process.umask())
})

test('a reader that has the old file open keeps reading it', () => {
  const path = join(directory(), 'state.json')
  writeAtomically(path, 'old')
  const old = readFileSync(path)
  for (let round = 0; round < 50; round++) writeAtomically(path, `round ${round}`)
  expect(old.toString()).toBe('old')
  expect(readFileSync(path, 'utf8')).toBe('round 49')
})

test('a failure keeps its errno and leaves nothing behind', () => {
  const folder = directory()
  mkdirSync(join(folder, 'taken', 'by'), { recursive: true })
  expect(() => writeAtomically(join(folder, 'taken'), 'x')).toThrow(expect.objectContaining({ code: 'EISDIR' }))
  expect(() => linkAtomically('x', join(folder, 'taken'))).toThrow(expect.objectContaining({ code: 'EISDIR' }))
  expect(() => writeAtomically(join(folder, 'no', 'file'), 'x')).toThrow(expect.objectContaining({ code: 'ENOENT' }))
  expect(readdirSync(folder)).toEqual(['taken'])
})

test('on a full disk the old file stays, and the errno says why', ({ skip }) => {
  const folder = directory()
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'autoup-test', folder], { stdio: 'ignore' })
  if (status !== 0) skip('this user may not mount a small file system')
  onEnd(() => execFileSync('umount', [folder]))
  const path = join(folder, 'state.json')
  writeAtomically(path, 'old')
  expect(() => writeAtomically(path, 'x'.repeat(64_000))).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
  expect(readFileSync(path, 'utf8')).toBe('old')
  expect(readdirSync(folder)).toEqual(['state.json'])
})

test('a symlink is replaced in place, also by a dangling one', () => {
  const folder = directory()
  const path = join(folder, 'current')
  linkAtomically('builds/a', path)
  linkAtomically('builds/b', path)
  expect(readlinkSync(path)).toBe('builds/b')
  expect(readdirSync(folder)).toEqual(['current'])
})

test('what a killed writer left is swept, and nothing else', () => {
  const folder = directory()
  writeFileSync(join(folder, '.state.json.1-abc-0.autoup-tmp'), 'half')
  writeFileSync(join(folder, '.hidden'), 'mine')
  writeFileSync(join(folder, 'state.json'), '{}')
  sweepTemporaries(folder)
  expect(readdirSync(folder).sort()).toEqual(['.hidden', 'state.json'])
})

test('a directory is synced, and one that is missing is an error', () => {
  syncDirectory(directory())
  expect(() => syncDirectory('/nowhere/at/all')).toThrow(expect.objectContaining({ code: 'ENOENT' }))
})
