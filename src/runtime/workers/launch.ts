/**
 * How a build is started: the program, its directory, its environment, its sockets. Resolved anew at every spawn, so
 * that nothing of an older build is remembered.
 */

import { type Build, COMMAND } from '../../core/build.ts'
import { AutoupError, errnoOf, isMachineTrouble, messageOf } from '../../core/errors.ts'
import { type Preset, presetOf } from '../../core/presets.ts'
import type { Failure } from '../../core/promotion.ts'
import type { Settings } from '../../core/settings.ts'
import { readBuildFile, treeFolder } from '../../store/build-file.ts'
import { checkSeal, damageOf, WHOLE } from '../../store/check-seal.ts'
import { findEntry } from '../../store/entry.ts'
import { dataFolderFor, type StorePaths } from '../../store/layout.ts'
import { childEnvironment, readEnvFile } from '../../system/environment.ts'
import { programOf } from '../../system/procfs.ts'
import type { User } from '../../system/user.ts'
import { checkProgram } from '../../trust/content.ts'
import { masterMark } from '../master-mark.ts'

export interface Launch {
  /** The first is an absolute path. */
  readonly argv: readonly string[]
  readonly cwd: string
  readonly preset: Preset | null
}

/** Where a build runs: its tree, or for a bare command where that was asked for. */
export function directoryOf(
  paths: StorePaths,
  build: Pick<Build, 'id'>,
  { directory }: Pick<Settings, 'directory'>,
): string {
  return build.id === COMMAND.id ? directory : treeFolder(paths, build.id)
}

/** Throws AutoupError `not-found` or `not-executable` that names what is missing, or what cannot be run and why. */
export function resolveLaunch(paths: StorePaths, build: Build, settings: Settings): Launch {
  const cwd = directoryOf(paths, build, settings)
  const { embedded, name: project } = settings
  const command = build.id === COMMAND.id ? (embedded?.command ?? settings.command) : settings.command
  const executables = readBuildFile(paths, build.id)?.executables ?? []
  const searchPath = searchPathOf(settings)
  const where = build.id === COMMAND.id ? cwd : 'the build'
  const entry = findEntry({ tree: cwd, where, executables, project, command, searchPath })
  if (entry.kind !== 'found') {
    throw new AutoupError(entry.kind === 'not-executable' ? 'not-executable' : 'not-found', entry.message)
  }
  const problem = problemOf(entry.path, searchPath)
  if (problem !== null)
    throw new AutoupError('not-executable', `cannot run '${command[0] ?? entry.path}': it ${problem}`)
  const args = command.length > 0 ? command.slice(1) : (embedded?.args ?? [])
  return { argv: [entry.path, ...args], cwd, preset: presetOf(command.length > 0 ? command : [entry.path]) }
}

/** The worker's own. Throws AutoupError `config` where the environment file cannot be read. */
function searchPathOf({ envFile }: Pick<Settings, 'envFile'>): string {
  const given = envFile === null ? undefined : readEnvFile(envFile).PATH
  return given ?? process.env.PATH ?? DEFAULT_PATH
}

/** The shell through which it is started (spawn.ts) would run any text, and an empty file with success. */
function problemOf(path: string, searchPath: string): string | null {
  try {
    return checkProgram(path, searchPath)
  } catch (error) {
    // Who may run a program need not be able to read it.
    if (errnoOf(error) === 'EACCES') return null
    throw error
  }
}

/**
 * Of a worker that was not started here: what runs, rather than what would be started today; of a script only the
 * command tells.
 */
export function launchOfOrphan(pid: number, { command }: Pick<Settings, 'command'>): Pick<Launch, 'preset'> {
  return { preset: presetOf([programOf(pid) ?? '']) ?? presetOf(command) }
}

/** Asks a worker to finish. */
export function drainSignalOf(
  { drainSignal }: Pick<Settings, 'drainSignal'>,
  { preset }: Pick<Launch, 'preset'>,
): string {
  return drainSignal ?? preset?.drainSignal ?? 'SIGTERM'
}

/** What every child of a build is told (DESIGN.md section 4); the sockets' variables are added for workers. */
export function environmentFor(context: {
  readonly settings: Settings
  readonly paths: StorePaths
  readonly build: Pick<Build, 'id' | 'version'>
  readonly generation: number
  readonly user: User | null
}): Record<string, string> {
  const { settings, paths, build, generation, user } = context
  return childEnvironment(process.env, {
    ...(user ? { HOME: user.home, USER: user.name, LOGNAME: user.name, SHELL: user.shell } : {}),
    ...(settings.envFile === null ? {} : readEnvFile(settings.envFile)),
    AUTOUP_NAME: settings.name,
    AUTOUP_VERSION: build.version,
    AUTOUP_BUILD: build.id,
    AUTOUP_BUILD_DIR: directoryOf(paths, build, settings),
    AUTOUP_DATA_DIR: dataFolderFor(paths, user),
    AUTOUP_GENERATION: String(generation),
    AUTOUP_STATE: paths.root,
    ...masterMark(),
  })
}

/** A configuration that has become unusable (the environment file is gone) is no fault of the build's either. */
export function failureOf(error: unknown, what: string): Failure {
  const isOurs = error instanceof AutoupError
  const errno = errnoOf(error) ?? errnoOf((error as { cause?: unknown }).cause)
  const isInnocent = isMachineTrouble(errno) || (isOurs && error.code === 'config')
  const reason = isOurs ? error.message : `${what}: ${messageOf(error)}`
  return { kind: isInnocent ? 'machine' : 'behaviour', reason, isProbe: false }
}

/** The same, once it is known whether the build is what was sealed: else this is no failure of that build. */
export async function failureOfBuild(
  error: unknown,
  what: string,
  { paths, build }: { readonly paths: StorePaths; readonly build: Build },
): Promise<Failure> {
  const failure = failureOf(error, what)
  return failure.kind === 'behaviour' && build.id !== 'command' ? await unlessDamaged(failure, paths, build) : failure
}

async function unlessDamaged(failure: Failure, paths: StorePaths, build: Build): Promise<Failure> {
  const check = await checkSeal(paths, build.id, { full: false }).catch(() => WHOLE)
  const damage = damageOf(check)
  return damage === null ? failure : { kind: 'missing', reason: damage, isProbe: false }
}

/** What execvp(3) takes where there is no PATH. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin'
