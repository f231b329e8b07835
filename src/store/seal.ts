/**
 * The last step of staging, by the master: a staged folder in `tmp/` becomes `builds/<id>`, whole and on disk, or does
 * not appear there at all. What the stager has written is synced already; the master makes the links, each after a look
 * at where it really leads, closes their folders, and renames. The rename is the seal.
 */

import { lstatSync } from 'node:fs'
import { chmod, lstat, rename, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Build, BuildId } from '../core/build.ts'
import { AutoupError } from '../core/errors.ts'
import { cleanPath, linkProblem, parentOf, type TreeLink, type TreeNode } from '../core/tree-path.ts'
import { syncDirectory } from '../system/atomic.ts'
import { removeTree } from '../system/tree.ts'
import { BUILD_FILE_BYTES, type BuildFile, buildFolder, buildOf, readBuildFile, readBuildFileIn } from './build-file.ts'
import { checkSeal, isWhole } from './check-seal.ts'
import { createFolder, type StorePaths } from './layout.ts'
import { takeBack } from './take-back.ts'
import { storeTrouble } from './trouble.ts'

/** Of the manifest: 100 000 entries with names of 160 bytes have 30 MB. */
const MANIFEST_BYTES = 134_217_728

/** Steps of all links of a build together, each a moment of the master: 10 000 links that take forty each. */
const MAX_LOOKS = 400_000

/** Two may have staged the same build: the second is to find what the first has sealed. */
let sealing: Promise<unknown> = Promise.resolve()

/**
 * Takes the staged folder, whatever comes of it; several one after the other. `said` is what was reported of it: what
 * goes into the ledger is what lies on the disk, and the two are one or nothing is taken. A whole build of the same id
 * is kept; one that is damaged is moved aside first. Throws AutoupError: `refused` for links that lead out, `failed`
 * when the disk does not play along.
 */
export async function finishStaging(
  paths: StorePaths,
  stagedDirectory: string,
  said: Omit<Build, 'committedAt'> | null = null,
): Promise<Build> {
  const sealed = sealing.then(() => seal(paths, stagedDirectory, said))
  sealing = sealed.catch(() => undefined)
  return await sealed
}

async function seal(
  paths: StorePaths,
  stagedDirectory: string,
  said: Omit<Build, 'committedAt'> | null,
): Promise<Build> {
  try {
    const isOurs = dirname(stagedDirectory) === paths.tmp && isPlain(stagedDirectory)
    const file = isOurs ? readBuildFileIn(stagedDirectory) : null
    if (file === null) {
      throw new AutoupError('failed', `${stagedDirectory} holds no staged build: stage the release again`)
    }
    if (said !== null && !isSaid(file, said)) {
      throw new AutoupError(
        'failed',
        `${stagedDirectory} holds another build than was reported: stage the release again`,
      )
    }
    const existing = readBuildFile(paths, file.id)
    if (existing !== null && isWhole(await checkSeal(paths, file.id, { full: false }))) return buildOf(existing)
    await takeBack(stagedDirectory)
    await makeLinks(join(stagedDirectory, 'tree'), file)
    syncDirectory(stagedDirectory)
    await moveAside(paths, file.id)
    await chmod(stagedDirectory, 0o755)
    await rename(stagedDirectory, buildFolder(paths, file.id))
    syncDirectory(paths.builds)
    await chmod(buildFolder(paths, file.id), 0o555)
    return buildOf(file)
  } catch (cause) {
    throw storeTrouble('write', paths.builds, cause)
  } finally {
    // Renamed away, or not wanted.
    await removeTree(stagedDirectory).catch(() => undefined)
  }
}

/**
 * What was said came over a wire that takes no control characters and no long texts, so what is on the disk has none.
 */
function isSaid(file: BuildFile, said: Omit<Build, 'committedAt'>): boolean {
  const told = ({ id, version, stagedAt, proofs }: typeof said) => JSON.stringify([id, version, stagedAt, proofs])
  return told(file) === told(said)
}

/** Keeps what stands at `builds/<id>`, if anything does, for the operator. Gives its new place, or null. */
export async function moveAside(paths: StorePaths, id: BuildId): Promise<string | null> {
  const from = buildFolder(paths, id)
  const stats = await lstat(from).catch(() => null)
  if (stats === null) return null
  createFolder(paths.aside, 0o755)
  const to = join(paths.aside, `${id}-${new Date().toISOString().replaceAll(':', '-')}`)
  // rename(2) of a folder writes its `..`, which needs the folder itself to be writable for all but root.
  if (stats.isDirectory()) await chmod(from, 0o755)
  await rename(from, to)
  syncDirectory(paths.aside)
  syncDirectory(paths.builds)
  return to
}

/**
 * Whether it is made of what it should be made of. The stager may make links in `tmp/`: through one in the place of
 * `tree` the master's own links would land anywhere, and one to a device would be read for ever.
 */
function isPlain(staged: string): boolean {
  const look = (name: string) => lstatSync(join(staged, name), { throwIfNoEntry: false })
  const isFileUpTo = (name: string, bytes: number) => {
    const stats = look(name)
    return stats?.isFile() === true && stats.size <= bytes
  }
  return (
    ['', 'tree'].every((name) => look(name)?.isDirectory()) &&
    isFileUpTo('build.json', BUILD_FILE_BYTES) &&
    isFileUpTo('manifest', MANIFEST_BYTES)
  )
}

/** Every link is looked at before the first is made. */
async function makeLinks(tree: string, { links, version }: BuildFile): Promise<void> {
  let looks = 0
  const onDisk = lookOnDisk(tree, links)
  const look = (path: string) => {
    if (++looks > MAX_LOOKS)
      throw new AutoupError('refused', `${version} holds links that lead through too many others`)
    return onDisk(path)
  }
  for (const link of links) {
    const problem = standsInFolder(link.path, look) ? linkProblem(link, look) : 'stands in no folder of it'
    if (problem !== null) throw new AutoupError('refused', `${version} holds the link '${link.path}', which ${problem}`)
  }
  const folders = new Set<string>()
  for (const { path, target } of links) {
    await symlink(target, join(tree, path))
    folders.add(join(tree, parentOf(path)))
  }
  for (const folder of folders) {
    await chmod(folder, 0o555)
    syncDirectory(folder)
  }
}

function standsInFolder(path: string, look: (path: string) => TreeNode): boolean {
  const clean = cleanPath(path)
  if (!('path' in clean) || clean.path !== path || path === '') return false
  for (let folder = parentOf(path); folder !== ''; folder = parentOf(folder)) {
    if (look(folder) !== 'directory') return false
  }
  return true
}

/** The disk itself is asked, not the manifest: this is the check that does not believe the stager. */
function lookOnDisk(tree: string, links: readonly TreeLink[]): (path: string) => TreeNode {
  const nodes = new Map<string, TreeNode>(links.map(({ path, target }) => [path, { target }]))
  return (path) => {
    const known = nodes.get(path)
    if (known !== undefined) return known
    const stats = lstatSync(join(tree, path), { throwIfNoEntry: false })
    const node = stats?.isDirectory() ? 'directory' : stats?.isFile() ? 'file' : 'missing'
    nodes.set(path, node)
    return node
  }
}
