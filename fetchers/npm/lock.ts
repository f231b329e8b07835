/**
 * All that one package brings with it, found out before a byte of it is fetched: npm writes a lock of names, versions
 * and integrities, that is judged here, its signatures are checked, and only then is exactly this installed. The lock
 * stands in the build, so that the build's digest covers the name, the version and the integrity of everything in it.
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AutoupError } from '../../src/core/errors.ts'
import type { FetchContext } from '../../src/core/source.ts'
import { runNpm } from './run.ts'

export interface LockEntry {
  readonly version?: string
  /** Where it differs from the folder: an alias. */
  readonly name?: string
  readonly integrity?: string
  /** Only of what does not come from the registry (--omit-lockfile-registry-resolved). */
  readonly resolved?: string
  readonly link?: boolean
  readonly inBundle?: boolean
  readonly optional?: boolean
  readonly hasInstallScript?: boolean
  readonly bin?: Readonly<Record<string, string>>
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[] | string
}

/** By path: `node_modules/app`, `node_modules/app/node_modules/dep`. */
export type LockEntries = Readonly<Record<string, LockEntry>>

export interface LockedPackage {
  readonly path: string
  readonly name: string
  readonly version: string
  readonly integrity: string
}

export interface Lock {
  /** The text of package-lock.json, without what a publisher can change later. */
  readonly text: string
  readonly entries: LockEntries
}

/** Messages of publishers, which are no part of a version, and would give the same build another digest. */
const FLEETING = ['deprecated', 'funding', 'license'] as const

/** Strong enough that nobody finds other bytes for it. */
const STRONG = /(?:^|\s)sha(?:512|384|256)-/

/** What the build's own package.json says; npm asks that the lock fits it. */
export function packageFile(name: string, version: string): string {
  return `${JSON.stringify({ name: 'build', private: true, dependencies: { [name]: version } }, null, 2)}\n`
}

export async function resolveLock(
  context: FetchContext,
  { name, version, registry }: { readonly name: string; readonly version: string; readonly registry: string },
): Promise<Lock> {
  const folder = join(context.scratch, 'npm-lock')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), packageFile(name, version))
  const about = `${name}@${version}`
  await runNpm(context, { args: ['install', '--package-lock-only', '--json'], folder, registry, about })
  return readLock(await readFile(join(folder, 'package-lock.json'), 'utf8'))
}

/** Throws AutoupError for what is no lock. */
export function readLock(text: string): Lock {
  const lock = JSON.parse(text) as { packages?: Record<string, Record<string, unknown>> }
  if (typeof lock.packages !== 'object' || lock.packages === null) {
    throw new AutoupError('failed', 'npm wrote a lock that autoup cannot read: use npm 7 or later')
  }
  for (const entry of Object.values(lock.packages)) for (const key of FLEETING) delete entry[key]
  const { '': _root, ...entries } = lock.packages
  return { text: `${JSON.stringify(lock, null, 2)}\n`, entries: entries as LockEntries }
}

/** Why this is not installed, as a sentence; null when nothing stands against it. */
export function lockProblem(about: string, entries: LockEntries, platform: FetchContext['platform']): string | null {
  for (const [path, entry] of Object.entries(entries)) {
    // Comes within the bytes of another; or is what a link, which has an entry of its own, leads to.
    if (entry.inBundle || !path.includes('node_modules/')) continue
    const what = `${nameOf(path, entry)}${entry.version ? `@${entry.version}` : ''}`
    if (entry.link || entry.resolved !== undefined || !entry.version) {
      return `${about} needs ${what}, which does not come from the registry: only packages of a registry are taken`
    }
    if (!STRONG.test(entry.integrity ?? '')) {
      return `the registry gives no sha512 of ${what}${what === about ? '' : `, which ${about} needs`}, so nothing vouches for its bytes: publish it anew with a current npm`
    }
    const isLeftOut = entry.optional === true && !isFor(entry, platform)
    if (entry.hasInstallScript && !isLeftOut) return scriptSentence(about, what)
  }
  return null
}

export function scriptSentence(about: string, what: string): string {
  const who = what === about ? what : `${about} needs ${what}, which`
  return `${who} needs install scripts (it has a native addon or builds itself), and none are run: publish it built, or bundle it`
}

/** What is fetched from a registry, once each. */
export function lockedPackages(entries: LockEntries): LockedPackage[] {
  const found = new Map<string, LockedPackage>()
  for (const [path, entry] of Object.entries(entries)) {
    const { version, integrity, inBundle } = entry
    if (inBundle || version === undefined || integrity === undefined) continue
    const name = nameOf(path, entry)
    found.set(`${name}@${version} ${integrity}`, { path, name, version, integrity })
  }
  return [...found.values()]
}

/** Commands of the package: the only one, or the one that is called like it, or all. */
export function entriesOf(name: string, entry: LockEntry | undefined): string[] {
  const bins = Object.keys(entry?.bin ?? {})
  const own = name.slice(name.lastIndexOf('/') + 1)
  const chosen = bins.includes(own) ? [own] : bins
  return chosen.map((bin) => `node_modules/.bin/${bin}`).sort()
}

function nameOf(path: string, { name }: LockEntry): string {
  return name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
}

/** npm-install-checks: lists of what is meant, or with `!` of what is not. */
function isFor({ os, cpu, libc }: LockEntry, platform: FetchContext['platform']): boolean {
  const matches = (list: readonly string[] | string | undefined, value: string | null): boolean => {
    const all = list === undefined ? [] : [list].flat()
    if (all.length === 0 || all.includes('any') || value === null) return true
    const isNamed = all.every((each) => each.startsWith('!')) || all.includes(value)
    return isNamed && !all.includes(`!${value}`)
  }
  return matches(os, platform.os) && matches(cpu, platform.arch) && matches(libc, platform.libc)
}
