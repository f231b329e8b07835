import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { strengthOf } from '../../src/core/ratchet.ts'
import { needs } from '../support/requirements.ts'
import { temporaryFolder } from '../support/stores.ts'
import { autoup } from './terminal.ts'

const PAGE = readFileSync(new URL('../../docs/trust.md', import.meta.url), 'utf8')

needs('minisign', 'sha256sum', 'bash').test('every command of the page works, in its order', async () => {
  const cwd = await temporaryFolder()
  writeFileSync(join(cwd, 'app-1.4.2-linux-x64.tar.gz'), 'the program')
  const lines = [...PAGE.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block]) => (block as string).trim().split('\n'))
  expect(lines.length).toBeGreaterThan(5)
  for (const line of lines) {
    if (!line.startsWith('autoup ')) {
      execFileSync('bash', ['-euc', line], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
      continue
    }
    const { code, stdout, stderr } = await autoup(line.split(' ').slice(1), { cwd })
    expect({ code, stderr }, line).toEqual({ code: 0, stderr: '' })
    expect(stdout, line).toMatch(/^(?:ok {2}|\{"ok":true,)/)
  }
})

test('the table of the page has the strengths of the code', () => {
  const rows = [...PAGE.matchAll(/^\| (`.*`)\s+\| .* \| (\d)\s+\|$/gm)]
  expect(rows).toHaveLength(4)
  for (const [, words, strength] of rows) {
    for (const [, proof] of (words as string).matchAll(/`([^`]+)`/g))
      expect(strengthOf(proof as string), proof).toBe(Number(strength))
  }
})
