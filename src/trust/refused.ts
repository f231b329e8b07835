/**
 * How the unpackers say no. Thrown where it is found, and turned into a value where the archive as a whole is judged
 * (archive.ts); nobody outside of this folder sees it. The message is the end of a sentence that begins with the name
 * of the archive.
 */
export class Refused extends Error {}
