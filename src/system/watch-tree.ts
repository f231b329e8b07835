/**
 * Follows a source tree, with chokidar: folders that come later too, and without what IgnoreRules leave alone. A burst
 * of writes is one change, told when it has been quiet for a moment; so is what happens before somebody listens. Files
 * that this process or its children hold open for writing are their own: a log in the tree, a database. The watch
 * belongs to whoever has opened it and ends with `close`.
 */

import { stat } from 'node:fs/promises'
import { basename, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type FSWatcher, watch } from 'chokidar'
import { messageOf } from '../core/errors.ts'
import { IGNORE_FILE, IgnoreRules } from './ignore-rules.ts'
import { filesWrittenBy } from './written-by.ts'

/**
 * Editors and compilers write several files within a tenth of a second. It is counted in turns of the event loop and of
 * its threads: on a busy machine the looks of the watcher, which are made of such turns, take as much longer.
 */
const QUIET_TURNS = 10
const TURN_MS = 10
/** Whoever writes without end is not waited for. */
const PATIENCE_MS = 3_000
/** Named in what is told; the others are counted. */
const SHOWN = 3

export interface TreeListener {
  changed(paths: readonly string[], count: number): void
  warn(message: string): void
}

export interface TreeWatch {
  readonly directory: string
  /** The former listener hears nothing any more. */
  connect(listener: TreeListener): void
  close(): Promise<void>
}

export interface TreeOptions {
  /** Absolute, without links. */
  readonly directory: string
  /** As in a `.gitignore`. */
  readonly patterns: readonly string[]
  /** Absolute paths that are left alone. */
  readonly apart: readonly string[]
}

/** Resolves when every change from now on is seen. */
export async function watchTree({ directory, patterns, apart }: TreeOptions): Promise<TreeWatch> {
  const rules = new IgnoreRules(directory, patterns, apart)
  const burst = new Set<string>()
  const troubles = new Set<string>()
  let listener: TreeListener | null = null
  let activity = 0
  /** As of the last change that was told. */
  let own: ReadonlySet<string> = new Set()
  let isSettling = false
  let isOver = false
  let reopening: Promise<void> = Promise.resolve()
  let watcher = await open()

  async function open(): Promise<FSWatcher> {
    const next = watch(directory, {
      ignored: (path) => rules.isIgnored(path),
      ignoreInitial: true,
      followSymlinks: false,
      ignorePermissionErrors: true,
    })
    next.on('all', (event, path) => {
      // A log would never be quiet.
      if (!own.has(path)) activity++
      if (event !== 'addDir' && event !== 'unlinkDir') note(path)
    })
    next.on('error', (error) => warn(messageOf(error)))
    await new Promise<void>((resolve) => next.once('ready', () => resolve()))
    return next
  }

  function note(path: string): void {
    // What it says now may let in what was not looked at before.
    if (basename(path) === IGNORE_FILE) return reopen()
    burst.add(path)
    void settle()
  }

  /** Tells when nothing has happened for some turns, and at the end of the patience also if something always does. */
  async function settle(): Promise<void> {
    if (isSettling) return
    isSettling = true
    const end = performance.now() + PATIENCE_MS
    let seen = activity
    for (let turns = 0; turns < QUIET_TURNS && performance.now() < end && !isOver; turns++) {
      await delay(TURN_MS)
      await stat(directory).catch(() => undefined)
      if (activity !== seen) turns = 0
      seen = activity
    }
    isSettling = false
    if (!isOver) tell()
  }

  function tell(): void {
    if (listener === null || burst.size === 0) return
    own = filesWrittenBy(process.pid)
    const paths = [...burst].filter((path) => !own.has(path))
    burst.clear()
    if (paths.length === 0) return
    const shown = paths.slice(0, SHOWN).map((path) => relative(directory, path))
    listener.changed(shown, paths.length)
  }

  function warn(why: string): void {
    const advice = /ENOSPC/.test(why) ? '; raise fs.inotify.max_user_watches' : ''
    const message = `part of the tree cannot be watched: ${why}${advice}`
    // One for each folder otherwise.
    const key = why.replace(/'.*'/s, '')
    if (troubles.has(key)) return
    troubles.add(key)
    listener?.warn(message)
  }

  function reopen(): void {
    reopening = reopening.then(async () => {
      rules.forget()
      const former = watcher
      watcher = await open()
      await former.close()
    })
  }

  return {
    directory,
    connect(next) {
      listener = next
      if (burst.size > 0) void settle()
    },
    async close() {
      isOver = true
      listener = null
      await reopening
      await watcher.close()
    },
  }
}
