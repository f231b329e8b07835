/**
 * Does a file run on a platform? Either a reason why not, or how sure that is, by operating system, architecture and C
 * library, and what is liked better where two of the same program would run. Decisions that tools disagree on are
 * written down in docs/artifact-choice.md.
 */

import { DISTRO_ORDER, type Libc } from './tokens.ts'
import type { Traits } from './traits.ts'

/** As in `process`, with `ppc64le` and `mips64el` told apart; `libc` is null where the system has only one. */
export interface ArtifactPlatform {
  readonly os: string
  readonly arch: string
  readonly libc: 'glibc' | 'musl' | 'msvc' | 'gnu' | null
}

export interface Fit {
  /** 0 to 3 each; they decide before the program does. */
  readonly os: number
  readonly arch: number
  readonly libc: number
  /** 0 to MAX_LIKING: between artifacts of one program. */
  readonly liking: number
  readonly reasons: readonly string[]
}

/** What all names of the release say together. */
export interface Company {
  /** Whether any name says an operating system or an architecture. */
  readonly saysPlatforms: boolean
}

type Part = { readonly level: number; readonly reason: string } | { readonly not: string }

export function fitOf(traits: Traits, platform: ArtifactPlatform, company: Company): Fit | { readonly not: string } {
  const os = osFit(traits, platform, company)
  if ('not' in os) return os
  const arch = archFit(traits, platform, company)
  if ('not' in arch) return arch
  const libc = libcFit(traits, platform)
  if ('not' in libc) return libc
  const { liking, reasons } = like(traits, platform)
  return {
    os: os.level,
    arch: arch.level,
    libc: libc.level,
    liking,
    reasons: [os.reason, arch.reason, libc.reason, ...reasons].filter((reason) => reason !== ''),
  }
}

function osFit({ os, archs, format, libc }: Traits, platform: ArtifactPlatform, company: Company): Part {
  const isWindows = platform.os === 'win32'
  if (os === platform.os) return { level: 3, reason: `for ${osName(os)}` }
  if (os === 'unix') return isWindows ? { not: 'for Unix' } : { level: 1, reason: 'for Unix' }
  // SmartOS and its kin call themselves sunos.
  if (os === 'illumos' && platform.os === 'sunos') return { level: 2, reason: 'for illumos' }
  if (os === 'linux' && platform.os === 'android') {
    const isSelfContained = libc === 'musl' || libc === 'static'
    return isSelfContained
      ? { level: 1, reason: 'for Linux, and needs no C library' }
      : { not: 'for Linux with its C library' }
  }
  if (os !== null) return { not: `for ${osName(os)}` }
  if (isWindows && format.kind === 'bare') return { not: 'no program for Windows' }
  if (format.kind === 'neutral') return { level: 1, reason: 'runs on every system' }
  if (!company.saysPlatforms) return { level: 1, reason: 'names no system, nor does any other file' }
  if (format.kind === 'script') return { not: 'a script beside builds for platforms' }
  if (platform.os === 'linux' && (archs.size > 0 || format.kind !== 'archive')) {
    return { level: 1, reason: 'names no operating system, so it is taken for Linux' }
  }
  if (archs.size === 0 && format.kind === 'archive')
    return { not: 'names no platform where others do: taken for the sources' }
  return { not: 'names no operating system, so it is taken for Linux' }
}

/** Architectures that run `arch` natively, best first. */
const RUNS: Readonly<Record<string, readonly string[]>> = {
  x64: ['x64', 'x64v2', 'x64v3', 'x64v4'],
  ia32: ['ia32', 'x86'],
  arm: ['armv7', 'armv6', 'arm', 'armv5'],
}

/** What runs where there is nothing better, because the system itself sees to it. */
const MAKESHIFTS: Readonly<Record<string, readonly (readonly [arch: string, reason: string])[]>> = {
  'darwin/arm64': [
    ['x64', 'for x64, which Rosetta runs'],
    ['x86', 'for x64, which Rosetta runs'],
  ],
  'win32/x64': [['ia32', 'for x86 with 32 bits, which Windows runs']],
}

function archFit(
  { os, archs, format, distro }: Traits,
  { os: hostOs, arch }: ArtifactPlatform,
  company: Company,
): Part {
  const isMac = hostOs === 'darwin'
  if (archs.size > 0) {
    const native = nativeArchs(hostOs, arch)
    if (native.some((each) => archs.has(each)))
      return { level: 3, reason: `for ${[...archs].map(archName).join(' and ')}` }
    if (archs.has('any')) return { level: 2, reason: 'for every architecture' }
    const makeshift = MAKESHIFTS[`${hostOs}/${arch}`]?.find(([each]) => archs.has(each))
    if (makeshift) return { level: 0, reason: makeshift[1] }
    if (arch === 'x64' && archs.has('x86')) return { level: 0, reason: 'for x86, which mostly means x64 today' }
    return { not: `for ${[...archs].map(archName).join(' and ')}` }
  }
  if (format.kind === 'neutral' || format.kind === 'script') return { level: 2, reason: '' }
  if (os === null && distro === null && !company.saysPlatforms) return { level: 2, reason: '' }
  if (arch === 'x64') return { level: 1, reason: 'names no architecture, so it is taken for x64' }
  if (isMac && arch === 'arm64')
    return { level: 1, reason: 'names no architecture: universal, or x64, which Rosetta runs' }
  return { not: 'names no architecture, so it is taken for x64' }
}

function nativeArchs(os: string, arch: string): readonly string[] {
  if (os === 'darwin' && arch === 'x64') return ['x64', 'x64v2', 'x64v3', 'x64v4', 'x86']
  if (os === 'darwin' && arch === 'arm64') return ['arm64', 'arm']
  return (Object.hasOwn(RUNS, arch) ? RUNS[arch] : undefined) ?? [arch]
}

function libcFit({ os, libc, distro }: Traits, platform: ArtifactPlatform): Part {
  if (platform.os !== 'linux' || os === 'unix') return { level: 2, reason: '' }
  const of = distro === null ? '' : ` (${distro})`
  if (platform.libc === 'musl') {
    if (libc === 'glibc') return { not: `needs glibc${of}, and this system has musl` }
    if (libc === 'musl') return { level: 3, reason: `for musl${of}` }
    if (libc === 'static') return { level: 3, reason: 'statically linked' }
    return { level: 2, reason: 'names no C library' }
  }
  if (libc === 'glibc') return { level: 2, reason: `for glibc${of}` }
  if (libc === 'musl') return { level: 2, reason: `for musl${of}: as a rule statically linked` }
  if (libc === 'static') return { level: 2, reason: 'statically linked' }
  return { level: 2, reason: '' }
}

/** Only the order matters: version of this release, architecture, C library, distribution, channel, format. */
function like(traits: Traits, platform: ArtifactPlatform): { liking: number; reasons: string[] } {
  const { archs, format, isChannel } = traits
  const native = nativeArchs(platform.os, platform.arch)
  const archRank = Math.max(
    0,
    native.findIndex((each) => archs.has(each)),
  )
  const reasons = [
    ...(archRank > 0 && platform.arch === 'x64' ? [`not the plain build for ${platform.arch}`] : []),
    ...(isChannel ? ['not the plain release'] : []),
    format.ending === '' ? 'a bare program' : format.ending,
  ]
  const order = platform.os === 'win32' ? format.order.windows : format.order.unix
  const parts = [
    // One that names no version is of this release; one that names another may be left over from before.
    traits.isOfRelease || traits.versions.length === 0 ? 1 : 0,
    3 - Math.min(3, archRank),
    libcLiking(traits, platform),
    distroLiking(traits.distro),
    isChannel ? 0 : 1,
  ]
  return { liking: parts.reduce((sum, part, at) => sum * (BASES[at] as number) + part, 0) * FORMATS + order, reasons }
}

/** How many values each part of the liking has. */
const BASES = [2, 4, 4, 16, 2]
const FORMATS = 20
export const MAX_LIKING: number = BASES.reduce((product, base) => product * base, FORMATS) - 1

function libcLiking({ os, libc, distro }: Traits, platform: ArtifactPlatform): number {
  if (platform.os === 'win32') {
    const own: Libc = platform.libc === 'gnu' ? 'mingw' : 'msvc'
    return libc === own ? 3 : libc === null || libc === 'static' ? 2 : 1
  }
  if (os !== 'linux' && os !== null) return libc === null ? 2 : 1
  if (platform.libc === 'musl') return libc === 'musl' ? 3 : libc === 'static' ? 2 : 1
  // That of a distribution is liked no more than none: the distribution itself decides next.
  if (libc === 'glibc') return distro === null || distro === 'manylinux' ? 3 : 2
  return libc === null ? 2 : 1
}

/** A build for no distribution in particular runs on most. */
function distroLiking(distro: string | null): number {
  return distro === null ? 15 : 14 - Math.max(0, DISTRO_ORDER.indexOf(distro))
}

const OS_NAMES: Readonly<Record<string, string>> = {
  linux: 'Linux',
  darwin: 'macOS',
  win32: 'Windows',
  freebsd: 'FreeBSD',
  openbsd: 'OpenBSD',
  netbsd: 'NetBSD',
  dragonfly: 'DragonFly BSD',
  sunos: 'Solaris',
  android: 'Android',
  ios: 'iOS',
  wasm: 'WebAssembly',
  fuchsia: 'Fuchsia',
  plan9: 'Plan 9',
  haiku: 'Haiku',
  aix: 'AIX',
  unix: 'Unix',
}

export function osName(os: string): string {
  return Object.hasOwn(OS_NAMES, os) ? (OS_NAMES[os] as string) : os
}

function archName(arch: string): string {
  return arch === 'any'
    ? 'every architecture'
    : arch === 'ia32'
      ? 'x86 with 32 bits'
      : arch === 'arm'
        ? 'arm with 32 bits'
        : arch
}
