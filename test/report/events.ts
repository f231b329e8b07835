/** One event of every type, for presenters. The record makes the compiler ask for a new one. */

import type { AutoupEvent, Stamped } from '../../src/core/events.ts'

const build = { build: `sha256-${'3f'.repeat(32)}`, version: '1.5.0' }
const worker = { worker: 1, pid: 4720, generation: 2, ...build }

const ALL: { [T in AutoupEvent['type']]: Extract<AutoupEvent, { type: T }> } = {
  'master-started': { type: 'master-started', name: 'app', pid: 4711, source: 'github:org/app' },
  'master-stopping': { type: 'master-stopping', reason: 'SIGTERM' },
  'master-stopped': { type: 'master-stopped' },
  listening: { type: 'listening', name: 'http', address: '0.0.0.0:8080', how: 'bound' },
  'page-opened': { type: 'page-opened', address: '127.0.0.1:9090' },
  'listener-closed': { type: 'listener-closed', name: 'http', address: '0.0.0.0:8080' },
  'listener-tended': { type: 'listener-tended', address: '0.0.0.0:8080', what: 'O_NONBLOCK was gone' },
  'orphans-found': { type: 'orphans-found', pids: [1, 2] },
  'worker-started': { type: 'worker-started', ...worker },
  'worker-ready': { type: 'worker-ready', afterMs: 87, how: 'READY=1', ...worker },
  'worker-draining': { type: 'worker-draining', reason: 'upgrade', ...worker },
  'worker-killed': { type: 'worker-killed', reason: 'the drain timeout', ...worker },
  'worker-exited': { type: 'worker-exited', how: 'exited with 0', expected: true, afterMs: 4_200, ...worker },
  'worker-failed': { type: 'worker-failed', reason: 'not ready', retryInMs: 200, ...worker },
  'check-started': { type: 'check-started', source: 'github:org/app' },
  'check-finished': { type: 'check-finished', result: 'error', message: 'no route to host' },
  'release-found': { type: 'release-found', version: '1.5.0', name: 'app-linux-x64.tar.gz' },
  'fetch-progress': { type: 'fetch-progress', version: '1.5.0', bytes: 1_000, total: null },
  'release-fetched': { type: 'release-fetched', version: '1.5.0' },
  'build-staged': { type: 'build-staged', proofs: ['github-digest'], ...build },
  'build-refused': { type: 'build-refused', reason: 'the digest is another one', ...build },
  'preflight-started': { type: 'preflight-started', ...build },
  'hook-started': { type: 'hook-started', hook: 'before-promote', ...build },
  'hook-failed': {
    type: 'hook-failed',
    hook: 'after-commit',
    reason: 'it ended with status 1: no channel',
    output: ['no channel'],
    ...build,
  },
  'promotion-started': { type: 'promotion-started', purpose: 'upgrade', generation: 2, ...build },
  'promotion-ready': { type: 'promotion-ready', purpose: 'upgrade', generation: 2, afterMs: 90, ...build },
  'build-committed': { type: 'build-committed', purpose: 'upgrade', ...build },
  'promotion-failed': { type: 'promotion-failed', purpose: 'upgrade', reason: 'died in probation', ...build },
  'rolled-back': { type: 'rolled-back', from: '1.5.0', reason: 'died in probation', ...build, version: '1.4.2' },
  'build-quarantined': { type: 'build-quarantined', reason: 'died in probation', ...build },
  'quarantine-lifted': { type: 'quarantine-lifted', reason: 'the launch is another one', ...build },
  'build-swept': { type: 'build-swept', ...build },
  'watch-started': { type: 'watch-started', directory: '/home/me/app' },
  'files-changed': { type: 'files-changed', paths: ['server.js', 'lib/a.js'], count: 5 },
  paused: { type: 'paused' },
  resumed: { type: 'resumed' },
  'reload-started': { type: 'reload-started' },
  'reload-finished': {
    type: 'reload-finished',
    outcome: 'refused',
    message: 'autoup.config.json:3:1: this is not JSON',
  },
  'settings-applied': { type: 'settings-applied', changed: ['interval', 'listen'], newWorkers: true },
  'instances-changed': { type: 'instances-changed', instances: 3 },
  settled: { type: 'settled', outcome: 'committed', message: '1.5.0 is committed', version: '1.5.0' },
  warning: { type: 'warning', message: 'the disk is nearly full' },
}

export const EVENTS: readonly AutoupEvent[] = Object.values(ALL)

export function stamped(event: AutoupEvent): Stamped {
  return { ...event, at: '2026-01-01T12:34:56.789Z', sequence: 1 }
}
