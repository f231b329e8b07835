import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bindListener } from '../../src/system/bind-listener.ts'
import { inodeOf } from '../../src/system/describe-socket.ts'
import { lockedFiles, ownListeners } from '../../src/system/holdings.ts'
import { close } from '../../src/system/libc/descriptors.ts'
import { onEnd } from '../support/on-end.ts'
import { freePort } from '../support/ports.ts'
import { needs } from '../support/requirements.ts'
import { temporaryFolder } from '../support/stores.ts'
import { start } from './helper-process.ts'

test('names the listeners that a worker opened by itself', async () => {
  const ours = bindListener({ family: 'tcp', host: '127.0.0.1', port: await freePort() })
  onEnd(() => close(ours))
  const [v4, v6, any] = [await freePort(), await freePort(), await freePort()]
  const path = join(await temporaryFolder(), 'own.sock')
  const code = `const net = require('node:net')
    let left = 4
    const listen = (options) => net.createServer().listen(options, () => { if (--left === 0) console.log('up') })
    listen({ port: ${v4}, host: '127.0.0.1' }); listen({ port: ${v6}, host: '::1' }); listen({ port: ${any} })
    listen({ path: ${JSON.stringify(path)} })`
  const helper = start([process.execPath, '-e', code], { stdio: [ours] })
  await helper.line()
  const found = ownListeners(helper.pid, new Set([inodeOf(ours)]))
  expect(found.toSorted()).toEqual([`127.0.0.1:${v4}`, `[::1]:${v6}`, `[::]:${any}`, `unix:${path}`].toSorted())
})

needs('python3').test('names the files that a worker has locked, and its pid file', async () => {
  const made = await temporaryFolder()
  const code = `import fcntl, os, sys
os.chdir(sys.argv[1])
a = open('flocked', 'w'); fcntl.flock(a, fcntl.LOCK_EX)
b = open('fcntled', 'w'); fcntl.lockf(b, fcntl.LOCK_EX)
c = open('app.pid', 'w')
d = open('plain', 'w')
e = open('shared', 'w'); fcntl.flock(e, fcntl.LOCK_SH)
if os.fork() == 0: sys.stdin.read(); os._exit(0)
fcntl.lockf(b, fcntl.LOCK_UN)
print('up', flush=True)
sys.stdin.read()`
  const helper = start(['python3', '-c', code, made])
  await helper.line()
  expect(lockedFiles(helper.pid).toSorted()).toEqual(['app.pid', 'flocked'].map((name) => join(made, name)))
  const [holder] = [
    start(['python3', '-c', code.replace('fcntl.lockf(b, fcntl.LOCK_UN)', ''), await temporaryFolder()]),
  ]
  await holder?.line()
  expect(lockedFiles(holder?.pid ?? 0).map((path) => path.split('/').pop())).toContain('fcntled')
})
