/** One request on a connection of its own, without retry. */

import http from 'node:http'

export interface Answer {
  readonly version: string
  readonly pid: number
  readonly generation: number
}

/** A port on 127.0.0.1, `host:port`, or the path of a unix socket. */
export type Target = number | string

/** What the example servers say of themselves. */
export async function ask(target: Target, path = '/', timeoutMs = 15_000): Promise<Answer> {
  return JSON.parse(await askText(target, path, timeoutMs)) as Answer
}

export function askText(target: Target, path = '/', timeoutMs = 15_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get({ ...connectionTo(target), path, agent: false, timeout: timeoutMs }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text)
        else reject(new Error(`status ${response.statusCode}: ${text.slice(0, 200)}`))
      })
    })
    request.on('timeout', () => request.destroy(new Error(`no answer from ${target}${path} in ${timeoutMs} ms`)))
    request.on('error', reject)
  })
}

export function connectionTo(target: Target): http.RequestOptions {
  if (typeof target === 'number') return { host: '127.0.0.1', port: target }
  if (target.startsWith('/')) return { socketPath: target }
  const colon = target.lastIndexOf(':')
  return { host: target.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(target.slice(colon + 1)) }
}
