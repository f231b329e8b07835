/**
 * Puts written files on the disk. A few are synced one by one; of many, one call for their whole file system is cheaper
 * than a journal commit for each. Errors of the disk are thrown: what was not written may not be sealed.
 */

import { open } from 'node:fs/promises'
import { arch } from 'node:process'
import { syscall } from './libc/native.ts'
import { inParallel } from './parallel.ts'

/** syncfs(2), which libc/native.ts declares no function for: unistd.h of each architecture. */
const SYS_SYNCFS: Readonly<Record<string, number>> = {
  x64: 306,
  arm64: 267,
  arm: 373,
  ia32: 344,
  ppc64: 348,
  s390x: 338,
  riscv64: 267,
  loong64: 267,
}

/** Up to here single fsync(2) calls are quicker and do not wait for what others have written. */
const FEW = 16

/** How many fsync(2) run at once: the threads that libuv has for files. */
const AT_ONCE = 4

/** `paths` are files and folders of one file system. Blocks the thread where there are many: not for the master. */
export async function syncFiles(paths: readonly string[]): Promise<void> {
  if (paths.length > FEW && (await syncFileSystem(paths[0] as string))) return
  await inParallel(paths, AT_ONCE, syncFile)
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** False where the call is not known. */
async function syncFileSystem(path: string): Promise<boolean> {
  const number = SYS_SYNCFS[arch]
  if (number === undefined || process.platform !== 'linux') return false
  const file = await open(path, 'r')
  try {
    syscall('syncfs', number, file.fd)
    return true
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    // No koffi, an old kernel or a seccomp filter; anything else is the disk's word.
    if (code === undefined || code === 'ENOSYS' || code === 'EPERM' || code === 'MODULE_NOT_FOUND') return false
    throw error
  } finally {
    await file.close()
  }
}
