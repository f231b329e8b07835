import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { IgnoreRules } from '../../src/system/ignore-rules.ts'
import { temporaryDirectory } from '../support/master.ts'
import { needs } from '../support/requirements.ts'

/** The path of a file and its text; a path that ends in / is a folder. */
function tree(files: Record<string, string>): string {
  const root = temporaryDirectory()
  for (const [name, text] of Object.entries(files)) {
    const path = join(root, name)
    mkdirSync(name.endsWith('/') ? path : dirname(path), { recursive: true })
    if (!name.endsWith('/')) writeFileSync(path, text)
  }
  return root
}

const FILES = {
  '.gitignore': 'build/\n*.tmp\n!keep.tmp\n/only-top\ndocs/**/draft\n# a comment\n\\#odd\n',
  'sub/.gitignore': '!special.tmp\ngenerated\n/anchored\n',
  'sub/deep/.gitignore': '!generated\n',
  'a.js': '',
  'a.tmp': '',
  'keep.tmp': '',
  'only-top': '',
  'sub/only-top': '',
  'sub/special.tmp': '',
  'sub/other.tmp': '',
  'sub/generated': '',
  'sub/anchored': '',
  'sub/deep/anchored': '',
  'sub/deep/generated': '',
  'build/out.js': '',
  'build/.gitignore': '!out.js\n',
  'lib/build/out.js': '',
  'lib/build.js': '',
  'docs/a/b/draft': '',
  'docs/a/b/final': '',
  '#odd': '',
  'private.txt': '',
}

describe('the rules of git', () => {
  needs('git').test('decide as git itself does', () => {
    const root = tree(FILES)
    execFileSync('git', ['init', '-q', root])
    mkdirSync(join(root, '.git/info'), { recursive: true })
    writeFileSync(join(root, '.git/info/exclude'), 'private.txt\n')
    const names = Object.keys(FILES)
    const { stdout } = spawnSync(
      'git',
      ['-C', root, '-c', 'core.excludesFile=/dev/null', 'check-ignore', '--no-index', '--stdin'],
      {
        input: names.join('\n'),
        encoding: 'utf8',
      },
    )
    const byGit = new Set(stdout.split('\n').filter(Boolean))
    expect(byGit.size).toBeGreaterThan(8)
    const rules = new IgnoreRules(root, [], [])
    for (const name of names) expect([name, rules.isIgnored(join(root, name))]).toEqual([name, byGit.has(name)])
  })

  test('of a repository hold in a folder of it', () => {
    const root = tree({
      '.git/': '',
      '.gitignore': '*.out\n/app/cache\n',
      'app/a.out': '',
      'app/cache/x': '',
      'app/b.js': '',
    })
    const rules = new IgnoreRules(join(root, 'app'), [], [])
    const of = (name: string) => rules.isIgnored(join(root, 'app', name))
    expect([of('a.out'), of('cache/x'), of('b.js')]).toEqual([true, true, false])
  })

  test('are read again when they have changed', () => {
    const root = tree({ '.gitignore': 'a\n', a: '', b: '' })
    const rules = new IgnoreRules(root, [], [])
    expect([rules.isIgnored(join(root, 'a')), rules.isIgnored(join(root, 'b'))]).toEqual([true, false])
    writeFileSync(join(root, '.gitignore'), 'b\n')
    rules.forget()
    expect([rules.isIgnored(join(root, 'a')), rules.isIgnored(join(root, 'b'))]).toEqual([false, true])
  })
})

test.each([
  '.git/HEAD',
  'node_modules/x/index.js',
  'sub/node_modules/x',
  'app.pid',
  'a.log',
  'a.js~',
  '.a.js.swp',
  '#a.js#',
])('%s is never a source', (name) => {
  const root = tree({ [name]: '' })
  expect(new IgnoreRules(root, [], []).isIgnored(join(root, name))).toBe(true)
})

test('own patterns come first, and what is kept apart is left alone with all that is below', () => {
  const root = tree({ 'a.md': '', 'sub/b.md': '', 'state/app/lock': '', 'state-of-art.js': '', 'c.log': '' })
  const rules = new IgnoreRules(root, ['*.md', '!c.log'], [join(root, 'state')])
  const of = (name: string) => rules.isIgnored(join(root, name))
  expect([of('a.md'), of('sub/b.md'), of('state'), of('state/app/lock'), of('state-of-art.js'), of('c.log')]).toEqual([
    ...[true, true, true, true, false, false],
  ])
})
