/** `autoup doctor`: what is asked for and where, and whether it can work. Changes nothing. */

import { AutoupError, messageOf } from '../core/errors.ts'
import type { Diagnosis, EffectiveValue, Finding } from '../core/finding.ts'
import { EMPTY_LEDGER, type Ledger } from '../core/ledger.ts'
import type { Settings } from '../core/settings.ts'
import type { Status } from '../core/status.ts'
import { hasColor, painter } from '../report/color.ts'
import { doctorText } from '../report/doctor-text.ts'
import { lockHolder } from '../system/lock-holder.ts'
import { type CommandSpec, has, type Input } from './command.ts'
import { call, type MasterPlace } from './control-client.ts'
import { DAEMON_OPTIONS } from './daemon-options.ts'
import type { Io } from './io.ts'
import { RUN_OPTIONS } from './run-options.ts'

export const doctor: CommandSpec = {
  name: 'doctor',
  description:
    'Shows each option with its value and where that comes from, then checks what can be checked before a start or beside a running master: sockets, permissions, source and proofs, disk, kernel, leftovers. Exits with 1 when something would not work.',
  takes: 'command',
  options: [{ flag: 'json', help: 'as JSON, a stable contract' }, ...RUN_OPTIONS, ...DAEMON_OPTIONS],
  examples: [
    ['autoup doctor web', 'as autoup.config.json says'],
    ['autoup doctor --fetch github:org/app --listen 80', 'before the first start'],
  ],
  async run(input, io) {
    const diagnosis = await diagnose(input, io)
    const paint = painter(hasColor(io.stdout.isTTY === true, io.env))
    const text = has(input, 'json')
      ? `${JSON.stringify(diagnosis)}\n`
      : doctorText(diagnosis, paint, io.stdout.columns ?? null)
    io.stdout.write(text)
    return diagnosis.findings.some(({ level }) => level === 'fail') ? 1 : 0
  },
}

async function diagnose(input: Input, io: Io): Promise<Diagnosis> {
  const { loadSettings } = await import('./load-settings.ts')
  const { effectiveValues } = await import('./doctor/values.ts')
  let settings: Settings
  let values: readonly EffectiveValue[]
  try {
    const loaded = await loadSettings(input, io)
    settings = loaded.settings
    const { logPlace, umaskGiven } = await import('./log-place.ts')
    logPlace(loaded, settings)
    umaskGiven(loaded)
    values = await effectiveValues(loaded)
  } catch (error) {
    if (!(error instanceof AutoupError)) throw error
    const finding: Finding = { check: 'config', level: 'fail', message: error.message }
    return { name: input.name ?? 'autoup', values: [], findings: [finding] }
  }
  if (io.platform !== 'linux') {
    const message = `autoup run needs Linux, and this is ${io.platform}`
    return { name: settings.name, values, findings: [{ check: 'system', level: 'fail', message }] }
  }
  return { name: settings.name, values, findings: await examine(settings) }
}

async function examine(settings: Settings): Promise<Finding[]> {
  const [{ storePaths }, { peekLedger }, host, service, sockets, store] = await Promise.all([
    import('../store/layout.ts'),
    import('../store/ledger-file.ts'),
    import('./doctor/host.ts'),
    import('./doctor/service.ts'),
    import('./doctor/sockets.ts'),
    import('./doctor/store.ts'),
  ])
  const paths = storePaths(settings.stateDir, settings.name)
  const master: MasterPlace = { name: settings.name, directory: paths.root }
  const [status, statusTrouble] = await attempt(() => statusHere(master), null)
  const [ledger, ledgerTrouble] = await attempt<Ledger | null>(() => peekLedger(paths), EMPTY_LEDGER)
  return [
    ...host.checkHost(settings),
    ...(await store.checkStore(paths, ledger, statusTrouble === null ? status : 'unknown')),
    ...trouble('state', ledgerTrouble),
    ...trouble('master', statusTrouble),
    ...sockets.checkSockets(settings.listen, paths.root, status?.pid ?? lockHolder(paths.lock)),
    ...(await service.checkService(settings, ledger ?? EMPTY_LEDGER)),
  ]
}

/** Null where none runs: one that holds the lock and does not answer does. */
async function statusHere(master: MasterPlace): Promise<Status | null> {
  try {
    return await call<Status>(master, 'GET', '/status')
  } catch (error) {
    if (error instanceof AutoupError && error.code === 'not-running') return null
    throw error
  }
}

async function attempt<T>(work: () => Promise<T>, otherwise: T): Promise<[T, string | null]> {
  try {
    return [await work(), null]
  } catch (error) {
    return [otherwise, messageOf(error)]
  }
}

function trouble(check: string, message: string | null): Finding[] {
  return message === null ? [] : [{ check, level: 'fail', message }]
}
