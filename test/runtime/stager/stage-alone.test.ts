import { existsSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { stageAlone } from '../../../src/runtime/stager/stage-alone.ts'
import { acquireLock } from '../../../src/system/lock.ts'
import { SETTINGS } from '../../support/settings.ts'
import { temporaryStore } from '../../support/stores.ts'

test('nothing is touched in the store of whoever holds the lock', async () => {
  const paths = await temporaryStore()
  const underWay = join(paths.root, '.state.json.1-1-0.autoup-tmp')
  writeFileSync(underWay, '{}')
  const lock = acquireLock(paths.lock)
  try {
    await expect(
      stageAlone({ ...SETTINGS, stateDir: dirname(paths.root), name: basename(paths.root), source: 'file:/nowhere' }),
    ).rejects.toMatchObject({ code: 'locked' })
  } finally {
    lock.release()
  }
  expect(existsSync(underWay)).toBe(true)
})
