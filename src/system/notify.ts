/**
 * The sockets on which workers say what they do (sd_notify(3)): for each worker a private AF_UNIX datagram socket, so
 * that the path alone tells who speaks, and a stream socket that takes the same lines from runtimes without datagrams.
 * Nothing polls: O_ASYNC and F_SETOWN (fcntl(2)) make the kernel send SIGIO when there is something to read. The hub
 * belongs to the master and ends with it; descriptors that come along (FDSTORE, BARRIER) are closed by the kernel as
 * the message is read, which is what a barrier waits for.
 */

import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UNIX_PATH_MAX } from '../core/address.ts'
import { AutoupError } from '../core/errors.ts'
import { discard } from './discard.ts'
import { close, setAsync, setOwner } from './libc/descriptors.ts'
import { bind, recv, socket } from './libc/sockets.ts'
import { openLineServer } from './line-server.ts'

export interface NotifyAddress {
  /** For NOTIFY_SOCKET. */
  readonly datagramPath: string
  /** For AUTOUP_NOTIFY. */
  readonly streamPath: string
  /** Reads the messages that are there now. */
  read(): void
  /** Leaves word for the next master of who speaks here by now, where that is not the owner any more. */
  noteUser(user: { readonly uid: number; readonly gid: number }): void
  /** Reads what is still there, then ends. Lines sent on the stream before may follow for a moment. */
  close(): void
}

/** systemd takes no longer message either (NOTIFY_BUFFER_MAX); a longer one is cut by the kernel and dropped here. */
const MESSAGE_MAX_BYTES = 4_096

/** One worker cannot keep the master from the others: after this many messages the rest waits for the next turn. */
const MESSAGES_PER_TURN = 64

/** What is read of a worker that ends: a sender that never stops is cut off here. */
const MESSAGES_AT_CLOSE = 4_096

/** `/<number>/notify`, with room for a million workers. */
const LONGEST_SUFFIX = '/999999/notify'.length

/** Hubs of this process. One handler serves them all and is never removed: a late SIGIO would kill the process. */
const hubs = new Set<NotifyHub>()
let isHandled = false

interface Receiver {
  readonly fd: number
  readonly onMessage: (text: string) => void
}

export class NotifyHub {
  readonly #makeDirectory: () => string
  #directory: string
  readonly #receivers = new Set<Receiver>()
  readonly #addresses = new Map<string, NotifyAddress>()
  readonly #buffer = Buffer.alloc(MESSAGE_MAX_BYTES + 1)
  #next = 0
  #isScheduled = false

  private constructor(makeDirectory: () => string) {
    this.#makeDirectory = makeDirectory
    this.#directory = makeDirectory()
  }

  /**
   * `makeDirectory` gives one of the hub's own, as createRuntimeDirectory does, which is removed by close. It is asked
   * again where that is gone: by the end of a login ($XDG_RUNTIME_DIR), or by whoever tidies /tmp. Throws what it
   * throws.
   */
  static open(makeDirectory: () => string): NotifyHub {
    if (!isHandled) {
      isHandled = true
      process.on('SIGIO', () => {
        for (const hub of hubs) hub.#wake()
      })
    }
    const hub = new NotifyHub(makeDirectory)
    hubs.add(hub)
    return hub
  }

  get directory(): string {
    return this.#directory
  }

  /**
   * Sockets for one worker, that `owner` alone may write to (null: this user). A `key` that is there already is closed
   * first. Throws the system error when there are no descriptors or no space left.
   */
  add(key: string, owner: { uid: number; gid: number } | null, onMessage: (text: string) => void): NotifyAddress {
    this.#addresses.get(key)?.close()
    if (!existsSync(this.#directory)) this.#directory = this.#makeDirectory()
    const folder = join(this.#directory, String(++this.#next))
    const datagramPath = join(folder, 'notify')
    const streamPath = join(folder, 'stream')
    const undo = [() => discard(folder, { recursive: true })]
    try {
      // Nobody else can enter before the sockets have their modes.
      mkdirSync(folder, { mode: 0o700 })
      const receiver = { fd: receiverAt(datagramPath), onMessage }
      undo.push(() => close(receiver.fd))
      const server = openLineServer(streamPath, onMessage)
      undo.push(() => server.close())
      for (const path of [datagramPath, streamPath]) {
        chmodSync(path, 0o600)
        if (owner) chownSync(path, owner.uid, owner.gid)
      }
      chmodSync(folder, 0o711)
      const read = (): void => void this.#read(receiver, MESSAGES_AT_CLOSE)
      const uid = owner?.uid ?? process.geteuid?.()
      const noteUser: NotifyAddress['noteUser'] = (user) => {
        if (user.uid !== uid) leaveFileOf(user, join(folder, 'user'))
      }
      const address: NotifyAddress = {
        ...{ datagramPath, streamPath, read, noteUser },
        close: () => this.#close(key, address, receiver, undo),
      }
      this.#receivers.add(receiver)
      this.#addresses.set(key, address)
      return address
    } catch (error) {
      runAll(undo)
      throw error
    }
  }

  /** Reads every socket, each up to its share; the rest follows in the next turn of the loop. */
  drain(): void {
    let isMore = false
    for (const receiver of [...this.#receivers]) {
      if (this.#receivers.has(receiver) && this.#read(receiver, MESSAGES_PER_TURN)) isMore = true
    }
    if (isMore) this.#wake()
  }

  /** Ends every socket and removes the directory. */
  close(): void {
    for (const address of [...this.#addresses.values()]) address.close()
    hubs.delete(this)
    discard(this.#directory, { recursive: true })
  }

  /**
   * Never reads at once: libuv calls the handlers of all signals that come in meanwhile, and each message read makes
   * room for another and its SIGIO, so that a sender who does not stop would never let go of the loop.
   */
  #wake(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.drain()
    })
  }

  #close(key: string, address: NotifyAddress, receiver: Receiver, undo: (() => void)[]): void {
    if (this.#addresses.get(key) !== address) return
    this.#addresses.delete(key)
    this.#read(receiver, MESSAGES_AT_CLOSE)
    this.#receivers.delete(receiver)
    runAll(undo)
  }

  /** Whether there may be more than `limit` messages. */
  #read(receiver: Receiver, limit: number): boolean {
    for (let count = 0; count < limit; count++) {
      const length = receive(receiver.fd, this.#buffer)
      if (length === null) return false
      if (length <= MESSAGE_MAX_BYTES) receiver.onMessage(this.#buffer.toString('utf8', 0, length))
      // The message may have been answered by closing it.
      if (!this.#receivers.has(receiver)) return false
    }
    return true
  }
}

/**
 * A new directory for the sockets of a hub, that workers of any user can enter but not list: in /run for root, else in
 * $XDG_RUNTIME_DIR, else in the directory for temporary files. Short, for unix(7) allows 107 bytes.
 */
export function createRuntimeDirectory(): string {
  const isRoot = process.geteuid?.() === 0
  const preferred = isRoot ? '/run' : process.env.XDG_RUNTIME_DIR
  const parents = [preferred, tmpdir(), '/tmp'].filter((parent) => parent?.startsWith('/')) as string[]
  const reasons: string[] = []
  for (const parent of parents) {
    const prefix = join(parent, 'autoup-')
    if (Buffer.byteLength(prefix) + 6 + LONGEST_SUFFIX > UNIX_PATH_MAX) {
      reasons.push(`${parent} is too long a path`)
      continue
    }
    try {
      // A worker of another user has to come through it.
      if (isRoot && (statSync(parent).mode & 0o001) === 0) throw new Error(`${parent} is closed to other users`)
      const directory = mkdtempSync(prefix)
      chmodSync(directory, 0o711)
      return directory
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error))
    }
  }
  const advice = 'make /tmp writable or set TMPDIR to a short path'
  throw new AutoupError('failed', `cannot make a directory for notify sockets (${reasons.join('; ')}): ${advice}`)
}

function leaveFileOf({ uid, gid }: { readonly uid: number; readonly gid: number }, path: string): void {
  try {
    writeFileSync(path, '')
    chownSync(path, uid, gid)
  } catch {
    // No room, or the directory is gone.
  }
}

function receiverAt(path: string): number {
  const fd = socket('unix', 'datagram')
  try {
    bind(fd, { family: 'unix', path })
    setOwner(fd, process.pid)
    setAsync(fd, true)
    return fd
  } catch (error) {
    close(fd)
    throw error
  }
}

function receive(fd: number, buffer: Buffer): number | null {
  try {
    return recv(fd, buffer)
  } catch {
    // No memory in the kernel: the message stays and is read at the next wake.
    return null
  }
}

function runAll(steps: (() => void)[]): void {
  for (const step of steps.splice(0).reverse()) step()
}
