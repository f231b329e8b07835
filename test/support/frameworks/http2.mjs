import { readFileSync } from 'node:fs'
import http2 from 'node:http2'

const { KEY, CERT, PORT } = process.env
const server = http2.createSecureServer({ key: readFileSync(KEY), cert: readFileSync(CERT) })
server.on('stream', (stream) => {
  stream.respond({ ':status': 200, 'content-type': 'application/json' })
  stream.end(JSON.stringify({ pid: process.pid }))
})
server.listen(Number(PORT))
