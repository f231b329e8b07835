/**
 * The environment of children. What the master was told by its own supervisor, and every secret it was given, is taken
 * out first: a worker that inherited the master's LISTEN_FDS or NOTIFY_SOCKET would speak in the master's name. What
 * a worker is to get of these is added by whoever starts it.
 */

import { readFileSync } from 'node:fs'
import { AutoupError, errnoOf } from '../core/errors.ts'

/** sd_listen_fds(3), sd_watchdog_enabled(3), and our own. */
const PROTOCOL = /^(?:LISTEN_|WATCHDOG_|AUTOUP_)|^NOTIFY_SOCKET$/

/** What sources are reached with; `npm_config_//registry/:_authToken` is how npm reads one from the environment. */
const SECRETS =
  /^(?:GH_TOKEN|GITHUB_TOKEN|GH_ENTERPRISE_TOKEN|GITHUB_ENTERPRISE_TOKEN|NPM_TOKEN|NODE_AUTH_TOKEN|CREDENTIALS_DIRECTORY)$|^npm_config_.*_auth/i

/** The master's environment without protocol variables and secrets, then `extra`. */
export function childEnvironment(
  own: NodeJS.ProcessEnv,
  extra: Readonly<Record<string, string>>,
): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && !PROTOCOL.test(name) && !SECRETS.test(name)) environment[name] = value
  }
  return { ...environment, ...extra }
}

/**
 * Reads a file of `KEY=value` lines as systemd does (EnvironmentFile= in systemd.exec(5)): `#` and `;` begin a comment
 * line, values may be quoted, a backslash before the line's end joins two lines. `export` before a name is allowed.
 * Throws AutoupError `config` that names the line, never the value.
 */
export function readEnvFile(path: string): Record<string, string> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const why = errnoOf(cause) === 'ENOENT' ? 'there is no such file' : (errnoOf(cause) ?? 'it is not a file')
    throw new AutoupError('config', `cannot read the environment file ${path}: ${why}`, { cause })
  }
  return parseEnvironment(text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n'), path)
}

function parseEnvironment(text: string, path: string): Record<string, string> {
  const environment: Record<string, string> = {}
  let at = 0
  while (at < text.length) {
    const line = lineEnd(text, at)
    const start = /^[ \t]*/.exec(text.slice(at, line)) as RegExpExecArray
    at += start[0].length
    if (at === line || text[at] === '#' || text[at] === ';') {
      at = line + 1
      continue
    }
    const name = /^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=/.exec(text.slice(at, line))
    if (name === null) throw bad(text, at, path, 'write KEY=value')
    const value = readValue(text, at + name[0].length)
    if (typeof value === 'string') throw bad(text, at, path, value)
    if (value.text.includes('\0')) throw bad(text, at, path, 'a value cannot hold a zero byte')
    environment[name[1] as string] = value.text
    at = value.end + 1
  }
  return environment
}

/** The value that begins at `at` and where its line ends, or what is wrong with it. */
function readValue(text: string, at: number): { text: string; end: number } | string {
  let value = ''
  /** How much of `value` was quoted or escaped, and so keeps its trailing spaces. */
  let kept = 0
  while (/[ \t]/.test(text[at] ?? '')) at++
  for (; at < text.length && text[at] !== '\n'; at++) {
    const quote = text[at]
    if (quote === '\\') {
      at++
      if (text[at] !== '\n') value += text[at] ?? ''
      kept = value.length
    } else if (quote === "'" || quote === '"') {
      for (at++; text[at] !== quote; at++) {
        if (at >= text.length) return 'a quote is not closed'
        if (quote === '"' && text[at] === '\\') {
          at++
          if (text[at] === '\n') continue
          if (!/["\\`$]/.test(text[at] ?? '')) value += '\\'
        }
        value += text[at] ?? ''
      }
      kept = value.length
    } else {
      value += quote
    }
  }
  return { text: value.slice(0, kept) + value.slice(kept).trimEnd(), end: at }
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  return end < 0 ? text.length : end
}

function bad(text: string, at: number, path: string, what: string): AutoupError {
  const line = text.slice(0, at).split('\n').length
  return new AutoupError('config', `cannot read line ${line} of the environment file ${path}: ${what}`)
}
