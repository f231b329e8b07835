/**
 * Names and links inside a tree that somebody else made, as pure text. A path here is relative, with `/` between
 * names and none of `.`, `..` or empty; the tree's root is ''. What an archive or a directory claims goes through
 * `cleanPath`, and where a link really leads is found by `resolveInTree`, which never looks at the disk itself.
 */

/** Bytes are those of UTF-8. Linux has 4096 and 255 (limits.h); the store's own folders need some of them. */
export const PATH_LIMITS = { bytes: 1_024, nameBytes: 255, depth: 64, linkHops: 40 } as const

/** What stands at a path of the tree. */
export type TreeNode = 'directory' | 'file' | 'missing' | { readonly target: string }

export interface TreeLink {
  readonly path: string
  readonly target: string
}

/** The path in its one form, or why it cannot be in a tree: the end of a sentence. */
export function cleanPath(raw: string): { readonly path: string } | { readonly problem: string } {
  if (raw.startsWith('/')) return { problem: 'is an absolute path' }
  const problem = problemOfText(raw)
  if (problem !== null) return { problem }
  const names = raw.split('/').filter((name) => name !== '' && name !== '.')
  if (names.includes('..')) return { problem: 'leads out of it' }
  if (names.length > PATH_LIMITS.depth) return { problem: `is more than ${PATH_LIMITS.depth} folders deep` }
  if (names.some((name) => byteLength(name) > PATH_LIMITS.nameBytes)) {
    return { problem: `has a name over ${PATH_LIMITS.nameBytes} bytes` }
  }
  return { path: names.join('/') }
}

/** Why the link cannot be made, as the end of a sentence; null when it leads to something inside the tree. */
export function linkProblem(link: TreeLink, look: (path: string) => TreeNode): string | null {
  const problem = link.target === '' ? 'points nowhere' : problemOfText(link.target)
  if (problem !== null) return problem
  const found = resolveInTree(parentOf(link.path), link.target, look)
  return 'problem' in found ? found.problem : null
}

/** Walks `target` from the folder `from` as path_resolution(7) does, with the tree's root as the border. */
export function resolveInTree(
  from: string,
  target: string,
  look: (path: string) => TreeNode,
): { readonly path: string } | { readonly problem: string } {
  const outside = { problem: `points to '${target}', which is outside` }
  const missing = { problem: `points to '${target}', which is not there` }
  if (target.startsWith('/')) return outside
  const at = from === '' ? [] : from.split('/')
  const rest = target.split('/').reverse()
  for (let hops = 0; rest.length > 0; ) {
    const name = rest.pop() as string
    if (name === '' || name === '.') continue
    if (name === '..') {
      if (at.pop() === undefined) return outside
      continue
    }
    const next = [...at, name].join('/')
    const node = look(next)
    if (node === 'missing') return missing
    if (typeof node === 'object') {
      if (node.target.startsWith('/')) return outside
      if (++hops > PATH_LIMITS.linkHops) return { problem: `points to '${target}', which goes round in circles` }
      rest.push(...node.target.split('/').reverse())
      continue
    }
    if (node === 'file' && rest.length > 0) return missing
    at.push(name)
  }
  return { path: at.join('/') }
}

/** The folder that holds `path`; '' is the root. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

/** The last name of a path. */
export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/**
 * Control characters would end a line of the manifest or reach a terminal; U+FFFD stands for bytes that are not UTF-8.
 */
function problemOfText(text: string): string | null {
  if (/[\p{Cc}\uFFFD]/u.test(text)) return 'has characters that a name must not have'
  return byteLength(text) > PATH_LIMITS.bytes ? `is over ${PATH_LIMITS.bytes} bytes long` : null
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length
}
