import { readFileSync } from 'node:fs'
import https from 'node:https'

const { KEY, CERT, PORT } = process.env
const options = { key: readFileSync(KEY), cert: readFileSync(CERT) }
https
  .createServer(options, (_request, response) => response.end(JSON.stringify({ pid: process.pid })))
  .listen(Number(PORT))
