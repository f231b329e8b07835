/** Words of others inside ours: no control characters, nothing that turns the text around, not endless. */

/** Cc: controls; Cf: invisible and bidirectional marks; Zl, Zp: line and paragraph breaks; Cs: half a character. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\uFFFD]+/gu

const LONGEST = 200

export function isPrintable(text: string): boolean {
  return text.search(UNPRINTABLE) === -1
}

/** A name, with a `?` where something has no place in it. `longest` is in characters. */
export function shown(text: string, longest: number = LONGEST): string {
  return cut(text.replace(UNPRINTABLE, '?'), longest)
}

/** A sentence as one line, with a space where something has no place in it. `longest` is in characters. */
export function printableLine(text: string, longest: number = LONGEST): string {
  return cut(text.replace(UNPRINTABLE, ' ').trim(), longest)
}

/** What is cut ends in an ellipsis, and never in half of a character. */
function cut(text: string, longest: number): string {
  const characters = [...text]
  return characters.length <= longest ? text : `${characters.slice(0, longest - 1).join('')}…`
}
