/**
 * Words as systemd reads them. Quoting is that of systemd.syntax(7): double quotes, and escapes as in C. `%` begins a
 * specifier everywhere (systemd.unit(5)), `$` a variable in command lines only (systemd.service(5), COMMAND LINES);
 * both are doubled to stand for themselves.
 */

/** One argument of ExecStart=. */
export function argument(text: string): string {
  return quoted(text.replaceAll('$', '$$$$'))
}

/** Where no variable is looked for: the program of ExecStart=, `NAME=value` of Environment=. */
export function word(text: string): string {
  return quoted(text)
}

/** A value that takes the whole line, as a path or a description does: nothing is unquoted there. */
export function plain(text: string): string {
  return text.replaceAll('%', '%%')
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '\t': '\\t', '\r': '\\r' }

function quoted(word: string): string {
  const text = plain(word)
  if (/^[\w./:@=+,%$[\]-]+$/.test(text)) return text
  const escaped = text.replace(
    /[\\"\p{Cc}]/gu,
    (char) => ESCAPES[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
  return `"${escaped}"`
}
