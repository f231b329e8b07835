/** Listeners, clients and folders for the tests of src/system/, closed and removed when the test ends. */

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseListen } from '../../src/core/address.ts'
import { AutoupError } from '../../src/core/errors.ts'
import { closeListener, type InheritedSocket, type Listener, openListeners } from '../../src/system/listeners.ts'
import { onEnd } from '../support/on-end.ts'

export function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'autoup-system-'))
  onEnd(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export function openAll(
  texts: readonly string[],
  inherited: readonly InheritedSocket[] = [],
  orphaned: ReadonlyMap<string, number> = new Map(),
): Listener[] {
  const listeners = openListeners(texts.map(parseListen), inherited, orphaned)
  onEnd(() => {
    for (const listener of listeners) closeListener(listener, { unlink: true })
  })
  return listeners
}

export function openOne(text: string): Listener {
  return openAll([text])[0] as Listener
}

/** A connection to the listener; with data, what it says first. */
export async function dial(
  target: { path: string | null; port: number | null },
  host = '127.0.0.1',
): Promise<net.Socket> {
  const { path, port } = target
  const client = path === null ? net.connect(port as number, host) : net.connect(path)
  onEnd(() => client.destroy())
  await once(client, 'connect')
  return client
}

/** All that the peer says until it closes. */
export async function heard(client: net.Socket): Promise<string> {
  let text = ''
  for await (const chunk of client) text += String(chunk)
  return text
}

/** The errno of a connection that is refused, or 'connected'. */
export async function attempt(target: { path: string | null; port: number | null }): Promise<string> {
  try {
    await dial(target)
    return 'connected'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

/** The AutoupError that `run` throws. */
export function refusal(run: () => unknown): AutoupError {
  try {
    run()
  } catch (error) {
    if (error instanceof AutoupError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
