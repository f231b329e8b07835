/** Releases as tools of today make them, in all their spellings: of a whole matrix the one for the machine is chosen. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chooseArtifact } from '../../src/core/artifact/choice.ts'

const PROGRAMS =
  'app my-tool k9s arm-tools winget linuxkit darwin-fmt muslin tar-split server64 go2rtc 7zip-cli rpmtool'
const SYSTEMS = {
  linux: ['linux', 'Linux', 'LINUX', 'unknown-linux'],
  darwin: ['darwin', 'Darwin', 'macos', 'macOS', 'apple-darwin', 'osx'],
  win32: ['windows', 'Windows', 'win', 'win32', 'pc-windows'],
} as const
const MACHINES = {
  x64: ['amd64', 'x86_64', 'x64', 'x86-64', '64bit'],
  arm64: ['arm64', 'aarch64', 'ARM64'],
  arm: ['armv7', 'armhf', 'armv6', 'arm'],
  ia32: ['386', 'i386', 'i686', 'x86', '32bit'],
} as const

type Os = keyof typeof SYSTEMS
type Arch = keyof typeof MACHINES

const oneOf = (...all: readonly string[]) => fc.constantFrom(...all)

const release = fc.record({
  program: oneOf(...PROGRAMS.split(' ')),
  version: oneOf('1.2.3', '0.10.0', '2024.11.3', '3.0.0-rc.1', '12.0.1'),
  hasV: fc.boolean(),
  order: oneOf('poa', 'pao', 'pvoa', 'pvao', 'poav'),
  separator: oneOf('-', '_', '.'),
  systems: fc.record({
    linux: oneOf(...SYSTEMS.linux),
    darwin: oneOf(...SYSTEMS.darwin),
    win32: oneOf(...SYSTEMS.win32),
  }),
  machines: fc.record({
    x64: oneOf(...MACHINES.x64),
    arm64: oneOf(...MACHINES.arm64),
    arm: oneOf(...MACHINES.arm),
    ia32: oneOf(...MACHINES.ia32),
  }),
  ending: oneOf('.tar.gz', '.tgz', '', '.zip', '.gz', '.tar.xz'),
  libcs: fc.boolean(),
  besides: fc.subarray([
    'checksums.txt',
    'SHA256SUMS',
    'PROGRAM.sbom.json',
    'install.sh',
    'README.md',
    'PROGRAM-VERSION-src.tar.gz',
    'PROGRAM-VERSION.tgz',
    'PROGRAM-vendor.tar.gz',
    'PROGRAM_VERSION_linux_amd64.deb',
    'PROGRAM-VERSION.x86_64.rpm',
    'PROGRAM-VERSION-x86_64.AppImage',
    'completions.tar.gz',
    'PROGRAM-docs.zip',
    'debug-symbols-linux-amd64.tar.gz',
  ]),
})

test('of a release for all machines the file for this one is chosen, however names are spelled', () => {
  fc.assert(
    fc.property(release, oneOf('linux', 'darwin', 'win32'), oneOf('x64', 'arm64', 'arm', 'ia32'), (made, os, arch) => {
      const { program, version, ending, libcs } = made
      const parts = { p: program, v: made.hasV ? `v${version}` : version }
      const nameFor = (system: Os, machine: Arch, libc: string | null): string => {
        const words = { ...parts, o: made.systems[system], a: made.machines[machine] } as Readonly<
          Record<string, string>
        >
        const base = [...made.order].map((letter) => words[letter]).join(made.separator)
        const suffix = libc === null ? '' : made.separator + libc
        return base + suffix + (system === 'win32' ? '.zip' : ending)
      }
      const all = (['linux', 'darwin', 'win32'] as const).flatMap((system) =>
        (['x64', 'arm64', 'arm', 'ia32'] as const)
          .filter((machine) => system !== 'darwin' || !['arm', 'ia32'].includes(machine))
          .flatMap((machine) =>
            (libcs && system === 'linux' ? ['gnu', 'musl'] : [null]).map((libc) => ({
              system,
              machine,
              libc,
              name: nameFor(system, machine, libc),
            })),
          ),
      )
      const wanted = all.find(({ system, machine, libc }) => system === os && machine === arch && libc !== 'musl')
      fc.pre(wanted !== undefined && new Set(all.map(({ name }) => name)).size === all.length)
      const besides = made.besides.map((each) => each.replace('PROGRAM', program).replace('VERSION', version))
      const names = [...new Set([...besides, ...all.map(({ name }) => name)])]
      const choice = chooseArtifact(
        names,
        { os, arch, libc: os === 'linux' ? 'glibc' : null },
        { project: `org/${program}`, version },
      )
      expect(choice.choice, choice.refusal ?? '').toBe(wanted?.name)
    }),
    { numRuns: 2_000 },
  )
})
