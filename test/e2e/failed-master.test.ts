import { cpSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ask } from '../support/ask.ts'
import { nodeServer, publish } from '../support/builds.ts'
import { expectRelieved } from '../support/faults-hand-over.ts'
import { type MasterOptions, startMaster, temporaryDirectory } from '../support/master.ts'
import { freePort } from '../support/ports.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A whole program but for this file, as an update that goes wrong beside a master leaves it. */
function programWithout(file: string): string {
  const folder = temporaryDirectory()
  for (const name of ['node_modules', 'package.json']) symlinkSync(join(ROOT, name), join(folder, name))
  cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true })
  rmSync(join(folder, 'dist', file))
  return join(folder, 'dist/bin/autoup.js')
}

test('a master that fails as nobody has foreseen ends, says so, and leaves its workers serving', async () => {
  const port = await freePort()
  const app = join(temporaryDirectory(), 'app')
  publish(app, nodeServer())
  const args = ['--listen', `127.0.0.1:${port}`]
  const options: MasterOptions = { stateDir: temporaryDirectory(), args, command: [app] }
  const first = await startMaster(options)
  const { pid } = await first.next('worker-ready')
  await first.kill9()

  // It is loaded when the workers of the first one are in the hands of this one.
  const program = programWithout('src/report/page/document.js')
  const failing = await startMaster({ ...options, args: [...args, '--metrics', '127.0.0.1:0'], program })
  await failing.next('orphans-found')
  expect(await failing.exited).toBe(1)
  expect(failing.output.join('\n')).toContain('autoup: this is a bug in autoup; please report it:')
  expect(await ask(port)).toMatchObject({ pid })

  const next = await startMaster(options)
  await expectRelieved(next, [pid])
  expect(await ask(port)).toMatchObject({ version: '1' })
})
