/** The machine as artifact names describe it. The libc is told by the loader of the Node that runs this. */

import type { FetchContext } from '../core/source.ts'
import { readElf } from '../trust/elf.ts'

export function hostPlatform(): FetchContext['platform'] {
  return { os: process.platform, arch: process.arch, libc: process.platform === 'linux' ? hostLibc() : null }
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
