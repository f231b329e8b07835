/**
 * HTML by tagged templates: what stands in the template is markup, what is put into it is text. Nothing from a worker,
 * a release or a source can become an element, for the only way past the escaping is another template.
 */

import { clean } from '../clean.ts'

export interface Html {
  readonly html: string
}

export type Part = string | number | Html | readonly Html[] | null | false

export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: strings.map((text, index) => text + markup(parts[index] ?? null)).join('') }
}

function markup(part: Part): string {
  if (part === null || part === false) return ''
  if (typeof part === 'number') return String(part)
  if (typeof part === 'string') return escapeText(part)
  return 'html' in part ? part.html : part.map((each) => each.html).join('')
}

/** One line without control characters, and the five characters that mean something to HTML (in attributes, too). */
function escapeText(text: string): string {
  return clean(text).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}
