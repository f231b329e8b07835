/**
 * HTTP/1 in a drain: from now on every answer says `Connection: close`, whatever the app has said about it. Nothing is
 * wrapped before, so that it costs nothing until then. Upgrades (101) never come here.
 */

import http from 'node:http'

/** Where the head of every answer is made (lib/_http_outgoing.js); the headers in any form that writeHead takes. */
interface Internals {
  _storeHeader(firstLine: string, headers: unknown): void
}

export function closeAfterAnswers(): void {
  const prototype = http.ServerResponse.prototype as http.ServerResponse & Internals
  const original = prototype._storeHeader
  prototype._storeHeader = function (firstLine, headers) {
    this.shouldKeepAlive = false
    // One that was set before stands in `headers` too, as it is the table of the response itself.
    if (this.hasHeader('connection')) this.setHeader('connection', 'close')
    original.call(this, firstLine, closing(headers))
  }
}

function closing(headers: unknown): unknown {
  if (typeof headers !== 'object' || headers === null) return headers
  if (!Array.isArray(headers)) {
    const isTable = Object.getPrototypeOf(headers) === null
    const key = isTable ? undefined : Object.keys(headers).find(isConnection)
    return key === undefined ? headers : { ...headers, [key]: 'close' }
  }
  const isNested = Array.isArray(headers[0])
  if (isNested) return headers.map((pair) => (isConnection(pair[0]) ? [pair[0], 'close'] : pair))
  return headers.map((word, index) => (index % 2 === 1 && isConnection(headers[index - 1]) ? 'close' : word))
}

function isConnection(name: unknown): boolean {
  return String(name).toLowerCase() === 'connection'
}
