/**
 * Large pieces are written by the threads that libuv has for files while this one hashes and parses on; small ones at
 * once, since to hand them over would cost more. What goes wrong is thrown by the next wait.
 */

import { close, closeSync, write, writeSync } from 'node:fs'

/** From here on a piece is handed over. */
const LARGE_BYTES = 65_536

export class WriteBehind {
  private behind = 0
  private failure: unknown = null
  /** Of each descriptor: the writes under way, and whether it is to be closed after them. */
  private readonly open = new Map<number, { writes: number; isDone: boolean }>()
  private wake: () => void = () => undefined

  /** The piece must not change until `settle` has returned. */
  write(fd: number, piece: Uint8Array, at: number): void {
    if (piece.length < LARGE_BYTES) {
      for (let done = 0; done < piece.length; ) done += writeSync(fd, piece, done, piece.length - done, at + done)
      return
    }
    const state = this.open.get(fd) ?? { writes: 0, isDone: false }
    this.open.set(fd, state)
    state.writes++
    this.behind += piece.length
    this.writeOn(fd, piece, at, 0)
  }

  /** As soon as its writes are over. */
  close(fd: number): void {
    const state = this.open.get(fd)
    if (state === undefined) closeSync(fd)
    else {
      state.isDone = true
      this.closeIfOver(fd)
    }
  }

  /** Resolves when all is written and what was to be closed is closed. */
  async settle(): Promise<void> {
    while (this.behind > 0 && this.failure === null) {
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
    if (this.failure !== null) throw this.failure
  }

  private writeOn(fd: number, piece: Uint8Array, at: number, done: number): void {
    write(fd, piece, done, piece.length - done, at + done, (error, bytes) => {
      if (error === null && done + bytes < piece.length) return this.writeOn(fd, piece, at, done + bytes)
      this.failure ??= error
      this.behind -= piece.length
      const state = this.open.get(fd)
      if (state !== undefined) state.writes--
      this.closeIfOver(fd)
      this.wake()
    })
  }

  private closeIfOver(fd: number): void {
    const state = this.open.get(fd)
    if (state === undefined || state.writes > 0 || !state.isDone) return
    this.open.delete(fd)
    // A descriptor that is only closed later is nobody's harm; on Linux it is gone even when this fails.
    close(fd, () => undefined)
  }
}
