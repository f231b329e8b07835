import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { shellLines } from '../docs/pages.ts'
import { diesAt, nodeServer } from '../support/builds.ts'
import { commandFolder } from '../support/documented.ts'
import { gate } from '../support/gate.ts'
import { temporaryDirectory } from '../support/master.ts'
import { BY_HAND, startService } from '../support/service.ts'
import { until } from '../support/until.ts'

/** What the documented module takes of OpenTelemetry's API, written down instead of exported. */
const API = `
const { appendFileSync } = require('node:fs')
const say = (line) => appendFileSync(process.env.SPANS, JSON.stringify(line) + '\\n')
exports.SpanStatusCode = { ERROR: 2 }
exports.trace = { getTracer: () => ({ startSpan: (name, { startTime, attributes }) => {
  let status = null
  const events = []
  return {
    addEvent: (event) => events.push(event),
    setStatus: (next) => { status = next },
    end: (at) => say({ name, ms: at - startTime, version: attributes.version, generation: attributes.generation, status, events }),
  }
} }) }
`

interface Span {
  readonly name: string
  readonly ms: number
  readonly generation: number
  readonly status: { readonly code: number; readonly message: string } | null
  readonly events: readonly string[]
}

test('the documented module makes a span of each promotion', async () => {
  const folder = temporaryDirectory()
  const page = readFileSync(join(import.meta.dirname, '../../docs/sight.md'), 'utf8')
  const [, module] = /```js\n\/\/ telemetry\.mjs\n(.*?)```/s.exec(page) ?? []
  const [line = ''] = /^node --import .*(?= run )/.exec(shellLines('docs/sight.md').at(-1) ?? '') ?? []
  writeFileSync(join(folder, 'telemetry.mjs'), module ?? '')
  mkdirSync(join(folder, 'node_modules/@opentelemetry/api'), { recursive: true })
  writeFileSync(join(folder, 'node_modules/@opentelemetry/api/index.js'), API)
  const spans = join(folder, 'spans')
  writeFileSync(spans, '')
  const service = await startService({
    args: [...BY_HAND, '--probation', '2s'],
    cwd: folder,
    env: { SPANS: spans, PATH: `${commandFolder()}:${process.env.PATH}` },
    // In place of the program and its file.
    through: ['bash', '-c', `exec ${line} "\${@:3}"`, 'bash'],
  })
  const door = gate()
  service.publish(diesAt(door))
  const since = service.master.mark()
  const upgrade = service.master.cli('upgrade')
  await service.master.next('promotion-ready', { since })
  door.open()
  await upgrade
  service.publish(nodeServer({ version: '3' }))
  await service.master.cli('upgrade')
  const written = (): Span[] =>
    readFileSync(spans, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Span)
  await until('three spans', () => written().length === 3)
  const [first, failed, last] = written()
  for (const span of [first, last]) expect(span).toMatchObject({ name: 'upgrade', status: null, events: ['ready'] })
  expect(first?.ms).toBeGreaterThanOrEqual(2_000)
  expect(failed).toMatchObject({ generation: 2, status: { code: 2, message: expect.stringMatching(/^exited with 1/) } })
})
