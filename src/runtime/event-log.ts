/**
 * Stamps events, keeps the last ones in memory for whoever asks later, and hands them to those who listen. Each is
 * also published on the channel `autoup:event` of node:diagnostics_channel, where whatever shares the process
 * (OpenTelemetry, a test) can listen without being known here.
 */

import { channel } from 'node:diagnostics_channel'
import type { AutoupEvent, Stamped } from '../core/events.ts'

/** Some upgrades' worth; the lasting record is the log. */
const KEPT = 500

export const EVENT_CHANNEL = 'autoup:event'

export class EventLog {
  readonly #kept: Stamped[] = []
  readonly #listeners = new Set<(event: Stamped) => void>()
  readonly #channel = channel(EVENT_CHANNEL)
  #sequence = 0

  emit(event: AutoupEvent): void {
    const stamped: Stamped = { at: new Date().toISOString(), sequence: ++this.#sequence, ...event }
    // Progress is for those who watch.
    if (event.type !== 'fetch-progress') this.#kept.push(stamped)
    if (this.#kept.length > KEPT) this.#kept.shift()
    for (const listener of this.#listeners) listener(stamped)
    if (this.#channel.hasSubscribers) this.#channel.publish(stamped)
  }

  /** What is kept, oldest first. */
  get kept(): readonly Stamped[] {
    return this.#kept
  }

  /** First what is kept after `since`, then what comes, until the returned function is called. */
  subscribe(since: number, listener: (event: Stamped) => void): () => void {
    for (const event of this.#kept) if (event.sequence > since) listener(event)
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
