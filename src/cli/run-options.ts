/** The options of `autoup run`, as the help shows them. What they mean is settled in settings.ts. */

import { DEFAULTS, LOG_FORMATS, STRATEGIES } from '../core/settings.ts'
import type { OptionSpec } from './command.ts'
import { CONFIG, STATE_DIR } from './where.ts'

const seconds = (ms: number): string => `${ms / 1_000}s`

const SOURCE = 'What runs'
const TRUST = 'What is trusted'
const READY = 'When a new build serves'
const END = 'How an old one ends'
const HOOKS = 'Your own commands (docs/hooks.md)'
const WORKERS = 'Workers'
const PLACES = 'Where things are'

export const FETCH: OptionSpec = {
  flag: 'fetch',
  value: 'SPEC',
  help: 'the release source: file:PATH, https://…, github:owner/repo[@range], npm:package[@range], ./plugin.js',
  examples: ['github:org/app', 'npm:@team/app@^2', 'https://example.org/app-{os}-{arch}.tar.gz', 'file:/srv/app'],
  group: SOURCE,
  hasVariable: true,
}

export const SHA256: OptionSpec = {
  flag: 'sha256',
  value: 'HEX',
  help: 'take only the artifact with this digest',
  group: TRUST,
  hasVariable: true,
}

export const TOKEN_FILE: OptionSpec = {
  flag: 'token-file',
  value: 'FILE',
  help: 'the token for the source',
  default: '$CREDENTIALS_DIRECTORY, then GH_TOKEN, GITHUB_TOKEN or NPM_TOKEN',
  group: SOURCE,
  hasVariable: true,
}

export const PUBLIC_KEY: OptionSpec = {
  flag: 'public-key',
  value: 'KEY|FILE',
  help: 'take only what this minisign key has signed',
  group: TRUST,
  hasVariable: true,
}

export const ALLOW_UNVERIFIED: OptionSpec = {
  flag: 'allow-unverified',
  help: 'take what nothing vouches for, and http: from anywhere',
  group: TRUST,
  hasVariable: true,
}

export const NAME: OptionSpec = {
  flag: 'name',
  value: 'NAME',
  help: 'one master per name and state directory',
  default: 'from the source or the command',
  group: PLACES,
  hasVariable: true,
}

const OPTIONS: readonly OptionSpec[] = [
  FETCH,
  TOKEN_FILE,
  {
    flag: 'interval',
    value: 'DURATION',
    help: 'how often the source is asked',
    default: `${seconds(DEFAULTS.intervalMs)}, file: ${seconds(DEFAULTS.fileIntervalMs)}, github: without a token 120s`,
    examples: ['30s', '5m'],
    group: SOURCE,
  },
  {
    flag: 'listen',
    value: '[NAME=]ADDR',
    isRepeatable: true,
    help: 'where it listens: 8080, 127.0.0.1:8080, [::1]:8080 or unix:/run/app.sock; may be repeated',
    examples: ['8080', '127.0.0.1:8080', 'unix:/run/app.sock'],
    group: SOURCE,
  },
  SHA256,
  PUBLIC_KEY,
  {
    flag: 'min-age',
    value: 'DURATION',
    help: 'a release must be this old before it is taken',
    default: '0',
    group: TRUST,
  },
  ALLOW_UNVERIFIED,
  { flag: 'allow-downgrade', help: 'take a version below the one in service', group: TRUST },
  {
    flag: 'ready',
    value: 'HOW',
    help: 'how it shows that it serves: auto, notify, http:/path, tcp, exec:COMMAND or uptime:3s',
    default: 'auto',
    examples: ['auto', 'notify', 'http:/health', 'tcp', 'exec:./is-ready.sh', 'uptime:3s'],
    group: READY,
  },
  {
    flag: 'ready-timeout',
    value: 'DURATION',
    help: 'not ready by then has failed',
    default: seconds(DEFAULTS.readyTimeoutMs),
    group: READY,
  },
  {
    flag: 'probation',
    value: 'DURATION',
    help: 'a death or a failing probe in this time is a failure',
    default: seconds(DEFAULTS.probationMs),
    group: READY,
  },
  {
    flag: 'preflight',
    value: 'COMMAND',
    help: 'must exit 0 in the directory of the staged build before it is started',
    group: READY,
  },
  {
    flag: 'strategy',
    value: 'HOW',
    choices: STRATEGIES,
    help: 'how it takes over: blue-green; rolling: one more, one less, in turn; exclusive: stop the old, then start the new',
    default: DEFAULTS.strategy,
    group: READY,
  },
  {
    flag: 'drain-timeout',
    value: 'DURATION',
    help: 'what is not finished by then is killed',
    default: seconds(DEFAULTS.drainTimeoutMs),
    group: END,
  },
  {
    flag: 'drain-signal',
    value: 'SIGNAL',
    help: 'what asks a worker to finish',
    default: 'as its program likes, else TERM',
    examples: ['TERM', 'QUIT', 'INT'],
    group: END,
  },
  {
    flag: 'before-promote',
    value: 'COMMAND',
    help: 'must exit 0 before a new build is started; AUTOUP_BUILD_DIR names it',
    group: HOOKS,
  },
  {
    flag: 'after-commit',
    value: 'COMMAND',
    help: 'is run once a new build is committed',
    group: HOOKS,
  },
  {
    flag: 'after-rollback',
    value: 'COMMAND',
    help: 'is run when a new build has failed, and after `autoup rollback`',
    group: HOOKS,
  },
  {
    flag: 'hook-timeout',
    value: 'DURATION',
    help: 'one of these that has not ended by then is killed, and has failed',
    default: seconds(DEFAULTS.hookTimeoutMs),
    group: HOOKS,
  },
  {
    flag: 'instances',
    value: 'N',
    help: 'workers per generation',
    default: String(DEFAULTS.instances),
    least: 1,
    group: WORKERS,
  },
  { flag: 'user', value: 'NAME[:GROUP]', help: 'run workers as this user', default: 'as the master', group: WORKERS },
  { flag: 'env-file', value: 'FILE', help: 'KEY=value lines for the workers', group: WORKERS },
  { flag: 'no-preload', help: 'leave Node apps to speak for themselves', group: WORKERS },
  {
    flag: 'watchdog',
    value: 'DURATION',
    help: 'a worker must say WATCHDOG=1 this often',
    examples: ['30s'],
    group: WORKERS,
  },
  { flag: 'no-respawn', help: 'do not start a worker again that died', group: WORKERS },
  {
    flag: 'metrics',
    value: 'ADDR',
    help: 'serve a read-only page, and /metrics for Prometheus: 9090 (of loopback), *:9090, *:9090?host=NAME',
    examples: ['9090', '*:9090'],
    group: PLACES,
  },
  NAME,
  { ...CONFIG, group: PLACES },
  { ...STATE_DIR, group: PLACES },
  {
    flag: 'keep',
    value: 'N',
    help: 'builds kept besides the current and the previous',
    default: String(DEFAULTS.keep),
    group: PLACES,
  },
  {
    flag: 'log-format',
    value: 'FORMAT',
    choices: LOG_FORMATS,
    help: 'pretty, journal or json, on stderr',
    default: 'pretty on a terminal, journal under systemd, else json',
    group: PLACES,
  },
]

/** In the order of the help. */
export const RUN_OPTIONS: readonly OptionSpec[] = OPTIONS.map((option) => ({ ...option, hasVariable: true }))
