import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import type { AutoupEvent } from '../../src/core/events.ts'
import type { Settings } from '../../src/core/settings.ts'
import type { Input, State } from '../../src/core/state.ts'
import { newState } from '../../src/core/supervisor.ts'
import { policyOf } from '../../src/runtime/policy.ts'
import { Reload } from '../../src/runtime/reload.ts'
import { SETTINGS } from '../support/settings.ts'
import { temporaryStore } from '../support/stores.ts'

test('a reload that a stop overtakes is refused, and asks for nothing', async () => {
  const paths = await temporaryStore()
  const settings: Settings = { ...SETTINGS, stateDir: dirname(paths.root) }
  let state: State = newState(policyOf(settings, null))
  const said: AutoupEvent[] = []
  const sent: Input[] = []
  const reload = new Reload({
    live: { settings, user: null, environment: '', preload: null, source: null, listeners: [] },
    paths,
    host: {
      async load() {
        state = { ...state, stop: { status: 0, isOver: false } }
        return { ...settings, instances: 2 }
      },
      applied: () => undefined,
    },
    send: (input) => void sent.push(input),
    emit: (event) => void said.push(event),
    state: () => state,
  })
  expect(await reload.reload()).toMatchObject({ outcome: 'stopped', message: 'it is stopping', exit: 1 })
  expect(said.at(-1)).toMatchObject({ type: 'reload-finished', outcome: 'refused', message: 'it is stopping' })
  expect(sent).toEqual([])
})
