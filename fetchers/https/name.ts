/** The name of what an address gives: it decides how it is unpacked and what it is called in the build. */

import type { HttpAnswer } from '../../src/core/source.ts'

/** NAME_MAX of limits.h is 255; kept well below. */
const MAX_BYTES = 200

/** As the server calls it, else the end of the path that it came from, else of the one that was asked for. */
export function nameOf({ headers, url }: HttpAnswer, asked: string): string {
  return (
    toName(fromDisposition(headers['content-disposition'] ?? '')) ??
    toName(lastOf(url)) ??
    toName(lastOf(asked)) ??
    'download'
  )
}

/** The file name alone, whatever folders a server puts before it; null when nothing is left. */
function toName(text: string | null): string | null {
  const last = (text ?? '').split(/[/\\]/).pop() ?? ''
  const clean = last
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029\uFFFD]/gu, '')
    .trim()
    .replace(/^\.+/, '')
  // The end says what it is; a character that is cut in two is none.
  const end = Buffer.from(clean).subarray(-MAX_BYTES).toString()
  return end.replace(/^[.\uFFFD]+/, '') || null
}

/** `filename*` before `filename` (RFC 6266). */
function fromDisposition(header: string): string | null {
  const extended = /;\s*filename\*\s*=\s*utf-8'[^']*'([^;\s]+)/i.exec(header)?.[1]
  if (extended !== undefined) return decode(extended)
  const [, quoted, plain] = /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(header) ?? []
  return quoted?.replace(/\\(.)/g, '$1') ?? plain ?? null
}

function lastOf(url: string): string | null {
  return decode(new URL(url).pathname.split('/').pop() ?? '')
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
