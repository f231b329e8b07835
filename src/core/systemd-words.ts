/**
 * Words as systemd reads them. Quoting is that of systemd.syntax(7): double quotes, and escapes as in C. `%` begins a
 * specifier everywhere (systemd.unit(5)), `$` a variable in command lines only (systemd.service(5), COMMAND LINES);
 * both are doubled to stand for themselves.
 */

/** One argument of ExecStart=. */
export function argument(word: string): string {
  return quoted(word.replaceAll('$', '$$$$'))
}

/** The program of ExecStart=, where no variable is looked for. */
export function program(path: string): string {
  return quoted(path)
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
