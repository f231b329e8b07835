/**
 * Colour, only where somebody looks: on a terminal, unless NO_COLOR (no-color.org) is set; FORCE_COLOR overrules both.
 * By hand, because util.styleText ignores NO_COLOR on Node 20 when it is given an array.
 */

export type Paint = (style: keyof typeof STYLES, text: string) => string

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const

export function hasColor(
  isTerminal: boolean,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  const { FORCE_COLOR, NO_COLOR, TERM } = environment
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false
  return isTerminal && TERM !== 'dumb'
}

export function painter(isOn: boolean): Paint {
  return isOn ? (style, text) => `\u001b[${STYLES[style]}m${text}\u001b[0m` : (_style, text) => text
}
