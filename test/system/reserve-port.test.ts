import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { expect, test } from 'vitest'
import * as descriptors from '../../src/system/libc/descriptors.ts'
import * as sockets from '../../src/system/libc/sockets.ts'
import { reservePort } from '../../src/system/reserve-port.ts'
import { onEnd } from '../support/on-end.ts'
import { needs } from '../support/requirements.ts'
import { end, startPython } from './python.ts'
import { attempt, dial, heard } from './sockets.ts'

function reserved(): number {
  const { port, release } = reservePort()
  onEnd(release)
  return port
}

test.each(['127.0.0.1', '0.0.0.0', '::'])('a Node server listens on a reserved port at %s', async (host) => {
  const port = reserved()
  const script = `require('net').createServer((c) => c.end('hello')).listen(${port}, '${host}', () => console.log('up'))`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  onEnd(() => end(child))
  await once(child.stdout, 'data')
  expect(await heard(await dial({ port, path: null }))).toBe('hello')
})

needs('python3').test.each(['127.0.0.1', '0.0.0.0'])(
  'a Python server listens on a reserved port at %s, again and again',
  async (host) => {
    const port = reserved()
    const script = `import socketserver, sys
class Hello(socketserver.BaseRequestHandler):
  def handle(self): self.request.sendall(b"hello")
class Server(socketserver.TCPServer): allow_reuse_address = True
server = Server((sys.argv[1], int(sys.argv[2])), Hello)
print("up", flush=True)
server.serve_forever()`
    for (let round = 0; round < 2; round++) {
      const { child } = await startPython(script, [], [host, String(port)])
      expect(await heard(await dial({ port, path: null }))).toBe('hello')
      await end(child)
    }
  },
)

test('nobody answers on a reserved port, and a server that does not share it cannot have it', async () => {
  const port = reserved()
  expect(await attempt({ port, path: null })).toBe('ECONNREFUSED')
  const fd = sockets.socket('tcp4')
  onEnd(() => descriptors.close(fd))
  expect(() => sockets.bind(fd, { family: 'tcp4', host: '127.0.0.1', port })).toThrow('EADDRINUSE')
})

test('reservations differ, and a released port can be had by anybody', async () => {
  const ports = Array.from({ length: 50 }, reserved)
  expect(new Set(ports).size).toBe(50)
  const { port, release } = reservePort()
  release()
  release()
  const server = net.createServer().listen(port, '127.0.0.1')
  onEnd(() => server.close())
  await once(server, 'listening')
})
