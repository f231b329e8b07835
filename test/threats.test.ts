/**
 * The threats of section 7 of the design (docs/trust.md for users), each with the tests that show what stands against
 * it. A test that is renamed or removed must be named here again, and no test that calls itself a threat may be missing.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const TESTS = fileURLToPath(new URL('.', import.meta.url))

/** Threat → file → the beginnings of the titles of its tests. */
const THREATS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'bytes that nobody vouches for': {
    'runtime/stager/stage-trust.test.ts': ['a release that nothing vouches for is not taken'],
    'fetchers/https-download.test.ts': ['is nothing that nobody vouches for'],
    'core/ratchet.test.ts': ['threat: a source that claims what only autoup can verify'],
  },
  'bytes that are not those that were vouched for': {
    'e2e/github.test.ts': ['bytes that are not those of the digest are refused for good'],
    'e2e/hostile-programs.test.ts': ['threat: a tarball of the registry with other bytes than it announced'],
    'trust/verify-file.test.ts': ['every flipped byte of a small artifact is found by each proof alone'],
    'runtime/stager/mutations.test.ts': [
      'of the sum in a checksum file, of the digest in a manifest, of what is signed is always refused',
      'of the digest that the GitHub API gives',
      'of any part of %s, or of several',
      'of the answers of the GitHub API',
    ],
  },
  'checksums of something else': {
    'trust/checksum-file.test.ts': [
      'a sum of another artifact: names match exactly, or not at all',
      'two sums for one name: neither is believed',
      'a broken algorithm: MD5 and SHA-1 prove nothing',
    ],
    'runtime/stager/stage-shortcuts.test.ts': ['threat: checksums that changed since the same bytes were staged'],
  },
  'a signature that is missing, of another key, file or version': {
    'trust/verify-file.test.ts': ['a signature that is missing is no reason to go on without'],
    'trust/minisign.test.ts': [
      'a signature by another key: both are named',
      'a signature over another file',
      'a renamed artifact: file: must match',
      'a name in bytes that are no text',
      'an old release under a new version: version: must match',
      'parts of two good signatures: the global one binds them',
    ],
  },
  'weaker proofs than before': {
    'core/ratchet.test.ts': [
      'threat: a signature left out by whoever took over the source',
      'threat: a memory that was tampered with',
    ],
    'e2e/trust.test.ts': ['threat: a signature that is left out'],
    'core/supervisor.test.ts': ['remembers nothing of a check that began before --reset-trust'],
  },
  'a shortcut past a proof': {
    'runtime/stager/stage-trust.test.ts': ['is refused without its signature, also when it is in the store already'],
    'runtime/stager/stage-shortcuts.test.ts': [
      'two jobs for one release never write to one file',
      'threat: a tree in the place of an artifact',
      'threat: the digest of somebody else, announced for a tree',
    ],
  },
  'an old release, or a changed one': {
    'core/version-gate.test.ts': [
      'threat: an old release offered as the new one',
      'threat: a name that is no version does not go round the floor',
      'threat: other bytes under the version in service',
    ],
    'e2e/trust.test.ts': ['threat: a pin that goes back to an old release'],
    'runtime/stager/stage-shortcuts.test.ts': ['a source with an order cannot get round the floor'],
  },
  'a release of a moment ago': {
    'core/version-gate.test.ts': [
      'threat: a release that was published a moment ago',
      'threat: a time in the future makes a release no older',
      'threat: a time that is not told',
    ],
    'e2e/trust.test.ts': ['threat: a release of a moment ago, under --min-age'],
  },
  'a server that means harm': {
    'e2e/hostile-servers.test.ts': [
      'threat: a server that never comes to an end with the artifact',
      'threat: a server that is just fast enough, for ever',
      'threat: a server whose manifest or checksum file has no end',
      'a connection that is cut at random',
    ],
    'fetchers/github-hostile.test.ts': ['pages without end are not followed for ever'],
  },
  'a redirect to where nobody should be led': {
    'system/http/client.test.ts': ['to http: elsewhere is refused', '%s is refused before anything is sent'],
    'e2e/hostile-servers.test.ts': [
      'threat: redirects without end, to a file, to a socket, to a private address',
      'threat: a redirect from https: to http:',
    ],
  },
  'a token that reaches another host, a log or a worker': {
    'system/http/client.test.ts': [
      'takes neither a token nor headers of its own to another host, nor back from there',
      'are sent to that host only',
      'are in no message and in no answer, nor is a query',
    ],
    'runtime/stager/token.test.ts': ['a child gets none of the variables that a token may be in'],
  },
  'the rest of one release behind the beginning of another': {
    'e2e/hostile-servers.test.ts': ['threat: the rest of one release behind the beginning of another'],
    'runtime/stager/stage-shortcuts.test.ts': ['there is never more than one cut download on disk'],
  },
  'a full disk': {
    'e2e/trust.test.ts': ['threat: a disk that is full in the middle of a download'],
  },
  'an archive that means harm': {
    'e2e/hostile-archives.test.ts': [
      'threat: a bomb',
      'threat: ten million entries',
      'threat: an archive that says it is more than a build may be',
      'threat: an archive that reaches out of itself',
    ],
    'trust/fuzz.test.ts': ['that is damaged anyhow is refused with a reason, or holds the same files'],
    'trust/archive.test.ts': ['loses setuid and its like', 'with too many %s'],
    'trust/zip.test.ts': ['whose entries share their bytes'],
    'store/seal.test.ts': ['a link with %s is refused, and no link is made'],
  },
  'a stager, or a program below it, that was taken over': {
    'e2e/hostile-programs.test.ts': [
      'threat: an archive handler that its archive has taken over',
      'threat: an npm that a package has taken over',
    ],
    'runtime/stager/containment.test.ts': [
      'cannot write outside of the tmp of its store, by any thread',
      'cannot look into its master, trace it, take its descriptors, or change its limits',
      'cannot signal its master',
      'cannot command its master, nor any other daemon that listens on a unix socket',
      'leaves nobody behind',
      'that takes all memory %s dies alone, and costs one try',
      'that hangs without ever yielding is ended at its deadline',
    ],
    'e2e/unconfined.test.ts': ['without Landlock a build is staged, and one warning says what that means'],
  },
  'a package that runs at its installation': {
    'e2e/hostile-programs.test.ts': ['threat: a package that runs at its installation, or reaches out of its folder'],
  },
  'a verdict that is not about the bytes': {
    'runtime/stager/stage-shortcuts.test.ts': ['threat: what this host lacks is held against no digest'],
    'runtime/stager/stage-job.test.ts': ['a digest that is not the one asked for, until that is corrected'],
    'trust/content.test.ts': ['threat: a name that makes a fault of the bytes look like one of this host'],
  },
  'a build that changed after it was sealed': {
    'store/seal.test.ts': [
      'shows changed bytes, modes, links and kinds',
      'reports strangers without calling the build changed',
    ],
    'store/sweep.test.ts': ['a build that somebody has written into is moved aside, not deleted'],
  },
  'a stranger on the same machine': {
    'e2e/trust.test.ts': ['threat: a stranger on this machine, at the sockets of the master and of its worker'],
    'runtime/control/server.test.ts': ['is for its owner alone'],
    'system/notify.test.ts': ['gives the sockets to their owner and to nobody else'],
  },
}

const own = Object.values(THREATS).flatMap((files) => Object.entries(files))

describe.each(Object.entries(THREATS))('%s', (_, files) => {
  test.each(Object.entries(files))('%s', (file, beginnings) => {
    const path = join(TESTS, file)
    expect(existsSync(path), `${file} is there`).toBe(true)
    const text = readFileSync(path, 'utf8')
    for (const beginning of beginnings) expect(text).toMatch(new RegExp(`['"\`]${escaped(beginning)}`))
  })
})

test('every test that is called a threat is among them', () => {
  const named = (file: string) => own.filter(([path]) => path === file).flatMap(([, beginnings]) => beginnings)
  const files = readdirSync(TESTS, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.test.ts'))
  const missing = files.flatMap((file) =>
    [...readFileSync(join(TESTS, file), 'utf8').matchAll(/\(\s*['"`](threat: [^'"`]+)/g)]
      .map(([, title = '']) => title)
      .filter((title) => !named(file).some((beginning) => title.startsWith(beginning)))
      .map((title) => `${file}: ${title}`),
  )
  expect(missing).toEqual([])
})

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
