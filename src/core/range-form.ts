/**
 * Whether a text has the form of a range of versions, as node-semver understands it (its README, "Range Grammar"). Only
 * the form: the master says at its start what cannot be a range, and does not load semver for it, which would stay in
 * its memory. What versions are in a range is found out by semver, in the stager.
 */

import { shown } from './shown.ts'

const NUMBER = '(?:0|[1-9]\\d{0,15}|[xX*])'
const IDENTIFIERS = '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*'
const PARTIAL = `[v=]*${NUMBER}(?:\\.${NUMBER}(?:\\.${NUMBER}(?:-${IDENTIFIERS})?)?)?`
const BUILD: RegExp = new RegExp(`\\+${IDENTIFIERS}`, 'g')
const COMPARATOR: RegExp = new RegExp(`^(?:[<>]=?|=|~>?|\\^)?${PARTIAL}$`)

/** `next`, `beta`. */
export const CHANNEL: RegExp = /^[A-Za-z][A-Za-z0-9-]*$/

export function noRange(text: string): string {
  return `'${shown(text)}' is neither a range of versions nor a channel: write @^1.2, @1.x or @next`
}

/** `^1.2`, `1.x || >=2.5.0 <3`, `1.2 - 2.3`; also the empty text, which is any version. */
export function isRangeForm(text: string): boolean {
  return text.split('||').every(isConjunction)
}

function isConjunction(text: string): boolean {
  // What follows a + decides nothing, and an operator may stand apart from its version.
  const words = text
    .replace(BUILD, '')
    .replace(/([<>=~^v])\s+/g, '$1')
    .split(/\s+/)
    .filter((word) => word !== '')
  const [from = '', hyphen, to = '', ...more] = words
  if (hyphen === '-') return more.length === 0 && [from, to].every((word) => COMPARATOR.test(word))
  return words.every((word) => COMPARATOR.test(word))
}
