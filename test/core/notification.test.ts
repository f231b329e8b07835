import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseNotification } from '../../src/core/notification.ts'
import { printableLine } from '../../src/core/shown.ts'

test.each([
  ['READY=1', [{ kind: 'ready' }]],
  ['READY=1\n', [{ kind: 'ready' }]],
  ['READY=0', []],
  ['STOPPING=1', [{ kind: 'stopping' }]],
  ['RELOADING=1\nMONOTONIC_USEC=123', [{ kind: 'reloading' }]],
  ['WATCHDOG=1', [{ kind: 'watchdog' }]],
  ['WATCHDOG=trigger', [{ kind: 'watchdog-trigger' }]],
  ['WATCHDOG_USEC=5', []],
  ['MAINPID=4711', [{ kind: 'main-pid', pid: 4711 }]],
  ['BARRIER=1', [{ kind: 'barrier' }]],
  ['EXTEND_TIMEOUT_USEC=1500000', [{ kind: 'extend-timeout', ms: 1500 }]],
  ['EXTEND_TIMEOUT_USEC=1', [{ kind: 'extend-timeout', ms: 1 }]],
  ['STATUS=a = b', [{ kind: 'status', text: 'a = b' }]],
  ['STATUS=', [{ kind: 'status', text: '' }]],
  ['MAINPID=7\nREADY=1\nSTATUS=up', [{ kind: 'main-pid', pid: 7 }, { kind: 'ready' }, { kind: 'status', text: 'up' }]],
  ['FDSTORE=1\nFDNAME=x\nX_OWN=1\nready=1\n=1\nREADY\n\n', []],
])('understands %j', (text, expected) => {
  expect(parseNotification(text)).toEqual(expected)
})

test.each(['MAINPID=', 'MAINPID=-1', 'MAINPID=0', 'MAINPID=1', 'MAINPID=1e3', 'MAINPID= 7', 'MAINPID=4194305'])(
  'ignores %j',
  (text) => expect(parseNotification(text)).toEqual([]),
)

test.each(['', '-1', '0x10', '1.5', '99999999999999999999', 'Infinity'])('ignores EXTEND_TIMEOUT_USEC=%s', (number) => {
  expect(parseNotification(`EXTEND_TIMEOUT_USEC=${number}`)).toEqual([])
})

test('lets no control sequence of a status reach a terminal', () => {
  const [status] = parseNotification('STATUS=\u001b[31mred\u001b]0;title\u0007\r\tdone\u202e\u009b1m')
  expect(status).toEqual({ kind: 'status', text: '[31mred ]0;title done 1m' })
})

test('cuts a long status to 200 characters, never in the middle of one', () => {
  expect(printableLine('x'.repeat(200))).toBe('x'.repeat(200))
  const cut = printableLine('🚀'.repeat(300))
  expect([...cut]).toHaveLength(200)
  expect(cut.endsWith('🚀…')).toBe(true)
})

test('never throws, and never lets an unprintable character through', () => {
  const line = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .tuple(
        fc.constantFrom('READY', 'STATUS', 'MAINPID', 'WATCHDOG', 'EXTEND_TIMEOUT_USEC'),
        fc.string({ unit: 'binary' }),
      )
      .map(([key, value]) => `${key}=${value}`),
  )
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      for (const notification of parseNotification(lines.join('\n'))) {
        if (notification.kind === 'status') {
          expect(notification.text).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
          expect([...notification.text].length).toBeLessThanOrEqual(200)
        }
        if (notification.kind === 'main-pid') expect(notification.pid).toBeGreaterThan(1)
      }
    }),
  )
})
