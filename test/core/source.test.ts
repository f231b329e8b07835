import { expect, test } from 'vitest'
import { shownSource } from '../../src/core/source.ts'

test.each([
  ['https://user:secret@example.org/app', 'https://example.org/app'],
  ['https://example.org/app?token=secret', 'https://example.org/app?…'],
  ['https://user:secret@example.org/app?token=secret#part', 'https://example.org/app?…#part'],
  ['https://bob:pa@ss@example.org/app', 'https://example.org/app'],
  ['https://a:b@c.org/{version}@https://d:e@f.org/t?k=1', 'https://c.org/{version}@https://f.org/t?…'],
  ['./s3.js?key=secret', './s3.js?…'],
  ['https://example.org/@scope/app', 'https://example.org/@scope/app'],
  ['github:org/app@^1.2?asset=app-*', 'github:org/app@^1.2?asset=app-*'],
  ['file:/srv/app', 'file:/srv/app'],
])('%s is shown as %s', (source, shown) => expect(shownSource(source)).toBe(shown))
