import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { removeTree } from '../../src/system/tree.ts'
import { temporaryFolder } from '../support/stores.ts'

test('a tree that two remove at once is removed, and neither is told of trouble', async () => {
  const tree = join(await temporaryFolder(), 'tree')
  for (let folder = 0; folder < 200; folder++) {
    mkdirSync(join(tree, `${folder}`, 'below'), { recursive: true })
    writeFileSync(join(tree, `${folder}`, 'below', 'file'), '')
  }
  await Promise.all(Array.from({ length: 8 }, () => removeTree(tree)))
  expect(existsSync(tree)).toBe(false)
})
