import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ArtifactHints, type ArtifactPlatform, chooseArtifact } from '../../../src/core/artifact/choice.ts'
import { shapeOf } from '../../../src/core/artifact/shape.ts'

const LINUX: ArtifactPlatform = { os: 'linux', arch: 'x64', libc: 'glibc' }
const ALPINE: ArtifactPlatform = { os: 'linux', arch: 'x64', libc: 'musl' }
const ARM: ArtifactPlatform = { os: 'linux', arch: 'arm64', libc: 'glibc' }
const MAC: ArtifactPlatform = { os: 'darwin', arch: 'arm64', libc: null }
const WINDOWS: ArtifactPlatform = { os: 'win32', arch: 'x64', libc: 'msvc' }

function choose(names: string, platform: ArtifactPlatform = LINUX, hints: ArtifactHints = {}): string | null {
  return chooseArtifact(names.split(' '), platform, hints).choice
}

function reasonFor(name: string, names: string, platform: ArtifactPlatform = LINUX): string {
  const { candidates } = chooseArtifact(names.split(' '), platform)
  return candidates.find((each) => each.name === name)?.reasons.join(', ') ?? 'not listed'
}

describe('the platform', () => {
  test.each([
    'app-x86_64-linux',
    'app_Linux-64bit',
    'app-linux64',
    'app-LinuxX64',
    'app_1.2.3_Linuxx86_64',
    'app-amd64-linuxstatic',
    'app.linux-amd64',
    'app-linux-x86-64-v1.64.0',
    'app-manylinux2014_x86_64',
    'app-ubuntu-22.04-x64',
  ])('is understood in %s', (name) => {
    const others = 'app-linux-arm64 app-linux-i686 app-darwin-amd64 app-windows-amd64.exe app-freebsd-x86_64'
    expect(choose(`${name} ${others}`)).toBe(name)
    expect(choose(`${name} ${others}`, ARM)).toBe('app-linux-arm64')
  })

  test('is not seen in a word that only ends or begins like one', () => {
    expect(
      choose('app-linux-mandroid-arm64.zip app-linux-android-arm64.zip', { ...ARM, os: 'android', libc: null }),
    ).toBe('app-linux-android-arm64.zip')
    expect(choose('armor-linux-amd64 armor-linux-arm64')).toBe('armor-linux-amd64')
  })

  test('is not read out of the name of the program', () => {
    const names = 'win-tool-ubuntu-x64.tar.gz win-tool-macos-x64.tar.gz win-tool-windows-x64.zip'
    expect(choose(names)).toBe('win-tool-ubuntu-x64.tar.gz')
    expect(choose('arm-kit-linux-amd64 arm-kit-linux-arm64', LINUX, { project: 'org/arm-kit' })).toBe(
      'arm-kit-linux-amd64',
    )
  })

  test('decides for the C library only where there are two', () => {
    const both = 'app-linux-x64-gnu.tgz app-linux-x64-musl.tgz'
    expect(choose(both)).toBe('app-linux-x64-gnu.tgz')
    expect(choose(both, ALPINE)).toBe('app-linux-x64-musl.tgz')
    expect(choose('app-linux-x64-musl.tgz')).toBe('app-linux-x64-musl.tgz')
    expect(choose('app-linux-x64-gnu.tgz', ALPINE)).toBeNull()
    expect(choose('app-linux-x64.tgz', ALPINE)).toBe('app-linux-x64.tgz')
    expect(choose('app-linux-x64.tgz app-linux-x64-static.tgz', ALPINE)).toBe('app-linux-x64-static.tgz')
  })

  test('prefers the oldest system that a build asks for, since it runs on the newer ones', () => {
    expect(choose('app-ubuntu-22.04-x64.tgz app-ubuntu-20.04-x64.tgz')).toBe('app-ubuntu-20.04-x64.tgz')
    expect(choose('app-linux-x64.tgz app-ubuntu-20.04-x64.tgz')).toBe('app-linux-x64.tgz')
  })

  test('is taken for Linux on x64 where a program names none and others do', () => {
    const names = 'app app-darwin app-arm64 app-armhf app.exe'
    expect(choose(names)).toBe('app')
    expect(choose(names, ARM)).toBe('app-arm64')
    expect(choose(names, MAC)).toBe('app-darwin')
    expect(choose(names, WINDOWS)).toBe('app.exe')
    expect(choose(names, { os: 'linux', arch: 's390x', libc: 'glibc' })).toBeNull()
  })

  test('does not matter to the only archive of a release that names none', () => {
    for (const platform of [LINUX, ALPINE, ARM, MAC])
      expect(choose('app-1.2.0.tar.gz app-1.2.0.zip', platform)).toBe('app-1.2.0.tar.gz')
  })
})

describe('what tools disagree on', () => {
  test('a 32-bit build is for no 64-bit Linux, and for a 64-bit Windows where there is nothing else', () => {
    expect(choose('app-linux-i686.tgz')).toBeNull()
    expect(choose('app-windows-i686.zip', WINDOWS)).toBe('app-windows-i686.zip')
    expect(choose('app-windows-i686.zip app-windows-x64.zip', WINDOWS)).toBe('app-windows-x64.zip')
  })

  test('Rosetta runs x64 where a Mac has nothing better', () => {
    expect(choose('app-macos-x86_64.tgz', MAC)).toBe('app-macos-x86_64.tgz')
    expect(choose('app-macos-x86_64.tgz app-macos-universal.tgz', MAC)).toBe('app-macos-universal.tgz')
  })

  test('arm alone has 32 bits, but on a Mac', () => {
    expect(choose('app-linux-arm.tgz', ARM)).toBeNull()
    expect(choose('app-linux-arm.tgz', { ...ARM, arch: 'arm' })).toBe('app-linux-arm.tgz')
    expect(choose('app-mac-arm.tgz app-mac-x64.tgz', MAC)).toBe('app-mac-arm.tgz')
  })

  test('x86 alone is the last resort for x64', () => {
    expect(choose('app-linux-x86.tgz')).toBe('app-linux-x86.tgz')
    expect(choose('app-linux-x86.tgz app-linux-x86_64.tgz')).toBe('app-linux-x86_64.tgz')
    expect(choose('app-linux-x86.tgz app-linux-x86_64.tgz', { ...LINUX, arch: 'ia32' })).toBe('app-linux-x86.tgz')
  })

  test('the archive that needs no tool of the host comes first', () => {
    expect(choose('app-linux-x64.tar.zst app-linux-x64.tar.xz app-linux-x64.tar.gz')).toBe('app-linux-x64.tar.gz')
    expect(choose('app-linux-x64.tar.zst app-linux-x64.tar.xz')).toBe('app-linux-x64.tar.xz')
    expect(choose('app-linux-x64.xz app-linux-x64')).toBe('app-linux-x64')
    expect(choose('app-windows-x64.tar.gz app-windows-x64.zip', WINDOWS)).toBe('app-windows-x64.zip')
  })

  test('different programs that fit equally well are refused by name', () => {
    const { choice, refusal } = chooseArtifact(
      ['lint-linux-x64.tgz', 'fmt-linux-x64.tgz', 'fmt-linux-arm64.tgz'],
      LINUX,
    )
    expect(choice).toBeNull()
    expect(refusal).toBe(
      '2 files of different programs fit Linux on x64 with glibc equally well: fmt-linux-x64.tgz, lint-linux-x64.tgz; say which with ?asset=',
    )
  })
})

describe('the program', () => {
  test('that is plain comes before its variants', () => {
    expect(choose('app-linux-x64-debug.tgz app-linux-x64.tgz app-extended-linux-x64.tgz')).toBe('app-linux-x64.tgz')
  })

  test('that is named like the project comes before others, whatever their format', () => {
    const names = 'appctl-linux-x64.tar.gz app-linux-x64'
    expect(choose(names, LINUX, { project: 'org/app' })).toBe('app-linux-x64')
    expect(choose(names, LINUX, { project: 'org/app', preferName: 'appctl' })).toBe('appctl-linux-x64.tar.gz')
    expect(choose(names)).toBeNull()
  })

  test('is one, where two names say the same in other words', () => {
    expect(choose('app-linux-x86_64.tgz app-linux-amd64.tgz')).toBe('app-linux-amd64.tgz')
  })

  test('in two versions is refused, unless one of them is of this release', () => {
    const names = 'app-3.9.1-linux-x64.tgz app-3.10.2-linux-x64.tgz'
    expect(choose(names)).toBeNull()
    expect(chooseArtifact(names.split(' '), LINUX).refusal).toMatch(/different versions/)
    expect(choose(names, LINUX, { version: 'v3.10.2' })).toBe('app-3.10.2-linux-x64.tgz')
  })
})

describe('what is never chosen', () => {
  test.each([
    ['app-linux-amd64.deb', 'a package'],
    ['app-linux-x86_64.rpm', 'a package'],
    ['app-linux-amd64.apk', 'a package'],
    ['app-linux-amd64.pkg.tar.zst', 'a package'],
    ['app-linux-amd64.tar.gz.sha256', 'checksums'],
    ['SHA256SUMS', 'checksums'],
    ['app-linux-amd64.tar.gz.minisig', 'a signature'],
    ['app-linux-amd64.spdx.json', 'a list of contents'],
    ['app-1.2-src-linux-amd64.tar.gz', 'the sources'],
    ['app-linux-amd64-debuginfo.tar.gz', 'debug symbols'],
    ['app.1', 'a page of the manual'],
    ['README', 'a text beside the release'],
    ['app-linux-amd64.glorp', 'a kind of file that cannot be run (.glorp)'],
    ['../app-linux-amd64', 'not the name of a plain file'],
    ['.app-linux-amd64', 'not the name of a plain file'],
    ['app-linux-amd64.exe', 'for Linux'],
  ])('%s: %s', (name, reason) => {
    if (name.endsWith('.exe')) return expect(choose(name, MAC)).toBeNull()
    expect(choose(name)).toBeNull()
    expect(reasonFor(name, name)).toBe(reason)
  })

  test('an archive without a platform, where others have one: it is the sources', () => {
    expect(choose('app-1.6.tar.gz app-linux64 app-osx64', ARM)).toBeNull()
  })

  test('a program of the same name as such a word is chosen all the same', () => {
    expect(choose('src_linux_amd64 src_darwin_amd64')).toBe('src_linux_amd64')
    expect(choose('manifest-tool-linux-amd64 manifest-tool-linux-arm64')).toBe('manifest-tool-linux-amd64')
  })
})

describe('the hints', () => {
  const names = 'app-a-linux-x64.tgz app-ab-linux-x64.tgz app-ab-linux-x64'

  test('narrow the names: a text letter for letter, a pattern, archives only', () => {
    expect(choose(names, LINUX, { match: 'app-a' })).toBe('app-a-linux-x64.tgz')
    expect(choose(names, LINUX, { matchRegex: '(?i)^APP-AB.*\\.tgz$' })).toBe('app-ab-linux-x64.tgz')
    expect(choose(names, LINUX, { match: 'APP' })).toBeNull()
    expect(choose('app-linux-x64 app-linux-x64.gz', LINUX, { archiveOnly: true })).toBeNull()
  })

  test('with a pattern that cannot be read are a refusal that says so', () => {
    expect(chooseArtifact(['app'], LINUX, { matchRegex: 'app(' }).refusal).toMatch(
      /^the pattern 'app\(' cannot be read: .*unterminated group/i,
    )
  })

  test('with the shape of last time give the same kind of file again', () => {
    const next = ['app-1.3.0-linux-x64.tar.gz', 'app-1.3.0-linux-x64-musl.tar.gz', 'app-1.3.0-linux-x64.zip']
    const hints = { version: '1.3.0', shape: shapeOf('app-1.2.9-linux-x64-musl.tar.gz', '1.2.9') }
    expect(chooseArtifact(next, LINUX, hints).choice).toBe('app-1.3.0-linux-x64-musl.tar.gz')
    expect(chooseArtifact(next, LINUX, { ...hints, shape: 'gone-*' }).choice).toBe('app-1.3.0-linux-x64.tar.gz')
  })

  test('do not make a file for another machine fit', () => {
    const shape = shapeOf('app-1.0.0-linux-arm64.tgz', '1.0.0')
    expect(choose('app-1.1.0-linux-arm64.tgz app-1.1.0-linux-x64.tgz', LINUX, { shape, version: '1.1.0' })).toBe(
      'app-1.1.0-linux-x64.tgz',
    )
  })
})

test('a refusal lists what there is', () => {
  expect(chooseArtifact(['app-macos.zip', 'app-linux-arm64.tgz', 'SHA256SUMS'], LINUX).refusal).toMatch(
    /^no file of this release is for Linux on x64 with glibc; it has app-linux-arm64.tgz, app-macos.zip: publish/,
  )
  expect(chooseArtifact(['SHA256SUMS'], LINUX).refusal).toMatch(/is a program or an archive of one; it has SHA256SUMS/)
  expect(chooseArtifact([], LINUX).refusal).toMatch(/has no files/)
  expect(
    chooseArtifact(
      Array.from({ length: 50 }, (_, at) => `a${at}-macos.zip`),
      LINUX,
    ).refusal,
  ).toMatch(/and 44 more/)
})

test('every file that could run and is not chosen says what it comes after', () => {
  expect(reasonFor('app-linux-x64.zip', 'app-linux-x64.zip app-linux-x64.tgz')).toMatch(/, but another build or format/)
  expect(reasonFor('app-debug-linux-x64', 'app-linux-x64 app-debug-linux-x64')).toMatch(
    /variant of its own \(app-debug\)/,
  )
  expect(reasonFor('app', 'app app-linux-x64')).toMatch(/, but another file says its system more plainly/)
})

describe('the shape', () => {
  test.each([
    ['app-v1.2.3-linux.tar.gz', 'v1.2.3', 'app-*-linux.tar.gz'],
    ['app-1.2.3-linux.tar.gz', 'v1.2.3', 'app-*-linux.tar.gz'],
    ['app_1.2.3-rc.1_linux', '1.2.3-rc.1', 'app_*_linux'],
    ['app-11.2.3-linux', '1.2.3', 'app-*-linux'],
    ['app-25.1-linux-x86_64', 'v3.25.1', 'app-*-linux-x86_64'],
    ['app-linux-20240131.zip', 'nightly', 'app-linux-*.zip'],
    ['app-linux-x86_64', '1.2.3', 'app-linux-x86_64'],
    ['app-1.2.3-ubuntu-22.04', '1.2.3', 'app-*-ubuntu-22.04'],
    ['app', null, 'app'],
  ])('of %s at %s is %s', (name, version, shape) => {
    expect(shapeOf(name, version)).toBe(shape)
  })
})

describe('hostile names', () => {
  const piece = fc.constantFrom(
    ...'app linux x86_64 x86 64 arm64 v7 darwin win musl gnu static .tar.gz .zip .exe - _ . 1.2.3 v2 src ubuntu 22.04 OS Mac'.split(
      ' ',
    ),
  )
  const name = fc.oneof(
    fc.array(piece, { maxLength: 12 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.constantFrom('__proto__', 'constructor', 'toString', '', '.', '..', '/', '\0', 'x'.repeat(600)),
  )
  const platform = fc.record({
    os: fc.constantFrom('linux', 'darwin', 'win32', 'android', '__proto__'),
    arch: fc.constantFrom('x64', 'arm64', 'arm', 'ia32', 'constructor'),
    libc: fc.constantFrom('glibc', 'musl', null),
  })
  const hints = fc.record(
    {
      project: name,
      preferName: name,
      match: name,
      matchRegex: name,
      version: name,
      shape: name,
      archiveOnly: fc.boolean(),
    },
    { requiredKeys: [] },
  )

  test('never throw, give one answer in every order, and only a name that was given', () => {
    fc.assert(
      fc.property(fc.array(name, { maxLength: 15 }), platform, hints, (names, where, how) => {
        const answer = chooseArtifact(names, where as ArtifactPlatform, how)
        expect(chooseArtifact([...names].reverse(), where as ArtifactPlatform, how)).toEqual(answer)
        expect(answer.choice === null).toBe(answer.refusal !== null)
        expect(answer.candidates.map((each) => each.name).sort()).toEqual([...new Set(names)].sort())
        if (answer.choice === null) return
        expect(answer.candidates[0]?.name).toBe(answer.choice)
        expect(answer.candidates[0]?.score).toBeGreaterThan(answer.candidates[1]?.score ?? 0)
        expect(answer.candidates.every(({ reasons }) => reasons.length > 0)).toBe(true)
      }),
      { numRuns: 1_500 },
    )
  })

  test('take no time: a thousand of three hundred letters', () => {
    const fillers = [
      'a',
      '1',
      '1.',
      '-',
      '.',
      'linux',
      'linux1',
      'x86_',
      'aA',
      'v1.',
      'f0',
      'gnu.',
      '{',
      '(a',
      '\u00e9',
    ]
    for (const filler of fillers) {
      const names = Array.from({ length: 1_000 }, (_, at) => `${filler.repeat(300).slice(0, 294)}${at}.gz`)
      const before = process.cpuUsage()
      chooseArtifact(names, LINUX, {
        project: filler.repeat(100),
        version: filler.repeat(50),
      })
      const { user } = process.cpuUsage(before)
      expect(user / 1_000, filler).toBeLessThan(3_000)
    }
  })
})

test.each([
  [
    'an AppImage that names the version',
    ['app_linux_amd64.tar.gz', 'app-3.0.0-x86_64.AppImage'],
    'app_linux_amd64.tar.gz',
  ],
  [
    'a prerelease at the end',
    ['app-darwin-amd64-v3.0.0-rc.1', 'app-linux-amd64-v3.0.0-rc.1'],
    'app-linux-amd64-v3.0.0-rc.1',
  ],
  [
    'the same, packed',
    ['app-linux-amd64-3.0.0-rc.1.gz', 'app-linux-arm64-3.0.0-rc.1.gz'],
    'app-linux-amd64-3.0.0-rc.1.gz',
  ],
  ['dots between all words', ['app.linux.x86_64.1.2.3.zip', 'app.linux.386.1.2.3.zip'], 'app.linux.x86_64.1.2.3.zip'],
  ['a width behind a version', ['app.1.2.3.32bit.linux.tgz', 'app.1.2.3.64bit.linux.tgz'], 'app.1.2.3.64bit.linux.tgz'],
  ['a build number that is no machine', ['app-1.0.386-linux.tgz', 'app-1.0.386-darwin.tgz'], 'app-1.0.386-linux.tgz'],
])('%s does not lead astray, though nobody says the version', (_, names, choice) => {
  const platform = { os: 'linux', arch: 'x64', libc: 'glibc' } as const
  expect(chooseArtifact(names, platform, { project: 'org/app' }).choice).toBe(choice)
})
