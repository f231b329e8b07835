/**
 * Text from workers, sources and the network, made fit for a terminal and a log: one line, and no control characters
 * (an escape sequence in a worker's STATUS= must not move anybody's cursor; ECMA-48).
 */

/** Spaces for white space, `\x1b` for the rest of C0, DEL and C1, and nothing that reverses the reading direction. */
export function clean(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu, (char) => {
      const code = char.charCodeAt(0)
      return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : ''
    })
    .trim()
}
