import { describe, expect, test } from 'vitest'
import { checkTrustedComment } from '../../src/trust/trusted-comment.ts'

const check = (comment: string, name = 'app.tgz', version: string | null = '1.2.0') =>
  checkTrustedComment(comment, { name, version })

describe('what a signature is signed as', () => {
  test.each([
    ['', null, null],
    ['timestamp:1556895879', null, null],
    ['timestamp:1\tfile:app.tgz\thashed', 'app.tgz', null],
    ['timestamp:1\tfile:app.tgz', 'app.tgz', null],
    ['file:app.tgz version:1.2.0', 'app.tgz', '1.2.0'],
    ['version:v1.2.0\tfile:app.tgz', 'app.tgz', 'v1.2.0'],
    ['file:app.tgz version:1.2.0\thashed', 'app.tgz', '1.2.0'],
    ['file:app.tgz built by the robot', 'app.tgz', null],
    ['file:app.tgz file:app.tgz', 'app.tgz', null],
    ['profile:x conversion:y', null, null],
    ['Version: 9', null, null],
  ])('%j', (comment, file, version) => {
    expect(check(comment)).toEqual({ file, version })
  })

  test('a name with spaces is read as minisign writes it', () => {
    expect(check('timestamp:1\tfile:my app.tgz\thashed', 'my app.tgz')).toHaveProperty('file', 'my app.tgz')
    expect(check('timestamp:1\tfile:my app.tgz version:1.2.0', 'my app.tgz')).toHaveProperty('file', 'my app.tgz')
    expect(check('timestamp:1\tfile:my app.tgz\thashed', 'my')).toHaveProperty('problem')
  })
})

describe('threats', () => {
  test.each([
    'file:other.tgz',
    'file:app.tgz.asc',
    'file:app.tg',
    'file:APP.tgz',
    'file:',
    'file: app.tgz',
    'file:dist/app.tgz',
    'file:app.tgz file:other.tgz',
    'timestamp:1\tfile:app.tgz other\thashed',
  ])('an artifact that was renamed: %j', (comment) => {
    expect(check(comment)).toEqual({ problem: expect.stringMatching(/^is signed as '.*', so it was renamed/) })
  })

  test.each([
    'version:1.1.0',
    'file:app.tgz\tversion:1.2',
    'version:',
    'version: 1.2.0',
    'version:1.2.0 version:1.1.0',
  ])('an old release under a new version: %j', (comment) => {
    expect(check(comment)).toEqual({ problem: expect.stringMatching(/^is signed as version .* offered as 1.2.0/) })
  })

  test('two versions in one comment contradict each other, also where none is expected', () => {
    expect(check('version:1 version:2', 'app.tgz', null)).toHaveProperty('problem')
    expect(check('version:1 version:1', 'app.tgz', null)).toHaveProperty('version', '1')
  })
})
