/** Joins the page to the master. What it takes is loaded here, and only for a master that was given `--metrics`. */

import type { PageAddress } from '../../core/page-address.ts'
import type { Sight } from '../../core/sight.ts'
import type { ReleaseRow } from '../../core/status.ts'
import type { ControlHandlers } from '../control/server.ts'
import type { EventLog } from '../event-log.ts'
import type { History } from '../history.ts'
import type { Presenters } from './presenters.ts'
import type { PageServer } from './server.ts'

export interface PageContext {
  readonly log: EventLog
  readonly history: History
  readonly presenters: Presenters
}

export async function openPage(
  address: PageAddress,
  handlers: ControlHandlers,
  { log, history, presenters }: PageContext,
): Promise<PageServer> {
  const [{ startPageServer }, page] = await Promise.all([import('./server.ts'), presenters.page()])
  const releases = rememberReleases(handlers, log)
  const sight = async (): Promise<Sight> => ({
    status: handlers.status(),
    releases: await releases(),
    events: log.kept,
    checks: history.checks,
    progress: history.progress,
  })
  const subscribe = (listener: () => void): (() => void) => {
    const last = log.kept.at(-1)?.sequence ?? 0
    return log.subscribe(last, listener)
  }
  return startPageServer(address, { sight, subscribe, metrics: handlers.metrics }, page, (event) => log.emit(event))
}

/** The store is read again only after something has happened: nothing in it changes without an event. */
function rememberReleases({ releases }: ControlHandlers, log: EventLog): () => Promise<readonly ReleaseRow[]> {
  let read: Promise<readonly ReleaseRow[]> = Promise.resolve([])
  let readAt = -1
  return () => {
    const now = log.kept.at(-1)?.sequence ?? 0
    if (now === readAt) return read
    readAt = now
    read = releases()
    // A folder that could not be read is read again the next time.
    read.catch(() => {
      readAt = -1
    })
    return read
  }
}
