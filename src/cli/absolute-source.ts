/**
 * A release source that is a path, as it is called from anywhere: it may stand in a file or a unit that is read
 * elsewhere.
 */

import { resolve } from 'node:path'

/** `base` is what a path in `--fetch` is relative to. Anything else is what it was. */
export function absoluteSource(text: string, base: string): string {
  if (/^file:[^/]/.test(text)) return `file:${resolve(base, text.slice('file:'.length))}`
  // A plugin; what follows the `?` is its own, and may be an address.
  const [, path, options = ''] = /^(\.{1,2}\/[^?]*)(.*)$/s.exec(text) ?? []
  return path === undefined ? text : resolve(base, path) + options
}
