/** What the operator is told when the store cannot be read or written: the errno of the system as one sentence. */

import { AutoupError, errnoOf, messageOf } from '../core/errors.ts'

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied; run autoup as the owner of it, or choose another --state-dir',
  EPERM: 'permission denied; run autoup as the owner of it, or choose another --state-dir',
  EROFS: 'it is on a read-only file system; choose another --state-dir',
  ENOSPC: 'the disk is full; free some space',
  EDQUOT: 'the disk quota is used up; free some space',
  ENOENT: 'there is no such place, and none can be made; choose another --state-dir',
  ENOTDIR: 'a part of that path is no directory; choose another --state-dir',
  EEXIST: 'there is something else by that name; move it away or choose another --state-dir',
  EMFILE: 'too many files are open; raise the limit (ulimit -n)',
  ENFILE: 'too many files are open on this machine',
  EIO: 'the disk reports an error; look at the kernel log',
}

/** An AutoupError `failed` for whatever was thrown; one that is already an AutoupError stays as it is. */
export function storeTrouble(doing: 'read' | 'write', path: string, cause: unknown): AutoupError {
  if (cause instanceof AutoupError) return cause
  const errno = errnoOf(cause)
  const reason = (errno !== null && REASONS[errno]) || messageOf(cause)
  return new AutoupError('failed', `cannot ${doing} ${path}: ${reason}`, { cause, data: { errno } })
}
