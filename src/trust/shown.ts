/** Words of untrusted data inside a sentence: no control characters, nothing that turns the text around, not endless. */

const LENGTH = 200

export function shown(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029\uFFFD]/gu, '?')
  return plain.length > LENGTH ? `${plain.slice(0, LENGTH)}…` : plain
}
