/** The name of a service: one master per name and state directory. It is a folder name, and shown everywhere. */

import { AutoupError } from './errors.ts'
import { shown } from './shown.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** Gives the name back, or throws AutoupError `usage` that says what a name may be. */
export function checkName(name: string): string {
  if (isName(name)) return name
  const rule = 'use up to 64 letters, digits, dots, dashes and underscores, and begin with a letter or a digit'
  throw new AutoupError('usage', `'${shown(name, 80)}' cannot be the name of a service: ${rule}`)
}

export function isName(text: string): boolean {
  return NAME.test(text)
}
