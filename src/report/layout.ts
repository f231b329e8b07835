/**
 * Lines that fit a terminal. Colours take no room: an SGR sequence (ECMA-48) counts for nothing, and is never cut.
 * Lengths are in characters; what is wider than one cell is rare in versions and reasons.
 */

/** Control characters come only from a painter: all that is shown was cleaned before. */
const SGR = /(\p{Cc}\[[\d;]*m)/gu

/** How many characters a reader sees. */
export function visibleLength(text: string): number {
  return [...text.replace(SGR, '')].length
}

/**
 * Breaks between cells (two blanks) where these fit a line, else between words; later lines begin with `indent` spaces.
 * A word that is too long stays whole.
 */
export function wrap(text: string, columns: number, indent: number): string[] {
  const lines: string[] = []
  let line = ''
  const fits = (part: string): boolean => visibleLength(line) + visibleLength(part) <= columns
  const turn = (part: string): void => {
    if (line !== '') lines.push(line)
    line = line === '' ? part : `${' '.repeat(indent)}${part.trimStart()}`
  }
  for (const cell of text.split(/(?<=\S)(?= {2,}\S)/)) {
    if (fits(cell)) line += cell
    else if (indent + visibleLength(cell.trimStart()) <= columns) turn(cell)
    else
      for (const word of cell.split(/(?<=\S)(?= +\S)/)) {
        if (fits(word)) line += word
        else turn(word)
      }
  }
  return [...lines, line]
}

/** The beginning of a line, as far as it fits; colours that it began are ended. */
export function cut(text: string, columns: number): string {
  if (visibleLength(text) <= columns) return text
  let room = Math.max(0, columns - 1)
  const kept = text.split(SGR).map((part) => {
    if (part.startsWith('\u001b')) return part
    const characters = [...part].slice(0, room)
    room -= characters.length
    return characters.join('')
  })
  return `${kept.join('')}…\u001b[0m`
}

/** Pads each column of the rows to its longest cell, but for the last of each row. An empty column takes no room. */
export function columnsOf(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, visibleLength(cell))
  }
  return rows.map((row) => {
    const last = row.findLastIndex((cell) => cell !== '')
    return row
      .slice(0, last + 1)
      .map((cell, at) => (at === last ? cell : cell + ' '.repeat((widths[at] ?? 0) - visibleLength(cell))))
      .filter((_, at) => widths[at] !== 0)
      .join('  ')
  })
}
