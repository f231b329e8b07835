/** A closed-loop load: `node closed-loop.mjs PORT SECONDS CONNECTIONS keep|new` prints requests a second. */

import { connect } from 'node:net'

const [port, seconds, connections, mode] = process.argv.slice(2)
const isKept = mode === 'keep'
const REQUEST = `GET / HTTP/1.1\r\nHost: localhost\r\n${isKept ? '' : 'Connection: close\r\n'}\r\n`
const endAt = performance.now() + Number(seconds) * 1_000
let answers = 0
let failures = 0

function client() {
  if (performance.now() >= endAt) return
  const socket = connect(Number(port), '127.0.0.1')
  let text = ''
  const again = () => (performance.now() < endAt ? socket.write(REQUEST) : socket.destroy())
  socket.setNoDelay(true)
  socket.setEncoding('latin1')
  socket.on('connect', again)
  socket.on('data', (piece) => {
    text += piece
    const head = text.indexOf('\r\n\r\n')
    if (head < 0) return
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN)
    const isWhole = Number.isNaN(length) ? text.endsWith('0\r\n\r\n') : text.length >= head + 4 + length
    if (!isWhole) return
    text = ''
    answers++
    if (isKept) again()
  })
  socket.on('error', () => failures++)
  socket.on('close', client)
}

for (let index = 0; index < Number(connections); index++) client()
setTimeout(
  () => {
    console.log(JSON.stringify({ perSecond: answers / Number(seconds), failures }))
    process.exit(0)
  },
  Number(seconds) * 1_000 + 200,
)
