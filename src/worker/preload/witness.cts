/**
 * In a Node that is not the worker, but was started by it with the worker's variables: behind `npm start`, a shell
 * script that does not exec, a launcher. It gets no socket, so that its own `listen` fails where the master holds the
 * address; then one line says why, and what to type. A launcher is watched as well: as the primary of a cluster
 * (node:cluster) it listens for the app. Nothing else is done here.
 */

import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { wrapListen2 } from './internals.cts'
import { tell } from './tell.cts'

/** `worker` is the pid that the master started. */
export function witness(worker: number): void {
  wrapListen2(
    (original) =>
      function setupListenHandle(...args) {
        original.apply(this, args)
        if (this._handle !== null) return
        if (worker === process.pid) {
          tell(
            `${commandOf(worker)} starts the app as a child, where the socket does not get to; ` +
              'give autoup the command of the app itself',
          )
        } else if (isAncestor(worker)) {
          tell(
            `this process is no worker but a child of one (${commandOf(worker)}), where the socket does not get to; ` +
              `give autoup the command itself: -- ${ownCommand()}`,
          )
        }
      },
  )
}

function isAncestor(pid: number): boolean {
  for (let at = process.ppid, depth = 0; at > 1 && depth < 32; at = parentOf(at), depth++) if (at === pid) return true
  return false
}

/** The fourth field of /proc/PID/stat (proc(5)); the second, in parentheses, may hold anything. */
function parentOf(pid: number): number {
  const text = read(`/proc/${pid}/stat`)
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1] ?? 0)
}

function commandOf(pid: number): string {
  const words = read(`/proc/${pid}/cmdline`).split('\0').filter(Boolean)
  const text = words.join(' ')
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** What this process runs, as one would type it. */
function ownCommand(): string {
  const [, started = '', ...args] = process.argv
  // PM2 starts a file of its own, which loads the app.
  const script = process.env.pm_exec_path ?? started
  const options = process.execArgv.join(' ')
  // tsx puts its own files there.
  const nodeOptions = /[/\\]tsx[/\\]/.test(options) ? ['--import', 'tsx'] : process.execArgv
  return ['node', ...nodeOptions, relative(process.cwd(), script) || script, ...args].join(' ')
}
