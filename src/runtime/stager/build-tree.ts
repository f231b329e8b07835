/**
 * From verified bytes to a staged build: unpack, look at what would run, seal the tree, and write `build.json` and the
 * manifest beside it. Everything is on the disk when this returns; the master only has to make the links and rename.
 */

import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BuildId } from '../../core/build.ts'
import type { FileEntry, ManifestEntry } from '../../core/manifest.ts'
import type { Release } from '../../core/source.ts'
import { shownSource } from '../../core/source.ts'
import { baseOf, cleanPath, resolveInTree } from '../../core/tree-path.ts'
import { BUILD_FILE_BYTES, formatBuildFile } from '../../store/build-file.ts'
import { ownEntries, pathsOfCommand } from '../../store/entry.ts'
import { describeTree, lookIn, manifestDigest, sealTree } from '../../store/manifest.ts'
import { syncFiles } from '../../system/sync.ts'
import { type Unpacked, unpack } from '../../trust/archive.ts'
import { checkTree, looksLikeProgram } from '../../trust/content.ts'
import { type Compression, kindOf, unpackedName } from '../../trust/kinds.ts'
import { TRUST_LIMITS } from '../../trust/limits.ts'
import { unpackSingle } from '../../trust/single.ts'
import type { Delivered } from './delivery.ts'
import type { StagerOrder } from './stage-protocol.ts'

/** `id` null: not the bytes are bad, but how they lie there. */
export type BuiltTree = { readonly id: BuildId } | { readonly id: BuildId | null; readonly reason: string }

export async function buildTree(
  order: StagerOrder,
  release: Release,
  delivered: Delivered,
  facts: { readonly proofs: readonly string[]; readonly stagedAt: string },
): Promise<BuiltTree> {
  const artifactId = delivered.kind === 'artifact' ? `sha256-${delivered.sha256}` : null
  // Of a tree only its own digest is its own: what the source says of it is a word.
  const refuse = (problem: string, id: BuildId | null = artifactId): BuiltTree => ({
    id,
    reason: `${release.name} ${problem}`,
  })
  const unpacked = await makeTree(order, release, delivered)
  if ('reason' in unpacked) return unpacked
  if ('problem' in unpacked) return refuse(unpacked.problem)
  const tree = join(order.directory, 'tree')
  const sealed = await sealTree(tree, { maxEntries: TRUST_LIMITS.entries, ...unpacked })
  if ('problem' in sealed) return refuse(sealed.problem)
  const { entries } = sealed
  const id = artifactId ?? `sha256-${manifestDigest(entries)}`
  const { file, manifest } = describeTree(entries, {
    id,
    version: release.version,
    source: shownSource(order.source),
    proofs: facts.proofs,
    stagedAt: facts.stagedAt,
    ordered: release.ordered,
    artifact: release.name,
    entries: release.entries ?? null,
  })
  if (file.totals.files === 0) return refuse('holds no files: put the build into it', id)
  if (file.totals.bytes > TRUST_LIMITS.treeBytes) return refuse('is larger than a build may be', id)
  const executables = executablesIn(entries)
  const runs = whatRuns(order, file.executables, entries)
  const problem = checkTree(tree, executables, runs, order.searchPath)
  if (problem !== null) {
    // What this host lacks says nothing of the bytes, nor does what another command would not start.
    const isOfBytes = !problem.isMissingHere && (!problem.isOfEntry || runs.length === executables.length)
    return { id: isOfBytes ? id : null, reason: problem.reason }
  }
  const text = formatBuildFile(file)
  if (Buffer.byteLength(text) > BUILD_FILE_BYTES) return refuse('holds more links than a build may', id)
  await writeFile(join(order.directory, 'build.json'), text, { mode: 0o444 })
  await writeFile(join(order.directory, 'manifest'), manifest, { mode: 0o444 })
  await syncFiles(pathsOf(order.directory, entries))
  return { id }
}

type MadeTree = Partial<Unpacked> | { readonly problem: string } | { readonly id: null; readonly reason: string }

async function makeTree(order: StagerOrder, release: Release, delivered: Delivered): Promise<MadeTree> {
  if (delivered.kind === 'tree') return {}
  const kind = kindOf(release.name, delivered.path)
  // The name is wrong, or the bytes are: under another name they may be right, so they are not held against the digest.
  if ('problem' in kind) return { id: null, reason: `${release.name} ${kind.problem}` }
  const tree = join(order.directory, 'tree')
  if (kind.kind.form === 'single') return makeSingle(order, release, delivered, { tree, ...kind.kind })
  const unpacked = await unpack(delivered.path, kind.kind, { work: join(order.directory, 'work'), tree })
  // Its place on the disk is needed no more, and what is sealed holds nothing but the build.
  await rm(delivered.path)
  await rm(join(order.directory, 'work'), { recursive: true, force: true })
  return unpacked
}

/** The artifact, or what it is when it is unpacked, becomes the one file of the tree. */
async function makeSingle(
  order: StagerOrder,
  release: Release,
  delivered: Extract<Delivered, { kind: 'artifact' }>,
  { tree, compression }: { readonly tree: string; readonly compression: Compression | null },
): Promise<MadeTree> {
  const name = compression === null ? release.name : unpackedName(release.name)
  // That of a packed file is about the packed file.
  const executable = compression === null ? (release.executable ?? null) : null
  const clean = cleanPath(name)
  // Under another name the same bytes may be right.
  if ('problem' in clean || clean.path !== name || name !== baseOf(name) || name === '') {
    return { id: null, reason: `${release.name} has no name that a file could have: publish it under another` }
  }
  const isEntry = order.command === null || pathsOfCommand(order.command).some((each) => cleaned(each) === name)
  // The mode is not part of the digest, so this is no verdict on the bytes: chmod, and it is looked at again.
  if (isEntry && executable === false) {
    return { id: null, reason: `${name} is not executable: chmod +x it where it comes from` }
  }
  await mkdir(tree, { mode: 0o755 })
  const path = join(tree, name)
  let { sha256 } = delivered
  if (compression === null) await rename(delivered.path, path)
  else {
    const unpacked = await unpackSingle(delivered.path, compression, path)
    if ('problem' in unpacked) return unpacked
    sha256 = unpacked.sha256
    await rm(delivered.path)
  }
  // Also what is no entry yet: another command may make it one, and the same bytes are not unpacked twice.
  await chmod(path, executable === true || isEntry || looksLikeProgram(path) ? 0o755 : 0o644)
  return { digests: new Map([[name, sha256]]) }
}

/** What of the tree the operator's command, or the lack of one, may start. Empty: a program from elsewhere. */
function whatRuns(
  { command, project }: StagerOrder,
  executables: readonly string[],
  entries: readonly ManifestEntry[],
): readonly string[] {
  const look = lookIn(entries)
  if (command === null) {
    // Links are what npm calls its commands by.
    return ownEntries(executables, project).map((path) => {
      const found = resolveInTree('', path, look)
      return 'path' in found ? found.path : path
    })
  }
  const runnable = new Set(executablesIn(entries))
  for (const path of pathsOfCommand(command)) {
    const found = resolveInTree('', path, look)
    if ('path' in found && runnable.has(found.path)) return [found.path]
  }
  return []
}

function executablesIn(entries: readonly ManifestEntry[]): string[] {
  const isExecutable = (entry: ManifestEntry): entry is FileEntry => entry.kind === 'file' && entry.executable
  return entries.filter(isExecutable).map(({ path }) => path)
}

function pathsOf(directory: string, entries: readonly ManifestEntry[]): string[] {
  const inTree = entries.filter(({ kind }) => kind !== 'link').map(({ path }) => join(directory, 'tree', path))
  return [join(directory, 'build.json'), join(directory, 'manifest'), ...inTree, join(directory, 'tree'), directory]
}

function cleaned(path: string): string | null {
  const clean = cleanPath(path)
  return 'path' in clean ? clean.path : null
}
