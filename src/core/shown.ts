/** Words of others inside a sentence: no control characters, nothing that turns the text around, not endless. */

/** `longest` is in characters; what is cut ends in an ellipsis. */
export function shown(text: string, longest = 200): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029\uFFFD]/gu, '?')
  return plain.length > longest ? `${plain.slice(0, longest)}…` : plain
}
