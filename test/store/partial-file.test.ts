import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { keepPartial, openPartial } from '../../src/store/partial-file.ts'
import { needs } from '../support/requirements.ts'
import { temporaryFolder } from '../support/stores.ts'

describe('a download that was cut', () => {
  needs('strace').test('is on the disk before it has the name by which a later try finds it', async () => {
    const [folder, partials] = [await temporaryFolder(), await temporaryFolder()]
    const path = join(folder, 'partial-1')
    writeFileSync(path, 'half')
    const built = fileURLToPath(new URL('../../dist/src/store/partial-file.js', import.meta.url))
    const program = `import { keepPartial } from ${JSON.stringify(built)}
await keepPartial(${JSON.stringify(path)}, ${JSON.stringify(partials)})`
    const log = join(folder, 'strace')
    const calls = ['-f', '-y', '-e', 'trace=fsync,rename,renameat,renameat2', '-o', log]
    execFileSync('strace', [...calls, process.execPath, '--input-type=module', '-e', program])
    const seen = readFileSync(log, 'utf8').split('\n')
    const synced = seen.findIndex((line) => line.includes('fsync(') && line.includes(path))
    const named = seen.findIndex((line) => line.includes('rename') && line.includes(join(partials, 'partial-1')))
    expect(synced).toBeGreaterThanOrEqual(0)
    expect(named).toBeGreaterThan(synced)
    expect(readdirSync(partials)).toEqual(['partial-1'])
  })

  test('is taken up again by who knows its identity', async () => {
    const [one, two, partials] = [await temporaryFolder(), await temporaryFolder(), await temporaryFolder()]
    const first = await openPartial({ folder: one, partials, source: 's' }, 'etag')
    await first.append(Buffer.from('half'))
    await first.giveBack()
    await first.close()
    const again = await openPartial({ folder: two, partials, source: 's' }, 'etag')
    expect(again.size).toBe(4)
    await again.close()
  })

  test.each<[string, (path: string) => void]>([
    ['a link', (path) => symlinkSync('/etc/passwd', path)],
    ['a pipe', (path) => execFileSync('mkfifo', [path])],
    ['nothing in it', (path) => writeFileSync(path, '')],
  ])('and has %s in its place is not kept', async (_, make) => {
    const [folder, partials] = [await temporaryFolder(), await temporaryFolder()]
    make(join(folder, 'partial-1'))
    await keepPartial(join(folder, 'partial-1'), partials)
    expect([readdirSync(folder), readdirSync(partials)]).toEqual([[], []])
  })
})
