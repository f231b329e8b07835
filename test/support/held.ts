/** Requests that are in flight for as long as the test wants: their body does not end before the test says so. */

import http from 'node:http'
import https from 'node:https'
import { connectionTo, type Target } from './ask.ts'

export interface PlainAnswer {
  readonly version: string
  readonly pid: number
  readonly door: string
}

export interface Held {
  /** Rejects when the connection ends before the answer does. */
  readonly whole: Promise<PlainAnswer>
  /** Ends the request, and resolves with its answer. */
  finish(): Promise<PlainAnswer>
}

export interface HoldOptions {
  /** Over TLS, with this authority. */
  ca?: string
}

/** Resolves when the app has begun to answer: from then on the request is in its hands. */
export function hold(target: Target, { ca }: HoldOptions = {}): Promise<Held> {
  return new Promise((resolve, reject) => {
    const options = { ...connectionTo(target), method: 'POST', path: '/hold', agent: false }
    const request = ca ? https.request({ ...options, ca, servername: 'localhost' }) : http.request(options)
    request.on('error', reject)
    request.on('response', (response) => {
      const whole = textOf(response).then((text) => JSON.parse(text) as PlainAnswer)
      whole.catch(() => {})
      resolve({
        whole,
        finish() {
          request.end()
          return whole
        },
      })
    })
    request.flushHeaders()
  })
}

/** One request over TLS on a connection of its own. */
export function askTls(port: number, ca: string): Promise<PlainAnswer> {
  return new Promise((resolve, reject) => {
    const request = https.get({ host: '127.0.0.1', port, ca, servername: 'localhost', agent: false }, (response) => {
      textOf(response).then((text) => resolve(JSON.parse(text) as PlainAnswer), reject)
    })
    request.on('error', reject)
  })
}

function textOf(response: http.IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (chunk) => {
      text += chunk
    })
    response.on('error', reject)
    response.on('end', () => resolve(text))
  })
}
