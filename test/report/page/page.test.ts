import { describe, expect, test } from 'vitest'
import type { AutoupEvent, Stamped } from '../../../src/core/events.ts'
import type { Sight } from '../../../src/core/sight.ts'
import type { Status } from '../../../src/core/status.ts'
import { pageDocument } from '../../../src/report/page/document.ts'
import { html } from '../../../src/report/page/html.ts'
import { sections } from '../../../src/report/page/sections.ts'
import { timeline } from '../../../src/report/page/timeline.ts'
import { DIGEST, ROW, STATUS } from '../../cli/fake-master.ts'
import { EVENTS, stamped } from '../events.ts'

const CANDIDATE = { ...STATUS.current!, build: `sha256-${'4f'.repeat(32)}`, version: '1.5.0', committedAt: null }

function sight(own: Partial<Sight> = {}, status: Partial<Status> = {}): Sight {
  return { status: { ...STATUS, ...status }, releases: [ROW], events: [], checks: [], progress: null, ...own }
}

/** What a reader sees of a part. */
function seen(part: keyof ReturnType<typeof sections>, of: Sight): string {
  return sections(of)
    [part].html.replace(/<title>.*?<\/title>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}

function said(...events: (AutoupEvent & { at?: string })[]): Stamped[] {
  return events.map((event, index) => ({ at: `2026-01-02T00:00:0${index}.000Z`, ...event, sequence: index + 1 }))
}

describe('html', () => {
  test('what is put in is text, wherever it stands', () => {
    const evil = `</style><script>alert("1")</script>'&\u202e\u001b[2J`
    const { html: text } = html`<p title="${evil}">${evil}</p>`
    expect(text.match(/[<>"]/g)).toEqual(['<', '"', '"', '>', '<', '>'])
    expect(text).toContain('&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#39;&#38;\\x1b[2J')
  })

  test('templates are put into templates as they are, and nothing for null', () => {
    expect(html`<ul>${[html`<li>${1}</li>`, html`<li>a</li>`]}</ul>${null}${false}`.html).toBe(
      '<ul><li>1</li><li>a</li></ul>',
    )
  })

  test('nothing that a worker, a source or a release says becomes an element', () => {
    const evil = '<img src=x onerror=alert(1)>'
    const build = { ...CANDIDATE, version: evil, proofs: [evil] }
    const [worker] = STATUS.workers
    const everything = sight(
      {
        releases: [{ ...ROW, version: evil, reason: evil, state: 'quarantined' }],
        events: [...EVENTS.map(stamped), ...said({ type: 'build-refused', build: '', version: evil, reason: evil })],
        checks: [{ at: STATUS.since, result: 'error', message: evil }],
      },
      {
        name: evil,
        source: evil,
        current: build,
        previous: build,
        candidate: build,
        listen: [{ name: evil, address: evil }],
        workers: [{ ...worker!, version: evil, status: evil }],
        quarantine: [{ build: DIGEST, version: evil, reason: evil, at: STATUS.since }],
        lastCheck: { at: STATUS.since, result: 'error', message: evil },
      },
    )
    expect(pageDocument(everything, '0.1.0')).not.toContain('<img')
  })
})

describe('the head', () => {
  test('says what runs and what the master is at', () => {
    expect(seen('head', sight())).toMatch(/^app 1\.4\.2 idle 1\.4\.2 serves/)
    expect(seen('head', sight({}, { paused: true }))).toContain('paused')
  })

  test('shows how far a new build has come, and how much of it is fetched', () => {
    expect(seen('head', sight())).not.toContain('fetch')
    const progress = {
      type: 'fetch-progress',
      version: '1.5.0',
      bytes: 5e6,
      total: 2e7,
      at: STATUS.since,
      sequence: 1,
    } as const
    const fetching = sight({ progress }, { state: 'fetching' })
    expect(seen('head', fetching)).toContain('5.0 MB of 20.0 MB')
    const { html: markup } = sections(sight({}, { state: 'probation', candidate: CANDIDATE })).head
    expect(markup).toMatch(/<li class="done">start<\/li>.*<li class="here" aria-current="step">probation<\/li>/)
  })

  test('of a restart shows no steps, for nothing is fetched', () => {
    expect(sections(sight({}, { state: 'promoting', candidate: null })).head.html).not.toContain('steps')
    expect(sections(sight({}, { state: 'promoting', candidate: CANDIDATE })).head.html).toContain('steps')
  })

  test('the last verdict stands until the next one', () => {
    const build = { build: CANDIDATE.build, version: '1.5.0' }
    const events = said(
      { type: 'build-committed', purpose: 'upgrade', build: DIGEST, version: '1.4.2' },
      { type: 'promotion-failed', purpose: 'upgrade', reason: 'it died', ...build },
      { type: 'rolled-back', from: '1.5.0', reason: 'it died', build: DIGEST, version: '1.4.2' },
      { type: 'paused' },
    )
    expect(seen('head', sight({ events }))).toMatch(
      /1\.5\.0 failed, 1\.4\.2 serves again 2026-01-02 00:00:02 UTC : it died/,
    )
    expect(seen('head', sight({ events: events.slice(0, 1) }))).toContain('1.4.2 was committed')
    const back = said({ type: 'build-committed', purpose: 'rollback', build: DIGEST, version: '1.4.2' })
    expect(seen('head', sight({ events: back }))).toContain('1.4.2 serves again, by rollback')
  })
})

describe('the builds', () => {
  test('are what serves, what is next and the way back', () => {
    const previous = { ...STATUS.current!, version: '1.4.1' }
    const shown = seen('tiles', sight({}, { previous, candidate: CANDIDATE }))
    expect(shown).toMatch(/^In service 1\.4\.2 .*Next 1\.5\.0 .*Way back 1\.4\.1 .*Connections/)
    expect(seen('tiles', sight())).toMatch(/Way back – none/)
  })

  test('on probation the new one serves, and the way back is the one that is committed', () => {
    const status = {
      state: 'probation',
      candidate: CANDIDATE,
      previous: { ...STATUS.current!, version: '1.4.1' },
    } as const
    const shown = seen('tiles', sight({}, status))
    expect(shown).toMatch(/^On probation 1\.5\.0 .*Way back 1\.4\.2 .*Connections/)
    expect(shown).not.toContain('1.4.1')
    const releases = [
      { ...ROW, build: CANDIDATE.build, version: '1.5.0', state: 'candidate' as const, committedAt: null },
      ROW,
      { ...ROW, build: `sha256-${'1f'.repeat(32)}`, version: '1.4.1', state: 'previous' as const },
    ]
    const timeline = seen('releases', sight({ releases }, status))
    expect(timeline).toMatch(/1\.5\.0 on probation/)
    expect(timeline).toMatch(/1\.4\.2 way back/)
    expect(timeline).toMatch(/1\.4\.1 kept/)
  })
})

describe('the workers', () => {
  test('stand by generation, newest first, with what the kernel counted', () => {
    const [worker] = STATUS.workers
    const workers = [
      { ...worker!, pid: 1, state: 'draining' as const, connections: 3 },
      { ...worker!, pid: 2, generation: 2, version: '1.5.0', connections: 6, memory: 48e6 },
    ]
    const shown = seen('workers', sight({}, { workers, generation: 2 }))
    expect(shown).toMatch(
      /generation 2 1\.5\.0 serves 2 ready .* 6 48\.0 MB 0 – generation 1 1\.4\.2 finishes what is in flight 1 draining .* 3 /,
    )
    const { html: markup } = sections(sight({}, { workers, generation: 2 })).workers
    expect([...markup.matchAll(/class="fill" width="([\d.]+)"/g)].map(([, width]) => width)).toEqual(['100.0', '50.0'])
  })

  test('that are not there are said to be none', () => {
    expect(seen('workers', sight({}, { workers: [] }))).toBe('No worker runs.')
  })
})

describe('the checks', () => {
  test('are a row of ticks with words for those who cannot see it', () => {
    const checks = (['unchanged', 'error', 'release'] as const).map((result) => ({
      at: STATUS.since,
      result,
      message: '',
    }))
    const { html: markup } = sections(sight({ checks })).checks
    expect(markup).toContain('aria-label="The last 3 checks, of which 1 failed"')
    expect([...markup.matchAll(/<rect class="(\w+)"/g)].map(([, result]) => result)).toEqual([
      'unchanged',
      'error',
      'release',
    ])
  })

  test('say what the source still allows', () => {
    const budget = { limit: 60, remaining: 41, resetAt: STATUS.since, blockedUntil: null }
    expect(seen('checks', sight({}, { budget }))).toContain('allows 41 of 60 calls more')
    expect(seen('checks', sight({}, { budget: { ...budget, blockedUntil: STATUS.since } }))).toContain('left alone')
  })

  test('of a bare command are none', () => {
    expect(seen('checks', sight({}, { source: null, lastCheck: null }))).toMatch(/no source/)
  })
})

describe('the timeline', () => {
  const build = { build: CANDIDATE.build, version: '1.5.0' }

  test('has what the store knows of before this master', () => {
    expect(timeline(sight())).toMatchObject([
      {
        version: '1.4.2',
        state: 'current',
        proofs: ['github-digest'],
        moments: [
          { what: 'staged', at: ROW.stagedAt },
          { what: 'committed', at: ROW.committedAt },
        ],
      },
    ])
  })

  test('tells the whole life of a release that failed, and that the other serves again', () => {
    const events = said(
      { type: 'build-staged', proofs: ['minisign'], ...build },
      { type: 'promotion-started', purpose: 'upgrade', generation: 2, ...build },
      { type: 'promotion-ready', purpose: 'upgrade', generation: 2, afterMs: 90, ...build },
      { type: 'promotion-failed', purpose: 'upgrade', reason: 'it died', ...build },
      { type: 'rolled-back', from: '1.5.0', reason: 'it died', build: DIGEST, version: '1.4.2' },
      { type: 'build-quarantined', reason: 'it died', ...build },
    )
    const held = { ...ROW, ...build, state: 'quarantined' as const, committedAt: null, reason: 'it died' }
    const [failed, home] = timeline(sight({ events, releases: [held, ROW] }))
    expect(failed).toMatchObject({ version: '1.5.0', state: 'quarantined', reason: 'it died', proofs: ['minisign'] })
    expect(failed?.moments.map(({ what }) => what)).toEqual([
      'staged',
      'upgrade starts, generation 2',
      'serves after 90 ms',
      'failed: it died',
      'held back',
    ])
    expect(home?.moments.at(-1)).toMatchObject({ what: 'serves again, instead of 1.5.0', tone: 'good' })
  })

  test('has what was refused before its bytes were known, by its version', () => {
    const events = said({ type: 'build-refused', build: '', version: '2.0.0', reason: 'no signature' })
    expect(timeline(sight({ events, releases: [] }))).toMatchObject([
      { version: '2.0.0', state: 'refused', moments: [{ what: 'refused: no signature', tone: 'bad' }] },
    ])
  })

  test('is bounded', () => {
    const releases = Array.from({ length: 50 }, (_, index) => ({
      ...ROW,
      build: `sha256-${index}`,
      version: String(index),
    }))
    const events = said(...Array.from({ length: 9 }, () => ({ type: 'build-staged' as const, proofs: [], ...build })))
    const entries = timeline(sight({ releases, events }))
    expect(entries).toHaveLength(12)
    expect(Math.max(...entries.map(({ moments }) => moments.length))).toBe(6)
  })
})

test('the document names no other host', () => {
  const addresses = pageDocument(sight(), '0.1.0').match(/\b(?:https?:)?\/\/[\w.-]+/g)
  expect(new Set(addresses)).toEqual(new Set(['http://www.w3.org']))
})
