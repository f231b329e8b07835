/**
 * Where koffi comes from: the installed package, or, in a single executable, the asset `koffi.node`. A library can be
 * loaded from a file only (dlopen(3)), so the asset is written to a new folder that nobody else can enter, loaded, and
 * removed again at once: nothing on disk is trusted, and nothing is left.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getAsset, isSea } from 'node:sea'
import { AutoupError, messageOf } from '../core/errors.ts'

type Koffi = typeof import('koffi')

export const KOFFI_ASSET = 'koffi.node'

/** Throws AutoupError `failed` where there is none for this machine. */
export function loadKoffi(): Koffi {
  if (isSea()) return fromAsset()
  try {
    return requireHere()('koffi') as Koffi
  } catch (cause) {
    const advice = 'install autoup again on this machine, so that npm takes the build of koffi for it'
    throw new AutoupError('failed', `cannot load koffi, which autoup reaches libc with; ${advice}`, { cause })
  }
}

/** In a CommonJS bundle there is no `import.meta`; the package lies near the program then. */
function requireHere(): NodeJS.Require {
  const here: string | undefined = import.meta.url
  return createRequire(here ?? (process.argv[1] as string))
}

function fromAsset(): Koffi {
  const bytes = asset()
  const problems: string[] = []
  for (const folder of folders()) {
    try {
      return loadFrom(folder, bytes)
    } catch (error) {
      // Not writable, or mounted with noexec.
      problems.push(messageOf(error))
    }
  }
  throw new AutoupError('failed', `cannot load the asset ${KOFFI_ASSET}: ${problems.join('; ')}`)
}

function asset(): Uint8Array {
  try {
    return new Uint8Array(getAsset(KOFFI_ASSET))
  } catch (cause) {
    const advice = 'name the koffi.node of this platform in the "assets" of its configuration (docs/embedding.md)'
    throw new AutoupError('failed', `this executable was built without the asset ${KOFFI_ASSET}: ${advice}`, { cause })
  }
}

/** The last one is all that a stager may write to. */
function folders(): readonly string[] {
  const { AUTOUP_STATE } = process.env
  const store = AUTOUP_STATE === undefined ? [] : [join(AUTOUP_STATE, 'tmp')]
  return [...new Set([tmpdir(), '/tmp', '/var/tmp', '/dev/shm', ...store])]
}

/** Made with mode 0700 (mkdtemp(3)). */
function loadFrom(folder: string, bytes: Uint8Array): Koffi {
  const own = mkdtempSync(join(folder, 'autoup-'))
  try {
    const path = join(own, KOFFI_ASSET)
    writeFileSync(path, bytes, { flag: 'wx', mode: 0o500 })
    const module = { exports: {} }
    process.dlopen(module, path)
    return module.exports as Koffi
  } finally {
    rmSync(own, { recursive: true, force: true })
  }
}
