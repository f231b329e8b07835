/**
 * The units of a service as text: systemd.service(5), systemd.socket(5). The hardening lines are those that an ordinary
 * worker in any language does not notice: no MemoryDenyWriteExecute (a JIT needs it), no ProtectProc (workers that a
 * killed master left are found in /proc), no list of allowed system calls (what a systemd does not know yet would be
 * missing, Landlock on most), no chroot taken from servers that use it, no devices taken from machines that have some.
 */

import { type Address, formatAddress, type ListenSpec } from './address.ts'
import { argument, plain, word } from './systemd-words.ts'

export interface UnitPlan {
  readonly name: string
  /** The program and its first words: how autoup is started here. */
  readonly autoup: readonly [program: string, ...words: string[]]
  /** Of `autoup run`, without --name and --state-dir. */
  readonly options: readonly string[]
  /** What follows `--`. */
  readonly command: readonly string[]
  /** Null: the StateDirectory= of the unit. */
  readonly stateDir: string | null
  /** Absolute; null where nothing is relative to it. */
  readonly directory: string | null
  readonly user: string | null
  readonly group: string | null
  /** `NAME=value` for the master. */
  readonly environment: readonly string[]
  /** A file with the token of the source, or null. */
  readonly credential: string | null
  /** Of the master; null: they are opened by systemd. */
  readonly listen: readonly ListenSpec[]
  readonly isSocketActivated: boolean
  readonly readyTimeoutMs: number
  readonly drainTimeoutMs: number
  /** Something in the common /tmp is talked about: it is not made private then. */
  readonly usesTmp: boolean
}

export interface UnitFile {
  /** `app.service` */
  readonly name: string
  readonly text: string
}

/** A check, a fetch and a start ask for more where they need it (EXTEND_TIMEOUT_USEC). */
const START_SPARE_S = 60
/** To end after the last worker is gone. */
const STOP_SPARE_S = 15
/** The master turns its loop each second. */
const WATCHDOG_S = 30
/**
 * What it is pointless to start again after: a mistake of usage or in the configuration, a command that cannot be run.
 */
const HOPELESS = '2 126 127'
/** Below this a user other than root needs a capability to bind. */
const UNPRIVILEGED_PORT = 1_024

/** What no worker has a use for, root's included. */
const USELESS_CAPABILITIES =
  'CAP_AUDIT_CONTROL CAP_AUDIT_READ CAP_BLOCK_SUSPEND CAP_BPF CAP_CHECKPOINT_RESTORE CAP_LINUX_IMMUTABLE CAP_MAC_ADMIN CAP_MAC_OVERRIDE CAP_PERFMON CAP_SYSLOG CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_MODULE CAP_SYS_PACCT CAP_SYS_RAWIO CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_WAKE_ALARM'

type Line = readonly [key: string, value: string | number]

export function unitFiles(plan: UnitPlan): UnitFile[] {
  const sockets = plan.isSocketActivated ? plan.listen.map((spec) => socketUnit(spec, plan)) : []
  return [serviceUnit(plan, sockets), ...sockets]
}

function serviceUnit(plan: UnitPlan, sockets: readonly UnitFile[]): UnitFile {
  const { name, user, group, credential, directory, stateDir } = plan
  const [start, reload] = [startLine(plan), reloadLine(plan)]
  const socketNames = sockets.map((socket) => socket.name).join(' ')
  const text = sections([
    [
      'Unit',
      [
        ['Description', `${plain(name)}, kept up to date and up by autoup`],
        ['Wants', 'network-online.target'],
        ['After', 'network-online.target'],
        ...given('Requires', socketNames),
        ['StartLimitIntervalSec', 0],
      ],
    ],
    [
      'Service',
      [
        ['Type', 'notify'],
        ['NotifyAccess', 'main'],
        ['ExecStart', start],
        ['ExecReload', reload],
        // The journal would call it by its interpreter.
        ['SyslogIdentifier', plain(name)],
        ...given('Sockets', socketNames),
        ...given('WorkingDirectory', directory === null ? '' : plain(directory)),
        ...plan.environment.map((each): Line => ['Environment', word(each)]),
        ...given('User', user ?? ''),
        ...given('Group', group ?? ''),
        ...given('StateDirectory', stateDir === null ? `autoup/${name}` : ''),
        ...given('LoadCredential', credential === null ? '' : `token:${plain(credential)}`),
        ['Restart', 'always'],
        ['RestartSec', 1],
        ['RestartPreventExitStatus', HOPELESS],
        ['TimeoutStartSec', Math.ceil(plan.readyTimeoutMs / 1_000) + START_SPARE_S],
        ['TimeoutStopSec', Math.ceil(plan.drainTimeoutMs / 1_000) + STOP_SPARE_S],
        ['WatchdogSec', WATCHDOG_S],
        ['KillMode', 'process'],
        ['OOMPolicy', 'continue'],
      ],
    ],
    [null, hardening(plan)],
    ['Install', [['WantedBy', 'multi-user.target'], ...given('Also', socketNames)]],
  ])
  return { name: `${name}.service`, text }
}

function startLine({ autoup, name, stateDir, options, command }: UnitPlan): string {
  const [path, ...words] = autoup
  const place = stateDir === null ? '%S/autoup' : argument(stateDir)
  const parts = [word(path), ...[...words, 'run', '--name', name].map(argument), '--state-dir', place]
  return wrapped([...parts, ...options.map(argument), ...(command.length > 0 ? ['--', ...command.map(argument)] : [])])
}

/** It answers when the new configuration is checked, and fails when that was refused. */
function reloadLine({ autoup, name, stateDir }: UnitPlan): string {
  const [path, ...words] = autoup
  const place = stateDir === null ? '%S/autoup' : argument(stateDir)
  return [word(path), ...[...words, 'reload', name].map(argument), '--state-dir', place].join(' ')
}

function hardening({ user, listen, isSocketActivated, usesTmp }: UnitPlan): Line[] {
  const needsPort =
    user !== null &&
    !isSocketActivated &&
    listen.some(({ address }) => address.family === 'tcp' && address.port > 0 && address.port < UNPRIVILEGED_PORT)
  const own = needsPort ? 'CAP_NET_BIND_SERVICE' : ''
  return [
    ['NoNewPrivileges', 'yes'],
    ['CapabilityBoundingSet', user === null ? `~${USELESS_CAPABILITIES}` : own],
    ...given('AmbientCapabilities', own),
    ['ProtectSystem', 'full'],
    ...given('PrivateTmp', usesTmp ? '' : 'yes'),
    ['ProtectControlGroups', 'yes'],
    ['ProtectHostname', 'yes'],
    ['ProtectKernelLogs', 'yes'],
    ['ProtectKernelModules', 'yes'],
    ['ProtectKernelTunables', 'yes'],
    ['LockPersonality', 'yes'],
    ['RestrictAddressFamilies', 'AF_UNIX AF_INET AF_INET6 AF_NETLINK'],
    ['RestrictNamespaces', 'yes'],
    ['RestrictRealtime', 'yes'],
    ['RestrictSUIDSGID', 'yes'],
    ['SystemCallArchitectures', 'native'],
    ['SystemCallFilter', '~@clock @cpu-emulation @module @obsolete @raw-io @reboot @swap'],
    ['SystemCallErrorNumber', 'EPERM'],
  ]
}

/** One for each listener: FileDescriptorName= and SocketMode= hold for all of a unit. */
function socketUnit(spec: ListenSpec, { name, listen }: UnitPlan): UnitFile {
  const { address } = spec
  const isOnly = listen.length === 1
  const text = sections([
    ['Unit', [['Description', `${plain(formatAddress(address))} of ${plain(name)}`]]],
    [
      'Socket',
      [
        ['ListenStream', streamOf(address)],
        ['FileDescriptorName', spec.name],
        ...socketLines(address),
        ['Backlog', 4_096],
        ['Service', `${name}.service`],
      ],
    ],
    ['Install', [['WantedBy', 'sockets.target']]],
  ])
  return { name: isOnly ? `${name}.socket` : `${name}-${spec.name}.socket`, text }
}

function streamOf(address: Address): string {
  return plain(address.family === 'unix' ? address.path : formatAddress(address).replace(/^\*:/, ''))
}

function socketLines(address: Address): Line[] {
  // As autoup binds it; the default is that of a sysctl.
  if (address.family === 'tcp') return address.host === null ? [['BindIPv6Only', 'both']] : []
  const [user = '', group = ''] = (address.owner ?? '').split(':')
  const mode = address.mode === null ? '' : address.mode.toString(8).padStart(4, '0')
  return [...given('SocketMode', mode), ...given('SocketUser', user), ...given('SocketGroup', group)]
}

function given(key: string, value: string): Line[] {
  return value === '' ? [] : [[key, value]]
}

/** `null` goes on with the section before, after an empty line. */
function sections(all: readonly (readonly [title: string | null, lines: readonly Line[]])[]): string {
  const parts = all.map(([title, lines]) => {
    const text = lines.map(([key, value]) => `${key}=${value}\n`).join('')
    return title === null ? text : `[${title}]\n${text}`
  })
  return parts.join('\n')
}

const LINE_WIDTH = 110

/** Over several lines, each but the last ending in a backslash (systemd.syntax(7)). */
function wrapped(words: readonly string[]): string {
  const lines: string[] = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last === undefined || last.length + word.length > LINE_WIDTH) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines.join(' \\\n  ')
}
