/**
 * What a stager has made, as a user who owns nothing else, becomes the master's own, so that no later stager can change
 * its modes or times. That changes the ctime of every file, by which an unchanged one is known, so the manifest is
 * written anew: what it says of the content stays what it was. The stager is gone, and nobody else can reach the
 * folder.
 */

import { chmod, lchown, lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AutoupError } from '../core/errors.ts'
import {
  type FileEntry,
  formatManifest,
  MANIFEST_ENTRIES,
  type ManifestEntry,
  parseManifest,
} from '../core/manifest.ts'
import { writeAtomically } from '../system/atomic.ts'
import { inParallel } from '../system/parallel.ts'
import { listTree, seenOf } from '../system/tree.ts'

/** As many as libuv has threads for files, and some that wait for one. */
const AT_ONCE = 16

/** Setuid, setgid, sticky, and writable for others (inode(7)). */
const OPEN_MODE = 0o7022

/** Does nothing where the stager was the master's own user. Throws AutoupError, or the system error. */
export async function takeBack(staged: string, maxEntries: number = MANIFEST_ENTRIES): Promise<void> {
  const uid = process.getuid?.()
  const gid = process.getgid?.()
  if (uid === undefined || gid === undefined || (await lstat(staged)).uid === uid) return
  // First the way in.
  await lchown(staged, uid, gid)
  await chmod(staged, 0o700)
  const { entries, isCut } = await listTree(staged, { maxEntries })
  if (isCut) throw new AutoupError('failed', `${staged} holds more than any build: stage the release again`)
  await inParallel(entries, AT_ONCE, async ({ path, kind, stats }) => {
    // A second name of somebody else's file would give that to us as well.
    if (kind === 'file' && stats.nlink !== 1n) throw new AutoupError('failed', `${path} of ${staged} has a second name`)
    await lchown(join(staged, path), uid, gid)
    // A file can be made with such bits at once, which no filter of chmod(2) sees.
    const mode = Number(stats.mode) & 0o7777
    if (kind !== 'link' && (mode & OPEN_MODE) !== 0) await chmod(join(staged, path), mode & ~OPEN_MODE)
  })
  const listed = parseManifest(await readFile(join(staged, 'manifest'), 'utf8'))
  if (listed === null) return
  const renewed: ManifestEntry[] = []
  await inParallel(listed, AT_ONCE, async (entry) => {
    renewed.push(entry.kind === 'file' ? await seenAnew(staged, entry) : entry)
  })
  writeAtomically(join(staged, 'manifest'), formatManifest(renewed), 0o444)
}

/** One that was touched in between stays unlike its entry, and is read when it is looked at. */
async function seenAnew(staged: string, entry: FileEntry): Promise<FileEntry> {
  const { seen } = entry
  const stats = await lstat(join(staged, 'tree', entry.path), { bigint: true }).catch(() => null)
  if (seen === null || stats === null) return entry
  const now = seenOf(stats)
  return now.mtimeNs === seen.mtimeNs && now.inode === seen.inode ? { ...entry, seen: now } : entry
}
