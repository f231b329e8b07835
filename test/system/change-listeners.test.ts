import { existsSync, statSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseListen } from '../../src/core/address.ts'
import { carryOutPlan, closeAll, type ListenerPlan, planListeners } from '../../src/system/change-listeners.ts'
import { describeSocket } from '../../src/system/describe-socket.ts'
import { closeListener, inodeOf, type Listener, openListeners } from '../../src/system/listeners.ts'
import { rebind } from '../../src/system/tend.ts'
import { onEnd } from '../support/on-end.ts'
import { freePort } from '../support/ports.ts'
import { attempt, dial, directory, openAll, openOne, refusal } from './sockets.ts'

function plan(texts: readonly string[], held: readonly Listener[]): ListenerPlan {
  const made = planListeners(texts.map(parseListen), held)
  onEnd(() => closeAll(made.fresh))
  return made
}

function never(error: unknown): void {
  throw error
}

test('what is still asked for is the same socket, under its new name and in its new place', async () => {
  const [a, b] = [await freePort(), await freePort()]
  const held = openAll([`one=127.0.0.1:${a}`, `two=127.0.0.1:${b}`])
  const made = plan([`second=127.0.0.1:${b}`, `127.0.0.1:${a}`], held)
  expect(made.fresh).toEqual([])
  expect(carryOutPlan(made, never)).toMatchObject([
    { name: 'second', fd: held[1]!.fd, inode: held[1]!.inode, how: 'bound' },
    { name: `port-${a}`, fd: held[0]!.fd, inode: held[0]!.inode },
  ])
})

test('what is new is bound at once, what is gone stays open', async () => {
  const [a, b] = [await freePort(), await freePort()]
  const [old] = openAll([`127.0.0.1:${a}`]) as [Listener]
  const made = plan([`127.0.0.1:${b}`], [old])
  expect(made.fresh).toMatchObject([{ port: b }])
  for (const port of [a, b]) (await dial({ path: null, port })).destroy()
})

test('when one cannot be bound nothing new is left open', async () => {
  const [free, taken] = [await freePort(), await freePort()]
  const [stranger] = openAll([`127.0.0.1:${taken}`]) as [Listener]
  const texts = [`127.0.0.1:${free}`, `127.0.0.1:${taken}`]
  expect(refusal(() => planListeners(texts.map(parseListen), [])).message).toMatch(/the port is in use/)
  expect(await attempt({ path: null, port: free })).toBe('ECONNREFUSED')
  expect(inodeOf(stranger.fd)).toBe(stranger.inode)
})

test('a socket that is bound anew while the plan waits is the one that is meant', () => {
  const path = join(directory(), 'app.sock')
  const listener = openOne(`unix:${path}`)
  const made = plan([`web=unix:${path}`], [listener])
  unlinkSync(path)
  rebind(listener)
  const [moved] = carryOutPlan(made, never) as [Listener]
  expect(moved).toMatchObject({ name: 'web', fd: listener.fd, inode: inodeOf(listener.fd) })
})

test('an inherited socket that nobody asks for any more is passed on, and found when it is asked for again', async () => {
  const { fd, port } = openOne('127.0.0.1:0')
  const inherited = { ...describeSocket(fd), name: 'web', fd, inode: inodeOf(fd) }
  const held = openListeners([parseListen(`web=127.0.0.1:${port}`)], [inherited], new Map())
  expect(held).toMatchObject([{ how: 'inherited' }])
  const without = carryOutPlan(plan([], held), never)
  expect(without).toMatchObject([{ how: 'inherited', fd, spec: null }])
  expect(carryOutPlan(plan([`again=127.0.0.1:${port}`], without), never)).toMatchObject([{ name: 'again', fd }])
})

test('a unix path takes on the mode that is asked for now', () => {
  const path = join(directory(), 'app.sock')
  const held = openAll([`unix:${path}?mode=0600`])
  carryOutPlan(plan([`unix:${path}?mode=0666`], held), never)
  expect(statSync(path).mode & 0o777).toBe(0o666)
  closeListener(held[0]!, { unlink: true })
  expect(existsSync(path)).toBe(false)
  const errors: unknown[] = []
  carryOutPlan(plan([`unix:${path}?mode=0600`], [{ ...held[0]!, fd: 0 }]), (error) => errors.push(error))
  expect(errors).toHaveLength(1)
})

test('twins are refused', () => {
  expect(refusal(() => planListeners(['a=127.0.0.1:0', 'a=127.0.0.2:0'].map(parseListen), []))).toMatchObject({
    code: 'usage',
  })
})
