/** A tar of exactly the entries asked for: tools would clean the hostile ones. */

import { execFileSync } from 'node:child_process'
import { Header } from 'tar'

export interface TarEntry {
  path: string
  type?: 'File' | 'Directory' | 'SymbolicLink' | 'Link' | 'CharacterDevice' | 'FIFO'
  data?: string | Buffer
  linkpath?: string
  mode?: number
  /** Said of it instead of the truth. */
  size?: number
}

export function tar(...entries: TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(tarBlocks), Buffer.alloc(1_024)])
}

/** Without the end mark. */
export function tarBlocks({ path, type = 'File', data = '', linkpath, mode = 0o644, size }: TarEntry): Buffer[] {
  const body = Buffer.from(data)
  const header = new Header({
    path,
    type,
    mode,
    size: size ?? body.length,
    uid: 0,
    gid: 0,
    ...(linkpath ? { linkpath } : {}),
  })
  header.mtime = new Date(0)
  const block = Buffer.alloc(512)
  header.encode(block)
  return [block, body, Buffer.alloc((512 - (body.length % 512)) % 512)]
}

/** By the real program: `xz`, `zstd`, `bzip2`. */
export function pack(program: string, bytes: Buffer, ...args: string[]): Buffer {
  return execFileSync(program, ['-c', ...args], { input: bytes, maxBuffer: 1e9, stdio: ['pipe', 'pipe', 'ignore'] })
}
