import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { claimedProofs, raiseRatchet, ratchetProblem, sortProofs, strengthOf } from '../../src/core/ratchet.ts'

const KNOWN = [
  'minisign',
  'npm-signature',
  'checksum-file',
  'github-digest',
  'npm-integrity',
  'https-digest',
  'my-plugin-digest',
  'local-file',
  'sha256',
]

describe('the order of proofs', () => {
  test.each([
    ['minisign', 3],
    ['npm-signature', 2],
    ['checksum-file', 1],
    ['manifest', 0],
    ['github-digest', 1],
    ['npm-integrity', 1],
    ['my-plugin-digest', 1],
    ['local-file', 0],
    ['sha256', 0],
    ['', 0],
    ['trust-me', 0],
    ['constructor', 0],
    ['minisign ', 0],
    ['Minisign', 0],
  ])('%s has %i', (proof, strength) => {
    expect(strengthOf(proof)).toBe(strength)
  })

  test('a build keeps them with the pin first, then the strongest', () => {
    expect(sortProofs(['local-file', 'github-digest', 'minisign', 'sha256', 'github-digest', 'checksum-file'])).toEqual(
      ['sha256', 'minisign', 'github-digest', 'checksum-file', 'local-file'],
    )
  })
})

describe('the ratchet', () => {
  test('remembers the strongest proof, and nothing where nothing was proved', () => {
    expect(raiseRatchet(null, [])).toBeNull()
    expect(raiseRatchet(null, ['local-file', 'sha256'])).toBeNull()
    expect(raiseRatchet(null, ['github-digest', 'minisign'])).toBe('minisign')
    expect(raiseRatchet('github-digest', ['npm-signature'])).toBe('npm-signature')
    expect(raiseRatchet('minisign', ['github-digest'])).toBe('minisign')
    expect(raiseRatchet('minisign', [])).toBe('minisign')
    expect(raiseRatchet('github-digest', ['checksum-file'])).toBe('github-digest')
  })

  test('threat: a signature left out by whoever took over the source', () => {
    expect(ratchetProblem('minisign', ['github-digest', 'checksum-file'])).toBe(
      'it is vouched for by only github-digest, checksum-file, and builds of this service were by minisign: where that is right, run autoup upgrade --reset-trust',
    )
    expect(ratchetProblem('npm-signature', ['npm-integrity'])).toMatch(/were by npm-signature/)
    expect(ratchetProblem('github-digest', [])).toMatch(/^it is vouched for by nothing, and/)
    expect(ratchetProblem('github-digest', ['local-file'])).not.toBeNull()
  })

  test('threat: a source that claims what only autoup can verify', () => {
    expect(
      claimedProofs(['minisign', 'sha256', 'checksum-file', 'trust-me', 'npm-signature', 'npm-integrity']),
    ).toEqual(['npm-signature', 'npm-integrity'])
  })

  test('as much or more passes, and what proves as much may change', () => {
    expect(ratchetProblem(null, [])).toBeNull()
    expect(ratchetProblem('minisign', ['minisign'])).toBeNull()
    expect(ratchetProblem('npm-signature', ['minisign'])).toBeNull()
    expect(ratchetProblem('checksum-file', ['github-digest'])).toBeNull()
  })

  test('a digest that the operator names passes, and raises nothing', () => {
    expect(ratchetProblem('minisign', ['sha256'])).toBeNull()
    expect(raiseRatchet('github-digest', ['sha256'])).toBe('github-digest')
  })

  test('threat: a memory that was tampered with, or is of a newer autoup, lets nothing through', () => {
    for (const remembered of ['sigstore', '', 'toString']) {
      expect(ratchetProblem(remembered, ['minisign'])).not.toBeNull()
      expect(raiseRatchet(remembered, ['minisign'])).toBe(remembered)
    }
  })

  test('never goes down, and never refuses what raised it', () => {
    const proofs = fc.array(fc.constantFrom(...KNOWN), { maxLength: 4 })
    fc.assert(
      fc.property(fc.array(proofs, { maxLength: 8 }), (builds) => {
        let remembered: string | null = null
        for (const build of builds) {
          const next = raiseRatchet(remembered, build)
          expect(strengthOf(next ?? '')).toBeGreaterThanOrEqual(strengthOf(remembered ?? ''))
          if (next !== remembered) expect(ratchetProblem(next, build)).toBeNull()
          remembered = next
        }
      }),
    )
  })
})
