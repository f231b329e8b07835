/**
 * The vocabulary of artifact names: which words people use for operating systems, processors, C libraries and the
 * rest. Every table is data, so that a new spelling is one word more here and nothing else anywhere. Words are lower
 * case and glued (`x86_64` is found as `x8664`, `mac-os` as `macos`; words.ts does that).
 */

/** What a word says. One word may say several things: `alpine` is Linux with musl. */
export interface Meaning {
  readonly os?: string
  /** `apple`, `mac`, `win`: loses against any other operating system in the name. */
  readonly isWeakOs?: boolean
  readonly arch?: string
  /** `win64`, `64bit`: counts only where nothing else in the name says the architecture. */
  readonly isWeakArch?: boolean
  readonly libc?: Libc
  readonly distro?: string
  /** Says nothing that tells one artifact from another: `unknown` in a triplet. */
  readonly isNoise?: boolean
  /** `nightly`, `rc1`: the same program, and not the plain build of it. */
  readonly isChannel?: boolean
  /** What a file with this word is, when that is nothing to run. */
  readonly never?: string
}

export type Libc = 'glibc' | 'musl' | 'static' | 'msvc' | 'mingw'

const OS: Readonly<Record<string, string>> = {
  linux: 'linux lin linux2 linuxgnu gnulinux',
  darwin: 'darwin macos macosx osx mac macintosh apple osxcross',
  win32: 'windows win winnt mswin mingw mingw32 mingw64 mingww64 cygwin cygwin32 cygwin64 msys msys2 ucrt uwp',
  freebsd: 'freebsd fbsd',
  openbsd: 'openbsd',
  netbsd: 'netbsd',
  dragonfly: 'dragonfly dragonflybsd',
  illumos: 'illumos omnios smartos openindiana',
  sunos: 'solaris sunos solaris11',
  android: 'android androideabi termux',
  aix: 'aix',
  ios: 'ios iphone iphoneos iphonesimulator ipados tvos watchos xros visionos catalyst maccatalyst',
  wasm: 'wasm wasi wasip1 wasip2 wasm32 wasm64 emscripten',
  fuchsia: 'fuchsia',
  plan9: 'plan9',
  haiku: 'haiku beos',
  hurd: 'hurd',
  redox: 'redox',
  qnx: 'qnx nto',
  zos: 'zos',
  os2: 'os2',
  unix: 'unix posix',
}

const WEAK_OS = 'mac apple win lin unix posix mingw msys cygwin ucrt uwp'

const ARCH: Readonly<Record<string, string>> = {
  x64: 'x8664 amd64 x64 em64t intel64 x8664v1 amd64v1 x64v1 x8664h',
  ia32: 'x8632 i386 i486 i586 i686 386 486 586 686 ia32 x32',
  // 32 bits everywhere but on a Mac, where there has been no other Intel for years.
  x86: 'x86',
  arm64: 'arm64 aarch64 armv8 armv8a arm64v8 arm64v8a aarch64v8 armv9 arm64e armv864 aarch64be8 applesilicon',
  // 32 bits, except on a Mac.
  arm: 'arm arm32 armeabi',
  armv7: 'armv7 armv7l armv7a armv7hf armv7h armhf arm7 armhfp arm32v7 arm32v7a armeabiv7a armv7neon',
  armv6: 'armv6 armv6l armv6hf armv6h arm6 arm32v6',
  armv5: 'armv5 armv5te armv5tel arm5 arm32v5 armel armv4t',
  ppc64le: 'ppc64le powerpc64le ppc64el ppcle64 ppc64lel power64le',
  ppc64: 'ppc64 powerpc64 ppc64be',
  ppc: 'ppc powerpc ppc32 powerpcspe',
  s390x: 's390x s39064 s390 systemz',
  riscv64: 'riscv64 riscv64gc riscv64imac riscv64imafdc riscv rv64gc',
  riscv32: 'riscv32 rv32gc',
  loong64: 'loong64 loongarch64 loongarch loong',
  mips: 'mips mips32 mipsbe',
  mipsel: 'mipsel mipsle mips32el mips32le',
  mips64: 'mips64 mips64r6',
  mips64el: 'mips64el mips64le',
  sparc64: 'sparc64 sparcv9',
  sparc: 'sparc sparcv8',
  ia64: 'ia64 itanium',
  alpha: 'alphaev6',
  hppa: 'hppa',
  m68k: 'm68k',
  wasm: 'wasm32 wasm64',
  x64v2: 'x8664v2 amd64v2 x64v2',
  x64v3: 'x8664v3 amd64v3 x64v3',
  x64v4: 'x8664v4 amd64v4 x64v4',
  arm64ec: 'arm64ec',
  any: 'universal universal2 universalbinary universal64 fat fatbin fatbinary noarch anyarch allarch multiarch all any',
}

/** An operating system and, weakly, the width of its words. */
const WIDTH: Readonly<Record<string, readonly [os: string | null, arch: string]>> = {
  win64: ['win32', 'x64'],
  windows64: ['win32', 'x64'],
  w64: ['win32', 'x64'],
  win32: ['win32', 'ia32'],
  windows32: ['win32', 'ia32'],
  w32: ['win32', 'ia32'],
  linux64: ['linux', 'x64'],
  lin64: ['linux', 'x64'],
  linux32: ['linux', 'ia32'],
  lin32: ['linux', 'ia32'],
  mac64: ['darwin', 'x64'],
  macos64: ['darwin', 'x64'],
  osx64: ['darwin', 'x64'],
  darwin64: ['darwin', 'x64'],
  mac32: ['darwin', 'ia32'],
  osx32: ['darwin', 'ia32'],
  freebsd64: ['freebsd', 'x64'],
  freebsd32: ['freebsd', 'ia32'],
  '64bit': [null, 'x64'],
  '64bits': [null, 'x64'],
  bit64: [null, 'x64'],
  '32bit': [null, 'ia32'],
  '32bits': [null, 'ia32'],
  bit32: [null, 'ia32'],
  intel: [null, 'x64'],
  macintel: ['darwin', 'x64'],
  macsilicon: ['darwin', 'arm64'],
  silicon: ['darwin', 'arm64'],
}

const LIBC: Readonly<Record<Libc, string>> = {
  glibc: 'gnu glibc gnueabi gnueabihf gnuabi64 gnuabin32 gnux32 gnusf gnuabi',
  musl: 'musl musleabi musleabihf muslabi64 muslhf muslc muslsf',
  static: 'static staticbin statically staticx linkedstatic',
  msvc: 'msvc',
  mingw: 'gnullvm mingw mingw32 mingw64 mingww64',
}

/** Linux distributions and their releases, and the C library they have. In the order in which they are taken. */
const DISTROS: readonly (readonly [distro: string, libc: Libc, words: string])[] = [
  ['manylinux', 'glibc', 'manylinux manylinux1 manylinux2010 manylinux2014 manylinux228'],
  ['musllinux', 'musl', 'musllinux'],
  ['alpine', 'musl', 'alpine alpinelinux'],
  ['debian', 'glibc', 'debian buster bullseye bookworm trixie stretch raspbian'],
  ['ubuntu', 'glibc', 'ubuntu xenial bionic focal jammy noble trusty'],
  [
    'redhat',
    'glibc',
    'rhel redhat centos fedora rocky rockylinux almalinux amazonlinux amzn amzn2 el6 el7 el8 el9 ubi8 ubi9',
  ],
  ['suse', 'glibc', 'suse opensuse sles leap tumbleweed'],
  ['archlinux', 'glibc', 'archlinux'],
  ['gentoo', 'glibc', 'gentoo'],
  ['nixos', 'glibc', 'nixos'],
]

const NOISE =
  'unknown pc none vendor elf eabi eabihf hf cpu bin binary binaries dist exe executable standalone portable prebuilt'

const CHANNEL =
  'alpha beta rc pre preview prerelease dev snapshot nightly canary edge latest stable release final head trunk tip git'

const NEVER: Readonly<Record<string, string>> = {
  'the sources': 'src source sources sourcecode srcs tarball srpm',
  checksums:
    'checksum checksums sha1 sha256 sha512 sha1sum sha256sum sha512sum sha1sums sha256sums sha512sums shasum shasums shasums256 md5 md5sum md5sums b2sum b3sum digests hashes',
  'a signature': 'signature signatures minisign cosign',
  'a list of contents': 'sbom spdx cyclonedx provenance attestation attestations',
  'debug symbols': 'dbgsym debuginfo debugsymbols debugsymbol symbols dsym pdb pdbs dsyms',
  documentation: 'docs doc documentation manpage manpages man changelog licenses license licence notice javadoc readme',
  'shell completions': 'completions completion',
  'a package': 'bottle artifactbundle xcframework dpkg rpms debs',
  'an installer': 'setup installer install uninstall uninstaller',
  'test data': 'testdata fixtures',
}

function words(text: string): string[] {
  return text.split(/\s+/)
}

function buildVocabulary(): ReadonlyMap<string, Meaning> {
  const map = new Map<string, Meaning>()
  const add = (word: string, meaning: Meaning): void => {
    map.set(word, { ...map.get(word), ...meaning })
  }
  const weak = new Set(words(WEAK_OS))
  for (const [os, list] of Object.entries(OS)) {
    for (const word of words(list)) add(word, weak.has(word) ? { os, isWeakOs: true } : { os })
  }
  for (const [arch, list] of Object.entries(ARCH)) {
    for (const word of words(list)) add(word, { arch })
  }
  for (const [word, [os, arch]] of Object.entries(WIDTH)) {
    add(word, { ...(os === null ? {} : { os }), arch, isWeakArch: true })
  }
  for (const [libc, list] of Object.entries(LIBC)) {
    for (const word of words(list)) add(word, { libc: libc as Libc })
  }
  for (const [distro, libc, list] of DISTROS) {
    for (const word of words(list)) add(word, { os: 'linux', libc, distro })
  }
  for (const word of words(NOISE)) add(word, { isNoise: true })
  for (const word of words(CHANNEL)) add(word, { isChannel: true })
  for (const [never, list] of Object.entries(NEVER)) {
    for (const word of words(list)) add(word, { never })
  }
  add('applesilicon', { os: 'darwin', arch: 'arm64' })
  add('android', { os: 'android' })
  return map
}

export const VOCABULARY: ReadonlyMap<string, Meaning> = buildVocabulary()

/** How distributions are preferred, first is best; a name without one comes before all of them. */
export const DISTRO_ORDER: readonly string[] = DISTROS.map(([distro]) => distro)
