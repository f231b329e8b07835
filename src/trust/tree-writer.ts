/**
 * Writes what an archive holds into an empty folder: the one place where names of untrusted bytes become paths. Every
 * name is judged before anything of it is on the disk, folders are made here and never found, a file is opened only
 * where nothing is, and a link is never made at all. So nothing can be talked into following one. What is wrong is
 * thrown as Refused. Whoever reads the archive calls `settle` before it uses a buffer again, `done` at the end, and
 * `stop` in any case.
 */

import { createHash, type Hash } from 'node:crypto'
import { constants, fchmodSync, mkdirSync, openSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { formatSize } from '../core/duration.ts'
import { shown } from '../core/shown.ts'
import { cleanPath, type TreeNode } from '../core/tree-path.ts'
import type { ArchiveLimits, Contents } from './archive.ts'
import { isElf } from './elf.ts'
import { Refused } from './refused.ts'
import { WriteBehind } from './write-behind.ts'

export class TreeWriter implements Contents {
  readonly nodes: Map<string, TreeNode> = new Map()
  readonly digests: Map<string, string> = new Map()
  private readonly into: string
  private readonly limits: ArchiveLimits
  private entries = 0
  private links = 0
  private written = 0
  private nameLength = 0
  private file: OpenFile | null = null
  private readonly behind = new WriteBehind()
  private readonly sizes = new Map<string, number>()
  private readonly copies: { readonly from: string; readonly path: string }[] = []

  constructor(into: string, limits: ArchiveLimits) {
    this.into = into
    this.limits = limits
  }

  /** The path of the next entry, or null for the root of the archive. Its parents are there when this returns. */
  enter(raw: string, isFolder: boolean): string | null {
    const name = shown(raw)
    if (++this.entries > this.limits.entries) throw new Refused(`holds more than ${this.limits.entries} entries`)
    const clean = cleanPath(raw)
    if ('problem' in clean) throw new Refused(`holds '${name}', whose name ${clean.problem}`)
    const { path } = clean
    if (path === '' && isFolder) return null
    if (path === '') throw new Refused('holds an entry without a name')
    this.makeParents(path)
    const before = this.nodes.get(path)
    if (before !== undefined && !(isFolder && before === 'directory')) throw new Refused(`holds '${name}' twice`)
    return path
  }

  folder(path: string): void {
    if (this.nodes.has(path)) return
    this.note(path, 'directory')
    mkdirSync(join(this.into, path), { mode: 0o700 })
  }

  /** A link is data until the master makes it. */
  link(path: string, target: string): void {
    if (++this.links > this.limits.links) throw new Refused(`holds more than ${this.limits.links} links`)
    this.nameLength += target.length
    this.note(path, { target })
  }

  /**
   * `executable` null: by its first bytes. `size` is what is announced; what comes is counted by whoever announced it.
   */
  begin(path: string, executable: boolean | null, size: number): void {
    this.closeFile()
    this.count(path, size)
    this.note(path, 'file')
    // O_EXCL: nothing that is there already is ever opened, least of all a link.
    const fd = openSync(join(this.into, path), 'wx', executable ? 0o700 : 0o600)
    this.file = { path, fd, hash: createHash('sha256'), bytes: 0, isJudged: executable !== null }
  }

  /** The piece must not change until `settle` has returned. */
  append(piece: Uint8Array): void {
    const file = this.file as OpenFile
    if (!file.isJudged) {
      if (isProgram(piece)) fchmodSync(file.fd, 0o700)
      file.isJudged = true
    }
    this.behind.write(file.fd, piece, file.bytes)
    file.hash.update(piece)
    file.bytes += piece.length
  }

  finish(): void {
    const { path, hash } = this.file as OpenFile
    this.digests.set(path, hash.digest('hex'))
    this.closeFile()
  }

  /** A hard link to an earlier file becomes a file of its own, in the end. */
  copy(path: string, rawTarget: string): void {
    const clean = cleanPath(rawTarget)
    const from = 'path' in clean ? clean.path : ''
    const size = this.nodes.get(from) === 'file' ? this.sizes.get(from) : undefined
    if (size === undefined) {
      throw new Refused(`holds the hard link '${shown(path)}' to '${shown(rawTarget)}', which is no file of it`)
    }
    this.note(path, 'file')
    this.count(path, size)
    this.copies.push({ from, path })
  }

  /** Resolves when all that was given is written. */
  settle(): Promise<void> {
    return this.behind.settle()
  }

  /** Resolves when all is there. */
  async done(): Promise<void> {
    this.closeFile()
    await this.behind.settle()
    for (const { from, path } of this.copies) {
      await copyFile(join(this.into, from), join(this.into, path), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
      this.digests.set(path, this.digests.get(from) as string)
    }
  }

  /** After a failure as well: nothing is written to any more. */
  async stop(): Promise<void> {
    this.closeFile()
    await this.behind.settle().catch(() => undefined)
  }

  private closeFile(): void {
    if (this.file !== null) this.behind.close(this.file.fd)
    this.file = null
  }

  private makeParents(path: string): void {
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      const folder = path.slice(0, slash)
      const node = this.nodes.get(folder)
      if (node === undefined) this.folder(folder)
      else if (node !== 'directory') {
        throw new Refused(`holds '${shown(path)}', which lies inside something that is no folder`)
      }
    }
  }

  private count(path: string, size: number): void {
    const { treeBytes } = this.limits
    this.written += size
    if (this.written > treeBytes) throw new Refused(`is over ${formatSize(treeBytes)} unpacked`)
    this.sizes.set(path, size)
  }

  /** Folders that nobody named count as well: one deep name makes many. */
  private note(path: string, node: TreeNode): void {
    const { entries, nameLength } = this.limits
    this.nameLength += path.length
    if (this.nodes.size >= entries) throw new Refused(`holds more than ${entries} files and folders`)
    if (this.nameLength > nameLength) throw new Refused(`has names of over ${formatSize(nameLength)} in all`)
    this.nodes.set(path, node)
  }
}

interface OpenFile {
  readonly path: string
  readonly fd: number
  readonly hash: Hash
  bytes: number
  isJudged: boolean
}

function isProgram(head: Uint8Array): boolean {
  return isElf(head) || (head[0] === 0x23 && head[1] === 0x21)
}
