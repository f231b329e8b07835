/**
 * `state.json`, the ledger on disk: loaded once at start, written whole at every change. A file that cannot be read
 * stops the start, since its decisions are not known; one that is damaged is kept aside, and what the build folders
 * and the links prove takes its place. Nothing is ever believed to be committed that no link says so of.
 */

import { lstatSync, readFileSync, readlinkSync, renameSync, rmSync } from 'node:fs'
import { basename } from 'node:path'
import type { Build, BuildId } from '../core/build.ts'
import { AutoupError, errnoOf } from '../core/errors.ts'
import { EMPTY_LEDGER, LEDGER_FORMAT, type Ledger } from '../core/ledger.ts'
import { linkAtomically, syncDirectory, writeAtomically } from '../system/atomic.ts'
import { buildOf, isBuildId, readBuildFile } from './build-file.ts'
import type { StorePaths } from './layout.ts'
import { storeTrouble } from './trouble.ts'

export interface LoadedLedger {
  readonly ledger: Ledger
  /** A sentence for the operator when the file was damaged, or null. */
  readonly recovered: string | null
}

/** Throws AutoupError `failed` when the file cannot be read, or a newer autoup has written it. */
export async function loadLedger(paths: StorePaths): Promise<LoadedLedger> {
  const text = readState(paths)
  if (text === null) return { ledger: EMPTY_LEDGER, recovered: null }
  const value = parseJson(text)
  refuseNewer(paths, value)
  const { parseLedger } = await import('./ledger-schema.ts')
  const ledger = parseLedger(value)
  return ledger === null ? recover(paths) : { ledger, recovered: null }
}

/** For a look from outside: changes nothing. Null for a file that is damaged. Throws AutoupError as loadLedger does. */
export async function peekLedger(paths: StorePaths): Promise<Ledger | null> {
  const text = readState(paths)
  if (text === null) return EMPTY_LEDGER
  const value = parseJson(text)
  refuseNewer(paths, value)
  const { parseLedger } = await import('./ledger-schema.ts')
  return parseLedger(value)
}

/** Durable when it returns. Throws AutoupError `failed`; the old file is there then. */
export function saveLedger(paths: StorePaths, ledger: Ledger): void {
  try {
    writeAtomically(paths.state, `${JSON.stringify(ledger, null, 1)}\n`, 0o600)
  } catch (cause) {
    throw storeTrouble('write', paths.state, cause)
  }
}

/** Makes `current` and `previous` say what the ledger says. Throws AutoupError `failed`. */
export function repairLinks(paths: StorePaths, ledger: Ledger): void {
  const builds = [
    [paths.current, ledger.committed],
    [paths.previous, ledger.previous],
  ] as const
  for (const [path, build] of builds) {
    try {
      point(path, build !== null && isBuildId(build.id) ? `builds/${build.id}` : null)
    } catch (cause) {
      throw storeTrouble('write', path, cause)
    }
  }
}

/** Builds of the ledger that are not on the disk. */
export function missingBuilds(paths: StorePaths, { committed, previous }: Ledger): readonly BuildId[] {
  const ids = [committed, previous].flatMap((build) => (build !== null && isBuildId(build.id) ? [build.id] : []))
  return [...new Set(ids)].filter((id) => readBuildFile(paths, id) === null)
}

function readState(paths: StorePaths): string | null {
  try {
    return readFileSync(paths.state, 'utf8')
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return null
    throw storeTrouble('read', paths.state, cause)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function refuseNewer(paths: StorePaths, value: unknown): void {
  const format = (value as { format?: unknown } | null)?.format
  if (typeof format !== 'number' || format <= LEDGER_FORMAT) return
  const advice = 'run that one, or move the directory away to begin anew'
  throw new AutoupError('failed', `${paths.state} was written by a newer autoup (format ${format}): ${advice}`)
}

/** What was written down is lost with the file; what was committed is proved by the links. */
function recover(paths: StorePaths): LoadedLedger {
  const aside = `${paths.state}.damaged-${new Date().toISOString().replaceAll(':', '-')}`
  try {
    renameSync(paths.state, aside)
    syncDirectory(paths.root)
  } catch (cause) {
    throw storeTrouble('write', paths.state, cause)
  }
  const committed = linkedBuild(paths, paths.current)
  const previous = linkedBuild(paths, paths.previous)
  const isOrdered = committed !== null && readBuildFile(paths, committed.id)?.ordered === true
  const ledger = { ...EMPTY_LEDGER, committed, previous, floor: isOrdered ? committed.version : null }
  const found = committed ? `${committed.version} is committed, as the build folders prove` : 'nothing is committed'
  const lost = 'the quarantine and what the last check remembered are lost'
  return { ledger, recovered: `${paths.state} was damaged and is kept as ${basename(aside)}: ${found}; ${lost}` }
}

/** The build that a link proves; the link was made when it was committed. */
function linkedBuild(paths: StorePaths, link: string): Build | null {
  try {
    const file = readBuildFile(paths, basename(readlinkSync(link)))
    return file === null ? null : { ...buildOf(file), committedAt: lstatSync(link).mtime.toISOString() }
  } catch {
    return null
  }
}

function point(path: string, target: string | null): void {
  const now = targetOf(path)
  if (now === target) return
  if (target !== null) linkAtomically(target, path)
  else rmSync(path, { force: true })
}

/** Null when there is none; '' for something that is no link, which is then replaced. */
function targetOf(path: string): string | null {
  try {
    return readlinkSync(path)
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? null : ''
  }
}
