/** A control server with handlers that only remember: what the commands talk to in tests. */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Stamped } from '../../src/core/events.ts'
import type { ReleaseRow, Status } from '../../src/core/status.ts'
import {
  type ControlHandlers,
  type ControlOptions,
  type ControlReply,
  type ControlServer,
  type ControlVerb,
  startControlServer,
} from '../../src/runtime/control/server.ts'
import { onEnd } from '../support/on-end.ts'

export const DIGEST = `sha256-${'3f'.repeat(32)}`

export const STATUS: Status = {
  name: 'app',
  pid: 4711,
  state: 'idle',
  since: '2026-01-01T00:00:00.000Z',
  source: 'github:org/app',
  listen: [{ name: 'http', address: '0.0.0.0:8080' }],
  current: {
    build: DIGEST,
    version: '1.4.2',
    stagedAt: '2026-01-01T00:00:00.000Z',
    committedAt: '2026-01-01T00:00:10.000Z',
    proofs: ['github-digest'],
  },
  previous: null,
  candidate: null,
  instances: 1,
  generation: 1,
  workers: [
    {
      pid: 4720,
      build: DIGEST,
      version: '1.4.2',
      generation: 1,
      state: 'ready',
      since: '2026-01-01T00:00:00.000Z',
      restarts: 0,
      connections: 12,
      memory: 48_000_000,
      status: '',
    },
  ],
  lastCheck: { at: '2026-01-01T00:01:00.000Z', result: 'unchanged', message: '' },
  budget: null,
  nextCheckAt: '2026-01-01T00:02:00.000Z',
  quarantine: [],
  paused: false,
}

export const ROW: ReleaseRow = {
  build: DIGEST,
  version: '1.4.2',
  stagedAt: '2026-01-01T00:00:00.000Z',
  committedAt: '2026-01-01T00:00:10.000Z',
  state: 'current',
  size: 12_300_000,
  reason: null,
}

export const DONE: ControlReply = { outcome: 'committed', message: '1.5.0 is committed', version: '1.5.0', exit: 0 }

export function event(sequence: number, message = `event ${sequence}`): Stamped {
  return { type: 'warning', message, at: '2026-01-01T12:34:56.789Z', sequence }
}

export interface FakeMaster {
  readonly stateDir: string
  readonly directory: string
  readonly server: ControlServer
  /** What was asked, in order. */
  readonly asked: { verb: ControlVerb; options: ControlOptions }[]
  /** Readers of events now. */
  readonly readers: Set<(event: Stamped) => void>
  readonly kept: Stamped[]
  emit(event: Stamped): void
}

export async function fakeMaster(
  options: { name?: string; stateDir?: string } & Partial<ControlHandlers> = {},
): Promise<FakeMaster> {
  const { name = 'app', stateDir = temporaryDirectory(), ...own } = options
  const directory = join(stateDir, name)
  mkdirSync(directory, { recursive: true })
  const asked: FakeMaster['asked'] = []
  const readers = new Set<(event: Stamped) => void>()
  const kept: Stamped[] = []
  const handlers: ControlHandlers = {
    status: () => ({ ...STATUS, name }),
    releases: async () => [ROW],
    metrics: async () => ({ contentType: 'text/plain', text: 'autoup_up 1\n' }),
    events: (since, listener) => {
      for (const each of kept) if (each.sequence > since) listener(each)
      readers.add(listener)
      return () => readers.delete(listener)
    },
    request: async (verb, asking) => {
      asked.push({ verb, options: asking })
      return DONE
    },
    ...own,
  }
  const server = await startControlServer({ directory, handlers })
  onEnd(() => server.close())
  return {
    stateDir,
    directory,
    server,
    asked,
    readers,
    kept,
    emit(next) {
      kept.push(next)
      for (const reader of readers) reader(next)
    },
  }
}

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'au-'))
  onEnd(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
