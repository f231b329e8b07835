/** One FastCGI request, as a web server makes it to php-fpm: https://fastcgi-archives.github.io/FastCGI_Specification.html */

import { once } from 'node:events'
import net from 'node:net'

const BEGIN_REQUEST = 1
const PARAMS = 4
const STDIN = 5
const STDOUT = 6

/** Resolves with the body that the script wrote. */
export async function fastcgi(port: number, script: string): Promise<string> {
  const socket = net.connect({ host: '127.0.0.1', port })
  const params = { SCRIPT_FILENAME: script, REQUEST_METHOD: 'GET', SERVER_PROTOCOL: 'HTTP/1.1' }
  socket.write(
    Buffer.concat([
      record(BEGIN_REQUEST, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0])),
      record(PARAMS, Buffer.concat(Object.entries(params).map(pair))),
      record(PARAMS, Buffer.alloc(0)),
      record(STDIN, Buffer.alloc(0)),
    ]),
  )
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(socket, 'close')
  const answer = output(Buffer.concat(chunks))
  if (answer === '') throw new Error('the connection ended without an answer')
  return answer.slice(answer.indexOf('\r\n\r\n') + 4)
}

function record(type: number, content: Buffer): Buffer {
  const head = Buffer.from([1, type, 0, 1, 0, 0, 0, 0])
  head.writeUInt16BE(content.length, 4)
  return Buffer.concat([head, content])
}

function pair([name, value]: [string, string]): Buffer {
  return Buffer.concat([Buffer.from([name.length, value.length]), Buffer.from(name + value)])
}

function output(records: Buffer): string {
  let text = ''
  for (let at = 0; at + 8 <= records.length; ) {
    const length = records.readUInt16BE(at + 4)
    if (records[at + 1] === STDOUT) text += records.toString('utf8', at + 8, at + 8 + length)
    at += 8 + length + records[at + 6]!
  }
  return text
}
