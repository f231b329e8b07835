/**
 * The name of a service that was given none: what people would call it, from the release source or else from the
 * command. `github:org/app` is app, `file:/x/app.tar.gz` is app, `node server.js` is server.
 */

import { AutoupError } from '../core/errors.ts'
import type { FileLayer } from './command.ts'

const ARCHIVE = /\.(?:tar\.(?:gz|xz|zst|bz2)|tgz|tar|gz|xz|zst|zip)$/i
const SCRIPT = /\.(?:[cm]?[jt]s|py|rb|pl|php|sh|jar|lua|exe|json)$/i
const INTERPRETER =
  /^(?:node|nodejs|bun|deno|tsx|python[\d.]*|pypy[\d.]*|ruby[\d.]*|perl[\d.]*|php[\d.]*|java|lua[\d.]*|bash|sh|dash|zsh|env|exec|nice|nohup|uv|npx|run)$/
/** What follows these is a program text, not the name of one. */
const INLINE = /^-(?:e|c|p|pe|-eval|-print)$/
const LONGEST = 64

/** Null when nothing in them is a name. */
export function serviceName(source: string | null, command: readonly string[]): string | null {
  const raw = source === null ? fromCommand(command) : fromSource(source)
  const name = raw
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, LONGEST)
    .replace(/[._-]+$/, '')
  return name === '' ? null : name
}

/** Of an app that nobody has named on the command line. Throws AutoupError `config`. */
export function nameOfApp({ key, values, command, file }: FileLayer): string {
  const name =
    key ?? values.get('name')?.values.at(-1) ?? serviceName(values.get('fetch')?.values.at(-1) ?? null, command)
  if (name !== null) return name
  throw new AutoupError('config', `${file} names no service: give it a name, or say which one you mean`)
}

function fromSource(source: string): string {
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+-]*):(.*)$/s.exec(source) ?? [null, 'plugin', source]
  if (scheme === 'github' || scheme === 'npm') {
    // A range follows the last @ but one that begins a scope.
    return lastOf(rest.replace(/(?<=.)@.*$/s, ''))
  }
  // What says the `{version}` stands behind its own @.
  const path = rest.replace(/(?<=\{version\}.*)@.*$/s, '').replace(/[?#].*$/s, '')
  // `app-{os}-{arch}.gz`: what comes before the placeholders, or, where nothing does, the folder above.
  const fixed = path.split('/').map((part) => part.replace(/(?:(?:^|[-_.])v)?[-_.]?\{.*$/s, ''))
  return stripped(lastOf(fixed.join('/')))
}

function fromCommand(command: readonly string[]): string {
  let name = ''
  for (const [index, word] of command.entries()) {
    if (INLINE.test(word)) break
    if (word.startsWith('-') || /^[A-Za-z_]\w*=/.test(word)) continue
    name = word
    if (!INTERPRETER.test(lastOf(word)) || index === command.length - 1) break
  }
  return stripped(lastOf(name))
}

function stripped(file: string): string {
  return file.replace(ARCHIVE, '').replace(SCRIPT, '') || file
}

function lastOf(path: string): string {
  return path.split('/').filter(Boolean).pop() ?? ''
}
