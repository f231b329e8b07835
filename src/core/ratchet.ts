/**
 * The trust ratchet: the strongest proof seen for an app is remembered, and a later release with less is refused until
 * an operator resets it. So whoever takes over a source cannot simply leave out the signature that he cannot make.
 *
 * Proofs are ordered by whom an attacker must own to forge them, and by nothing else:
 *
 *     3  minisign        the publisher's secret key, which need not be on any server; the operator chose the public one
 *     2  npm-signature   the signing key of the registry: who stole an account does not have it; who answers
 *                        for the whole registry, its keys included, does
 *     1  checksum-file, github-digest, npm-integrity, …-digest
 *                        the source itself: all of them come from where the bytes come from. They stop a mirror, a
 *                        cache and a broken line, and nobody who can publish. None is more than another, so that a
 *                        project may leave its checksum file out once its host computes digests.
 *     0  local-file, nothing: whoever can write the file
 *
 * `sha256`, the operator's own pin, is outside of the order: it is the strongest word on these bytes and says nothing
 * of the next ones. So it passes at any height, and raises nothing.
 */

/** What resets it; part of the refusal. */
export const RATCHET_RESET = 'autoup upgrade --reset-trust'

const PINNED = 'sha256'

const OWN: readonly string[] = ['minisign', 'checksum-file']

const STRENGTHS: Readonly<Record<string, number>> = {
  minisign: 3,
  'npm-signature': 2,
  'checksum-file': 1,
  'local-file': 0,
}

/** What digests that a source gives by itself are called: `github-digest`, `npm-integrity`, or a plugin's. */
const FROM_SOURCE = /^[a-z0-9][a-z0-9+.-]*-(?:digest|integrity)$/

/** A word that nobody knows proves nothing. */
export function strengthOf(proof: string): number {
  if (Object.hasOwn(STRENGTHS, proof)) return STRENGTHS[proof] ?? 0
  return FROM_SOURCE.test(proof) ? 1 : 0
}

/** Those that a source may claim to have verified itself. What autoup verifies, nobody else can have. */
export function claimedProofs(proofs: readonly string[]): string[] {
  return proofs.filter((proof) => strengthOf(proof) > 0 && !OWN.includes(proof))
}

/** As a build keeps them: the pin first, then strongest first, none twice. */
export function sortProofs(proofs: readonly string[]): string[] {
  const rank = (proof: string): number => (proof === PINNED ? Number.POSITIVE_INFINITY : strengthOf(proof))
  return [...new Set(proofs)].sort((a, b) => (rank(a) === rank(b) ? 0 : rank(b) - rank(a)))
}

/** What is remembered after a build with these proofs was committed; null as long as nothing was ever proved. */
export function raiseRatchet(remembered: string | null, proofs: readonly string[]): string | null {
  let highest = remembered
  for (const proof of proofs) {
    if (strengthOf(proof) > (highest === null ? 0 : heightOf(highest))) highest = proof
  }
  return highest
}

/** Why a release with these proofs is not taken, as a sentence; null lets it through. */
export function ratchetProblem(remembered: string | null, proofs: readonly string[]): string | null {
  if (remembered === null || proofs.includes(PINNED)) return null
  const has = Math.max(0, ...proofs.map(strengthOf))
  if (has >= heightOf(remembered)) return null
  const now = proofs.length === 0 ? 'nothing' : `only ${sortProofs(proofs).join(', ')}`
  return `it is vouched for by ${now}, and builds of this service were by ${remembered}: where that is right, run ${RATCHET_RESET}`
}

/** What a newer autoup has remembered, or somebody else wrote there, is above all that is known here. */
function heightOf(remembered: string): number {
  return strengthOf(remembered) || Number.POSITIVE_INFINITY
}
