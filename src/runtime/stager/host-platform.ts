/** The machine as artifact names describe it. The libc is told by the loader of the Node that runs this. */

import { endianness } from 'node:os'
import type { FetchContext } from '../../core/source.ts'
import { readElf } from '../../trust/elf.ts'

export function hostPlatform(): FetchContext['platform'] {
  return { os: process.platform, arch: hostArch(), libc: process.platform === 'linux' ? hostLibc() : null }
}

/** Node says `ppc64` for both byte orders. */
function hostArch(): string {
  return process.arch === 'ppc64' && endianness() === 'LE' ? 'ppc64le' : process.arch
}

function hostLibc(): 'glibc' | 'musl' | null {
  try {
    const elf = readElf('/proc/self/exe')
    if ('problem' in elf || elf.interpreter === null) return null
    return /\/ld-musl-/.test(elf.interpreter) ? 'musl' : 'glibc'
  } catch {
    return null
  }
}
