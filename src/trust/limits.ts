/** What untrusted bytes may cost, once, with units and reasons. Beyond a limit nothing is taken, rather than a part. */

export const TRUST_LIMITS = {
  /** Files, folders and links of one build; a large node_modules has about 50 000. */
  entries: 100_000,
  /** Symbolic links of one build; a system's time zones have 2 000, and each costs a walk through the tree. */
  links: 10_000,
  /** Characters of all paths and link targets together (16 Mi): a large node_modules has 5 million. */
  nameLength: 16_777_216,
  /** Bytes of all files of one build: 8 GiB. */
  treeBytes: 8_589_934_592,
  /** Unpacked bytes for each packed one. Text reaches 20; deflate cannot do more than 1 032. */
  ratio: 200,
  /** Below this many unpacked bytes (64 MiB) the ratio is nobody's harm. */
  ratioFromBytes: 67_108_864,
  /** Bytes of an artifact (4 GiB), unless the job says less. */
  artifactBytes: 4_294_967_296,
  /** A stager that has not come to an end after half an hour is killed. */
  stagerMs: 1_800_000,
  /** Heap of the stager, in MiB; buffers of the download are outside. */
  stagerHeapMiB: 256,
  /** All writable memory of the stager, and of each program it starts (1 GiB): xz -9 needs 65 MiB, npm about 300. */
  stagerBytes: 1_073_741_824,
  /**
   * Processes and threads of one stranger (stranger.ts): npm has 25, and where users are few several stagers may be
   * one.
   */
  stagerProcesses: 4_096,
  /** What a stager says on its stderr before it dies is kept up to here, from the end. */
  stderrBytes: 4_096,
  /** A stager that writes more than this to its stderr (16 MiB) is ended: reading it costs the master time. */
  stderrTotalBytes: 16_777_216,
  /** One line that the stager writes to the master: messages are short, what a check remembers is not long. */
  lineBytes: 262_144,
  /** Lists and objects inside each other in what a check remembers; those of the sources here have four. */
  knownDepth: 32,
  /** Lines of one stager: half an hour of progress, four times a second, and some more. */
  reports: 10_000,
  /** Warnings of one stager that are shown. */
  warnings: 20,
  /** A sentence that reaches the operator. */
  messageLength: 1_000,
  /** Kept free on the disk (16 MiB) beside what is to be downloaded. */
  spareBytes: 16_777_216,
} as const
