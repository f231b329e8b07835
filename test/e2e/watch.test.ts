import { expect } from 'vitest'
import { badBehaviour, nodeServer } from '../support/builds.ts'
import { AUTOUP } from '../support/master.ts'
import { needs } from '../support/requirements.ts'
import { BY_HAND, type Service, startService } from '../support/service.ts'
import { openTerminal, type Terminal } from '../support/tmux.ts'
import { until } from '../support/until.ts'

const { test } = needs('tmux')

function watch(service: Service, options: Parameters<typeof openTerminal>[0] = {}): Terminal {
  const terminal = openTerminal(options)
  const { name, stateDir } = service.master
  terminal.keys(
    `clear; ${process.execPath} ${AUTOUP} status ${name} --state-dir ${stateDir} --watch; echo exit=$?`,
    'Enter',
  )
  return terminal
}

test('status --watch follows an upgrade, and q gives the terminal back with what was seen last', async () => {
  const service = await startService({ args: [...BY_HAND, '--probation', '1s'] })
  const terminal = watch(service)
  await terminal.shows(/● idle/)
  expect(terminal.flag('#{alternate_on} #{cursor_flag}')).toBe('1 0')
  service.publish(nodeServer({ version: '2' }))
  const upgrade = service.master.cli('upgrade')
  await terminal.shows(/● probation[\s\S]*generation 2/)
  expect(await upgrade).toMatchObject({ code: 0 })
  const text = await terminal.shows(/● idle[\s\S]*way back/)
  expect(text).not.toMatch(/exit=/)
  terminal.keys('q')
  const left = await terminal.shows(/exit=0/)
  expect(left).toMatch(/● idle[\s\S]*way back[\s\S]*exit=0/)
  expect(terminal.flag('#{alternate_on} #{cursor_flag}')).toBe('0 1')
  // What is typed is seen again.
  terminal.keys('echo wri""tten', 'Enter')
  await terminal.shows(/echo wri""tten[\s\S]*written/)
})

for (const [key, how] of [
  ['C-c', 'Ctrl-C'],
  ['C-d', 'Ctrl-D'],
  ['Escape', 'Esc'],
] as const) {
  test(`status --watch ends cleanly on ${how}`, async () => {
    const terminal = watch(await startService({ args: BY_HAND }))
    await terminal.shows(/● idle/)
    terminal.keys(key)
    await terminal.shows(/exit=0/)
    expect(terminal.flag('#{alternate_on} #{cursor_flag}')).toBe('0 1')
  })
}

test('status --watch goes to the background and comes back', async () => {
  const terminal = watch(await startService({ args: BY_HAND }))
  await terminal.shows(/● idle/)
  terminal.keys('C-z')
  await terminal.shows(/Stopped/)
  expect(terminal.flag('#{alternate_on} #{cursor_flag}')).toBe('0 1')
  terminal.keys('fg', 'Enter')
  await terminal.shows(/● idle[\s\S]*workers/)
  expect(terminal.flag('#{alternate_on} #{cursor_flag}')).toBe('1 0')
  terminal.keys('q')
  await until('it has left', () => terminal.flag('#{alternate_on}') === '0')
  terminal.keys('echo code=$?', 'Enter')
  await terminal.shows(/code=0/)
})

test('status --watch fits a terminal that becomes narrow and low, and says what it left out', async () => {
  const service = await startService({ args: [...BY_HAND, '--instances', '3', '--ready-timeout', '1s'] })
  service.publish(badBehaviour['a build that exits at once']!)
  await service.master.cli('upgrade')
  const terminal = watch(service)
  await terminal.shows(/held back/)
  terminal.resize(44, 8)
  const text = await terminal.shows(/… \d+ more lines/)
  expect(text.split('\n')).toHaveLength(8)
  terminal.resize(100, 30)
  await terminal.shows(/held back/)
  terminal.keys('q')
  await terminal.shows(/exit=0/)
})

test('status --watch ends with 3 and one sentence when the master ends', async () => {
  const service = await startService({ args: BY_HAND })
  const terminal = watch(service)
  await terminal.shows(/● idle/)
  await service.master.stop()
  await terminal.shows(/autoup: 'app' has ended: start it with `autoup run`\nexit=3/)
  expect(terminal.flag('#{alternate_on} #{cursor_flag}')).toBe('0 1')
})

test('status has colours on a terminal, and none with NO_COLOR', async () => {
  const bright = watch(await startService({ args: BY_HAND }))
  await bright.shows(/● idle/)
  expect(bright.colours()).toMatch(/\[32m● idle/)
  const plain = watch(await startService({ args: BY_HAND }), { env: { NO_COLOR: '1' } })
  await plain.shows(/● idle/)
  expect(plain.colours()).not.toContain('[32m')
})
