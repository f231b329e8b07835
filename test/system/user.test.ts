import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lookUpUser } from '../../src/system/user.ts'
import { onEnd } from '../support/on-end.ts'
import { directory, refusal } from './sockets.ts'

function fields(file: string, name: string): string[] {
  return (
    readFileSync(file, 'utf8')
      .split('\n')
      .find((line) => line.startsWith(`${name}:`)) ?? ''
  ).split(':')
}

test('a user is what passwd says, by name and by number', () => {
  const [name, , uid, gid, , home, shell] = fields('/etc/passwd', 'nobody')
  const expected = { name, uid: Number(uid), gid: Number(gid), home, shell }
  expect(lookUpUser('nobody')).toEqual(expected)
  expect(lookUpUser(String(uid))).toEqual(expected)
})

test('a group replaces the primary one, by name and by number', () => {
  const [name, , gid] = fields('/etc/group', 'daemon')
  expect(lookUpUser(`root:${name}`)).toMatchObject({ uid: 0, gid: Number(gid), home: '/root' })
  expect(lookUpUser('nobody:4711')).toMatchObject({ name: 'nobody', gid: 4711 })
})

test('a number without an entry needs a group', () => {
  expect(lookUpUser('41234:41235')).toEqual({ name: '41234', uid: 41234, gid: 41235, home: '/', shell: '/bin/sh' })
  expect(refusal(() => lookUpUser('41234')).message).toContain('write 41234:GROUP')
})

test.each([
  ['no-such-user', "there is no user 'no-such-user' on this machine"],
  ['root:no-such-group', "there is no group 'no-such-group' on this machine"],
  ['-s', "there is no user '-s'"],
  ['4294967295:0', "there is no user '4294967295'"],
  ['', "'' is not a user"],
  ['root:', "'root:' is not a user"],
  ['a:b:c', "'a:b:c' is not a user"],
])('%j is a config error', (text, message) => {
  const error = refusal(() => lookUpUser(text))
  expect(error.code).toBe('config')
  expect(error.message).toContain(message)
})

test('a user of a directory service is asked of getent', () => {
  const folder = directory()
  writeFileSync(
    join(folder, 'getent'),
    '#!/bin/sh\n[ "$*" = "passwd remote" ] && echo remote:x:5000:5001::/home/remote:\n',
  )
  chmodSync(join(folder, 'getent'), 0o755)
  const path = process.env.PATH ?? ''
  process.env.PATH = `${folder}:${path}`
  onEnd(() => {
    process.env.PATH = path
  })
  expect(lookUpUser('remote')).toEqual({ name: 'remote', uid: 5000, gid: 5001, home: '/home/remote', shell: '/bin/sh' })
})
