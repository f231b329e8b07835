/**
 * Processes as /proc shows them (proc(5)). Nothing here is cached: each call reads, and a process that is gone, or that
 * this user may not look into, is a null or an empty answer, never an error. A pid alone is no identity, for the kernel
 * uses it again; a pid with its start time is. All calls are synchronous, since /proc does not block.
 */

import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { errnoOf } from '../core/errors.ts'
import { withSpare } from './spare-descriptor.ts'

export interface ProcessStat {
  readonly pid: number
  /** One letter: R S D T t Z X I. */
  readonly state: string
  readonly ppid: number
  readonly pgrp: number
  readonly session: number
  /** The device of its controlling terminal; 0 when it has none, or has none any more. */
  readonly terminal: number
  /** Clock ticks between boot and its start: with the pid, an identity. */
  readonly startTicks: number
  /** A zombie, or gone right now. One whose first thread has ended is none while another goes on (proc_pid_stat(5)). */
  readonly isDead: boolean
  /** It is ending: it may still be there, without an environment, and its children are still its own. */
  readonly isEnding: boolean
  /** The first 15 bytes of its name. */
  readonly command: string
}

export interface FoundProcess {
  readonly pid: number
  readonly startTicks: number
  readonly session: number
  readonly ppid: number
  /** The real ones: a program that is setuid has the environment of whoever started it. */
  readonly uid: number
  readonly gid: number
  readonly env: ReadonlyMap<string, string>
}

/** Of linux/sched.h, in the flags of proc_pid_stat(5). */
const PF_EXITING = 0x4

/** `/proc/PID/stat`, or null when there is no such process. A zombie still has one. */
export function readStat(pid: number): ProcessStat | null {
  const text = read(`/proc/${pid}/stat`)
  // The name stands in parentheses and may hold spaces and parentheses itself: the last one closes it.
  const open = text?.indexOf('(') ?? -1
  const close = text?.lastIndexOf(')') ?? -1
  if (text === null || open < 0 || close < open) return null
  const fields = text.slice(close + 2).split(' ')
  const state = fields[0] as string
  return {
    pid,
    state,
    isDead: (state === 'Z' || state === 'X') && Number(fields[17]) <= 1,
    ppid: Number(fields[1]),
    pgrp: Number(fields[2]),
    session: Number(fields[3]),
    terminal: Number(fields[4]),
    startTicks: Number(fields[19]),
    isEnding: (Number(fields[6]) & PF_EXITING) !== 0,
    command: text.slice(open + 1, close),
  }
}

/** Whether the process runs; with `startTicks`, whether it is still that one. A zombie is dead. */
export function isAlive(pid: number, startTicks?: number): boolean {
  const stat = readStat(pid)
  if (stat === null) return pid > 0 && isThere(pid)
  if (stat.isDead) return false
  return startTicks === undefined || stat.startTicks === startTicks
}

/**
 * The environment a process was started with, or null when it cannot be read. Programs that write their title over it
 * (nginx, and whatever sets `$0` in Ruby, so puma and unicorn) have none left: find those by their sockets.
 */
export function environmentOf(pid: number): Map<string, string> | null {
  const text = read(`/proc/${pid}/environ`)
  if (text === null) return null
  const environment = new Map<string, string>()
  for (const entry of text.split('\0')) {
    const equals = entry.indexOf('=')
    if (equals > 0) environment.set(entry.slice(0, equals), entry.slice(equals + 1))
  }
  return environment
}

/** Its children, zombies among them. A child that starts or ends during the call may be missing (proc(5)). */
export function childrenOf(pid: number): number[] {
  let found = false
  const children: number[] = []
  for (const thread of list(`/proc/${pid}/task`)) {
    const text = read(`/proc/${pid}/task/${thread}/children`)
    if (text === null) continue
    found = true
    for (const child of text.split(' ')) if (child !== '') children.push(Number(child))
  }
  // A kernel without CONFIG_PROC_CHILDREN lists none: ask every process for its parent.
  if (!found && readStat(pid) !== null) return allPids().filter((other) => readStat(other)?.ppid === pid)
  return children
}

/** The process and all its descendants, parents first. */
export function treeOf(pid: number): number[] {
  const tree = new Set([pid])
  for (const member of tree) for (const child of childrenOf(member)) tree.add(child)
  return [...tree]
}

export function allPids(): number[] {
  return list('/proc').filter(isNumber).map(Number)
}

/** The inodes of all sockets it holds. */
export function socketInodes(pid: number): Set<number> {
  const inodes = new Set<number>()
  for (const { target } of openFiles(pid)) {
    const inode = socketInodeIn(target)
    if (inode !== null) inodes.add(inode)
  }
  return inodes
}

/** Of `socket:[inode]`, as a descriptor leads to it; null of anything else. */
export function socketInodeIn(target: string): number | null {
  return target.startsWith('socket:[') ? Number(target.slice(8, -1)) : null
}

/** Of all of these. */
export function socketsOf(pids: readonly number[]): Set<number> {
  return new Set(pids.flatMap((pid) => [...socketInodes(pid)]))
}

/** Its descriptors and what they lead to: a path, `socket:[inode]`, `anon_inode:[eventpoll]`, … */
export function openFiles(pid: number): { fd: string; target: string }[] {
  const files: { fd: string; target: string }[] = []
  for (const fd of list(`/proc/${pid}/fd`)) {
    try {
      files.push({ fd, target: readlinkSync(`/proc/${pid}/fd/${fd}`) })
    } catch {
      // Closed since the listing.
    }
  }
  return files
}

/** Whether one of its epolls watches the file of this inode (`tfd:` lines of /proc/PID/fdinfo, proc(5)). */
export function epollWatches(pid: number, inode: number): boolean {
  return epollWatchesAny(pid, new Set([inode]))
}

export function epollWatchesAny(pid: number, inodes: ReadonlySet<number>): boolean {
  for (const { fd, target } of openFiles(pid)) {
    if (target !== 'anon_inode:[eventpoll]') continue
    for (const match of (read(`/proc/${pid}/fdinfo/${fd}`) ?? '').matchAll(/^tfd:.* ino:([0-9a-f]+)/gm)) {
      if (inodes.has(Number.parseInt(match[1] as string, 16))) return true
    }
  }
  return false
}

/** Processes that were started with `key=value` in their environment and that this user may look into. */
export function findByEnvironment(key: string, value: string): FoundProcess[] {
  const found: FoundProcess[] = []
  for (const pid of allPids()) {
    // Kernel threads and foreign processes end here, unread.
    const env = mayRead(pid) ? environmentOf(pid) : null
    if (env === null || env.get(key) !== value) continue
    const stat = readStat(pid)
    const owner = ownerOf(pid)
    if (stat === null || owner === null) continue
    found.push({ pid, startTicks: stat.startTicks, session: stat.session, ppid: stat.ppid, ...owner, env })
  }
  return found
}

/** Its real user and group, or null when it is gone. */
export function ownerOf(pid: number): { readonly uid: number; readonly gid: number } | null {
  const match = /^Uid:\s*(\d+).*\nGid:\s*(\d+)/m.exec(read(`/proc/${pid}/status`) ?? '')
  return match ? { uid: Number(match[1]), gid: Number(match[2]) } : null
}

/** Processes that hold one of these sockets: finds also what has written over its environment. */
export function holdersOf(inodes: ReadonlySet<number>): number[] {
  return allPids().filter((pid) => openFiles(pid).some(({ target }) => inodes.has(socketInodeIn(target) ?? -1)))
}

/** The program that it runs, as a path, or null; of a script this is the interpreter. */
export function programOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '')
  } catch {
    return null
  }
}

/** Bytes of memory in use, or null when it is gone. */
export function rssOf(pid: number): number | null {
  const match = /^VmRSS:\s*(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? '')
  return match ? Number(match[1]) * 1024 : null
}

/** For when /proc cannot be read: then nobody is dead just because he was not seen. */
function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return errnoOf(error) !== 'ESRCH'
  }
}

function mayRead(pid: number): boolean {
  const own = process.geteuid?.()
  if (own === 0) return true
  try {
    return statSync(`/proc/${pid}`).uid === own
  } catch {
    return false
  }
}

function read(path: string): string | null {
  try {
    return withSpare(() => readFileSync(path, 'utf8'))
  } catch {
    return null
  }
}

function list(path: string): string[] {
  try {
    return withSpare(() => readdirSync(path))
  } catch {
    return []
  }
}

function isNumber(name: string): boolean {
  return /^\d+$/.test(name)
}
