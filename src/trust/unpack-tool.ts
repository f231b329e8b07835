/**
 * The host's own programs for formats that Node 20 cannot read: which one, of which package, with which options. They
 * run under the confinement of the stager, with its limits and nothing of its environment.
 */

import { isAbsolute, join } from 'node:path'
import type { Compression, Kind } from './kinds.ts'
import { isExecutable } from './look.ts'

interface Tool {
  readonly program: string
  /** As Debian and Fedora call it. */
  readonly packages: string
  /** From stdin to stdout, with a bound on memory where it knows one. */
  readonly args: readonly string[]
}

/** 512 MiB: what xz -9 and zstd --ultra -22 need is far below, what --long=31 needs is above. */
const TOOLS: Readonly<Record<Exclude<Compression, 'gzip'>, Tool>> = {
  xz: {
    program: 'xz',
    packages: 'xz-utils (Debian, Ubuntu) or xz',
    args: ['--decompress', '--stdout', '--threads=1', '--memlimit-decompress=512MiB'],
  },
  zstd: { program: 'zstd', packages: 'zstd', args: ['--decompress', '--stdout', '--quiet', '--memory=512MB'] },
  bzip2: { program: 'bzip2', packages: 'bzip2', args: ['--decompress', '--stdout'] },
}

export function toolFor(
  compression: Exclude<Compression, 'gzip'>,
  searchPath: string = process.env.PATH ?? '',
): { readonly path: string; readonly args: readonly string[] } | null {
  const { program, args } = TOOLS[compression]
  const path = searchPath
    .split(':')
    .filter((folder) => isAbsolute(folder))
    .map((folder) => join(folder, program))
    .find(isExecutable)
  return path === undefined ? null : { path, args }
}

/** What is missing here to unpack such a thing, as the end of a sentence that begins with its name; null: nothing. */
export function missingTool(kind: Kind | null, searchPath: string = process.env.PATH ?? ''): string | null {
  const compression = kind?.compression ?? 'gzip'
  if (compression === 'gzip' || toolFor(compression, searchPath) !== null) return null
  const { program, packages } = TOOLS[compression]
  return `needs the program ${program} to be unpacked, which is not here: install the package ${packages}`
}
