import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cleanPath, linkProblem, resolveInTree, type TreeNode } from '../../src/core/tree-path.ts'

function tree(nodes: Record<string, TreeNode>): (path: string) => TreeNode {
  return (path) => nodes[path] ?? 'missing'
}

describe('a path of a tree', () => {
  test.each([
    ['a/b', 'a/b'],
    ['./a//b/', 'a/b'],
    ['a/./b', 'a/b'],
    ['./', ''],
    ['a b/ü', 'a b/ü'],
  ])('%s is taken as %s', (raw, path) => {
    expect(cleanPath(raw)).toEqual({ path })
  })

  test.each([
    ['/etc/passwd', /absolute/],
    ['../x', /leads out/],
    ['a/../../x', /leads out/],
    ['a/../b', /leads out/],
    ['a\nb', /characters/],
    ['a\u001b[31m', /characters/],
    ['a\uFFFD', /characters/],
    ['x'.repeat(256), /255 bytes/],
    ['ü'.repeat(128), /255 bytes/],
    ['x/'.repeat(65), /64 folders/],
    [`${'x'.repeat(200)}/`.repeat(6), /1024 bytes/],
  ])('%j is refused', (raw, why) => {
    expect(cleanPath(raw)).toEqual({ problem: expect.stringMatching(why) })
  })

  test('never keeps a name that leads anywhere else', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('..', '.', '', 'a', 'b', '/'), { maxLength: 8 }), (parts) => {
        const clean = cleanPath(parts.join('/'))
        if (!('path' in clean) || clean.path === '') return
        expect(clean.path.split('/').every((name) => name !== '' && name !== '.' && name !== '..')).toBe(true)
      }),
    )
  })
})

describe('a link', () => {
  const look = tree({
    bin: 'directory',
    'bin/app': 'file',
    a: 'directory',
    'a/b': 'directory',
    'a/b/c': 'directory',
    'a/b/c/top': { target: '../../..' },
    self: { target: 'self' },
    ping: { target: 'pong' },
    pong: { target: 'ping' },
    app: { target: 'bin/app' },
    abs: { target: '/etc' },
  })

  test.each([
    ['x', 'bin/app'],
    ['x', './bin/../bin/app'],
    ['x', 'app'],
    ['a/x', '../bin'],
    ['x', '.'],
    ['x', 'a/b/c/top/bin/app'],
  ])('%s -> %s stays inside', (path, target) => {
    expect(linkProblem({ path, target }, look)).toBeNull()
  })

  test.each([
    ['x', '/bin/true', /outside/],
    ['x', '..', /outside/],
    ['a/x', '../../y', /outside/],
    ['x', 'bin/../../y', /outside/],
    // Inside by its text alone, but the link in the middle leads up.
    ['x', 'a/b/c/top/../y', /outside/],
    ['x', 'abs/passwd', /outside/],
    ['x', 'nothing', /not there/],
    ['x', 'bin/app/y', /not there/],
    ['x', '', /nowhere/],
    ['x', 'self', /circles/],
    ['x', 'ping', /circles/],
    ['x', 'a\nb', /characters/],
  ])('%s -> %s is refused', (path, target, why) => {
    expect(linkProblem({ path, target }, look)).toMatch(why)
  })

  test('never resolves to something outside, whatever other links there are', () => {
    const names = ['a', 'b', 'c']
    const target = fc
      .array(fc.constantFrom('..', '.', ...names), { minLength: 1, maxLength: 6 })
      .map((p) => p.join('/'))
    const node = fc.oneof(
      fc.constant<TreeNode>('directory'),
      fc.constant<TreeNode>('file'),
      target.map((text): TreeNode => ({ target: text })),
    )
    const paths = names.flatMap((x) => [x, ...names.map((y) => `${x}/${y}`)])
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...paths), node), target, (nodes, text) => {
        const found = resolveInTree('a', text, tree(nodes))
        if ('path' in found) expect(found.path.split('/')).not.toContain('..')
        else expect(found.problem).not.toBe('')
      }),
    )
  })
})
