/**
 * What the proofs of an artifact may cost to read, once, with units and reasons. Beyond a limit nothing is believed.
 */

export const PROOF_LIMITS = {
  /** Bytes of a checksum file (1 MiB): ten thousand artifacts of one release. */
  checksumFileBytes: 1_048_576,
  /** Bytes of a signature: four lines of about 300 bytes, but an untrusted comment of 180 kB has been seen. */
  signatureBytes: 262_144,
  /** Bytes of a trusted comment: as many as minisign itself takes. */
  trustedCommentBytes: 8_192,
  /** Bytes of a public key file: two short lines. */
  publicKeyBytes: 8_192,
  /** A legacy signature needs the whole file in memory at once: 128 MiB. Prehashed ones have no limit. */
  legacyBytes: 134_217_728,
} as const
