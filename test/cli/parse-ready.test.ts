import { expect, test } from 'vitest'
import { parseReady } from '../../src/cli/parse-ready.ts'

test.each([
  ['auto', { kind: 'auto' }],
  ['notify', { kind: 'notify' }],
  ['tcp', { kind: 'tcp' }],
  ['http:/health?deep=1', { kind: 'http', path: '/health?deep=1' }],
  ['exec:curl -f http://localhost:1/', { kind: 'exec', command: 'curl -f http://localhost:1/' }],
  ['uptime:3s', { kind: 'uptime', ms: 3_000 }],
])('%s is a way to be ready', (text, ready) => {
  expect(parseReady(text)).toEqual(ready)
})

test.each(['maybe', '', 'auto:', 'tcp:8080', 'http', 'HTTP:/x'])('%j is none, and the forms are named', (text) => {
  expect(() => parseReady(text)).toThrow(/no way to be ready/)
})

test.each([
  ['http:health', /path/],
  ['http:/a b', /path/],
  ['http:', /path/],
  ['exec:  ', /command/],
  ['uptime:0', /lived/],
  ['uptime:3', /duration/],
  ['uptime', /duration/],
])('%j says what is missing', (text, words) => {
  expect(() => parseReady(text)).toThrow(words)
})
