/**
 * What autoup expects of a fetcher, as checks with names. They belong to no test runner: each has a `run` that rejects
 * when the fetcher does not do what its name says. Each opens a source of its own and closes it, so that they can run
 * in any order.
 *
 *     for (const { name, run } of conformance({ fetcher, open })) test(name, run)
 */

import assert from 'node:assert/strict'
import type { Fetcher, Known, Release } from '../core/source.ts'
import { inContext, type Workshop } from './workshop.ts'

export interface Subject {
  readonly fetcher: Fetcher
  /** A new source with no release in it. Called once for each check. */
  open(): Promise<TestSource>
  /** Milliseconds in which a check or a fetch has an answer; default 30 000. */
  readonly deadlineMs?: number
}

export interface TestSource {
  /** What follows the scheme, or the `?` of a plugin. */
  readonly location: string
  /** Puts the first or the second release there, each with bytes of its own, and says what must arrive of it. */
  publish(number: 1 | 2): Promise<Published>
  close(): Promise<void>
}

/** The bytes of the artifact, or some files of a tree by their paths. */
export type Published = Uint8Array | Readonly<Record<string, Uint8Array>>

export interface ConformanceCheck {
  /** A sentence that begins with what the fetcher does. */
  readonly name: string
  run(): Promise<void>
}

const SECRET = 'autoup-test-token-3f9c2b'

export function conformance(subject: Subject): readonly ConformanceCheck[] {
  const { fetcher } = subject
  const check = (name: string, body: (source: TestSource, workshop: Workshop) => Promise<void>): ConformanceCheck => ({
    name,
    async run() {
      const source = await subject.open()
      try {
        await inContext(source.location, subject.deadlineMs ?? 30_000, (workshop) => body(source, workshop))
      } finally {
        await source.close()
      }
    },
  })
  return [
    {
      name: 'has a scheme, and both methods',
      async run() {
        assert.match(fetcher.scheme, /^[a-z][a-z0-9+.-]*$/, 'the scheme is lower case, as in an address')
        assert.equal(typeof fetcher.check, 'function')
        assert.equal(typeof fetcher.fetch, 'function')
      },
    },
    check('finds a release where nothing is known', async (source, workshop) => {
      await source.publish(1)
      const { release } = await found(workshop, fetcher, null)
      assert.ok(release.version.length > 0)
    }),
    check('says unchanged as long as nothing is published', async (source, workshop) => {
      await source.publish(1)
      const { known } = await found(workshop, fetcher, null)
      let remembered = known
      for (let round = 0; round < 3; round++) {
        const again = await workshop.check(fetcher, remembered)
        assert.equal(again.kind, 'unchanged', `check ${round + 2} of the same release must be unchanged`)
        if (again.kind === 'unchanged' && again.known !== undefined) remembered = again.known
      }
    }),
    check('finds a new release, and tells it from the one before', async (source, workshop) => {
      await source.publish(1)
      const first = await found(workshop, fetcher, null)
      await source.publish(2)
      const second = await found(workshop, fetcher, first.known)
      assert.notDeepEqual(idOf(second.release), idOf(first.release), 'two releases must differ in version or digest')
      assert.equal((await workshop.check(fetcher, second.known)).kind, 'unchanged')
    }),
    check(
      'never says before a stager is started that nothing can be new, when something is',
      async (source, workshop) => {
        if (fetcher.changed === undefined) return
        await source.publish(1)
        const { known } = await found(workshop, fetcher, null)
        await source.publish(2)
        assert.equal(
          await fetcher.changed(source.location, known),
          true,
          'a second release is there, and would not be seen',
        )
      },
    ),
    check('delivers the bytes that were published, once', async (source, workshop) => {
      for (const number of [1, 2] as const) {
        const published = await source.publish(number)
        const { release } = await found(workshop, fetcher, null)
        await workshop.expectDelivery(fetcher, release, published)
      }
    }),
    check('goes on where a download was cut, or begins again', async (source, workshop) => {
      const published = await source.publish(1)
      if (!(published instanceof Uint8Array)) return
      const { release } = await found(workshop, fetcher, null)
      await workshop.expectResumed(fetcher, release, published)
    }),
    check('is not confused by what it did not remember itself', async (source, workshop) => {
      await source.publish(1)
      for (const odd of ['nonsense', 7, [], {}, { version: 1, digest: null }] as Known[]) {
        await found(workshop, fetcher, odd)
      }
    }),
    check('gives up when it is told to', async (source, workshop) => {
      await source.publish(1)
      const { release } = await found(workshop, fetcher, null)
      await workshop.expectGivenUp(fetcher, release)
    }),
    check('says in a sentence that nothing is there', async (_source, workshop) => {
      const told = await workshop.messageOf(() => workshop.check(fetcher, null))
      assert.match(told, /\S+ \S+ \S+/, `'${told}' is no sentence`)
      assert.doesNotMatch(told, /\n|\bat .*:\d+:\d+|\bundefined\b|\[object /, `'${told}' is for programmers`)
    }),
    check('keeps the token to itself', async (source, workshop) => {
      await source.publish(1)
      const withToken = workshop.withToken(SECRET)
      const told = await withToken.messageOf(async () => {
        const answer = await withToken.check(fetcher, null)
        return { kind: 'incomplete', message: JSON.stringify(answer) } as const
      })
      assert.ok(!told.includes(SECRET), 'the token stands in what it says or remembers')
    }),
  ]
}

async function found(
  workshop: Workshop,
  fetcher: Fetcher,
  known: Known | null,
): Promise<{ readonly release: Release; readonly known: Known }> {
  const check = await workshop.settledCheck(fetcher, known)
  assert.equal(check.kind, 'release', `a release is there, and the answer was ${JSON.stringify(check)}`)
  return check as Extract<typeof check, { kind: 'release' }>
}

function idOf({ version, digest }: Release): unknown {
  return { version, digest }
}
