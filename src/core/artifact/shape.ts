/**
 * The shape of an artifact name: the name with the version taken out. A source remembers the shape it has chosen, so
 * that the next release gives the same kind of file, also when it brings new ones.
 */

const MARK = '*'

/** `app-v1.2.3-linux.tar.gz` is `app-*-linux.tar.gz`. Without the version in the name, whatever looks like one goes. */
export function shapeOf(name: string, version: string | null): string {
  const bare = version?.replace(/^v(?=\d)/i, '') ?? ''
  const shape = bare === '' ? name : replaceWhole(name, bare)
  if (shape !== name) return shape
  return name.replace(/(?<![A-Za-z0-9.])v?\d+(?:\.\d+)+/gi, MARK).replace(/(?<![A-Za-z0-9])20\d{6}(?!\d)/g, MARK)
}

/** Every place where it does not touch another letter or digit, but for a `v` before it. */
function replaceWhole(name: string, version: string): string {
  let result = ''
  let from = 0
  for (let at = name.indexOf(version); at >= 0; at = name.indexOf(version, from)) {
    const start = isV(name, at - 1) ? at - 1 : at
    const end = at + version.length
    const isWhole = !isWordy(name.charAt(start - 1)) && !isWordy(name.charAt(end)) && start >= from
    result += isWhole ? name.slice(from, start) + MARK : name.slice(from, end)
    from = end
  }
  return result + name.slice(from)
}

function isV(name: string, at: number): boolean {
  return name.charAt(at).toLowerCase() === 'v' && !isWordy(name.charAt(at - 1))
}

function isWordy(char: string): boolean {
  return /[A-Za-z0-9]/.test(char)
}
