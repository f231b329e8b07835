/**
 * How the demo ends when it may not run to its end, as a user who is not root: a sealed build is read-only, and only
 * root's eyes do not see that. (To its end .ci/run has it run.)
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, readdirSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { AUTOUP, temporaryDirectory } from '../support/master.ts'
import { onEnd } from '../support/on-end.ts'
import { endAll, kill } from '../support/processes.ts'
import { needs } from '../support/requirements.ts'
import { until } from '../support/until.ts'

const NOBODY = 65_534

needs('root', 'open-node', 'open-project').describe('the demo of a user leaves nothing behind', () => {
  test.each<[how: string, end: (pid: number, stdout: Readable) => unknown]>([
    ['when it is ended with Ctrl-C', (pid) => process.kill(pid, 'SIGINT')],
    ['when nobody reads on', (_pid, stdout) => stdout.destroy()],
  ])('%s', async (_how, end) => {
    const folder = temporaryDirectory()
    chownSync(folder, NOBODY, NOBODY)
    const demo = spawn(process.execPath, [AUTOUP, 'demo'], {
      env: { ...process.env, TMPDIR: folder, HOME: folder },
      uid: NOBODY,
      gid: NOBODY,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    onEnd(() => demo.pid !== undefined && kill(demo.pid, 'SIGKILL'))
    let shown = ''
    let told = ''
    demo.stderr.setEncoding('utf8').on('data', (text: string) => {
      told += text
    })
    demo.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text
    })
    const ended = once(demo, 'close')
    await until('the first build is committed', () => shown.includes('1.0.0 serves'), 30_000)
    const [directory = ''] = readdirSync(folder)
    onEnd(() => endAll(`${folder}/${directory}/state`))
    end(demo.pid ?? 0, demo.stdout)
    expect(await ended).toEqual([1, null])
    expect(told).toBe('autoup: the demo was told to end before it was through\n')
    expect(readdirSync(folder)).toEqual([])
  })
})
