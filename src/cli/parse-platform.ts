/** `linux/x64/musl` as people write it: with the words of artifact names, so `macos/aarch64` and `linux/amd64` too. */

import type { ArtifactPlatform } from '../core/artifact/choice.ts'
import { VOCABULARY } from '../core/artifact/tokens.ts'
import { squeeze } from '../core/artifact/words.ts'
import { AutoupError } from '../core/errors.ts'

/** Without a libc, Linux has that of `host` where it is the same, else glibc. Throws AutoupError `usage`. */
export function parsePlatform(text: string, host: ArtifactPlatform): ArtifactPlatform {
  const [osWord = '', archWord = '', libcWord, ...rest] = text.split('/')
  const os = VOCABULARY.get(squeeze(osWord))?.os
  const arch = archOf(squeeze(archWord))
  if (os === undefined || arch === undefined || rest.length > 0) {
    throw new AutoupError(
      'usage',
      `'${text}' is no platform: write it like linux/x64, linux/arm64/musl or darwin/arm64`,
    )
  }
  if (libcWord !== undefined) return { os, arch, libc: libcOf(libcWord, os, text) }
  if (os !== 'linux') return { os, arch, libc: null }
  return { os, arch, libc: (host.os === os ? host.libc : null) ?? 'glibc' }
}

function archOf(word: string): string | undefined {
  const arch = VOCABULARY.get(word)?.arch
  if (arch === 'x86') return 'ia32'
  return arch === 'any' ? undefined : arch?.replace(/^armv[567]$/, 'arm')
}

function libcOf(word: string, os: string, text: string): ArtifactPlatform['libc'] {
  if (os === 'linux' && (word === 'glibc' || word === 'gnu')) return 'glibc'
  if (os === 'linux' && word === 'musl') return 'musl'
  if (os === 'win32' && (word === 'msvc' || word === 'gnu')) return word
  throw new AutoupError('usage', `'${word}' in '${text}' is no C library: Linux has glibc or musl, Windows msvc or gnu`)
}
