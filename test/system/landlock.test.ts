import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { landlockAbi } from '../../src/system/landlock.ts'

test('the ABI is that of the kernel, or none where Landlock is off', () => {
  let modules = ''
  try {
    modules = readFileSync('/sys/kernel/security/lsm', 'utf8')
  } catch {
    // securityfs is not mounted: only the range can be told.
  }
  const abi = landlockAbi()
  expect(abi === 0 || abi >= 2).toBe(true)
  if (modules !== '') expect(abi > 0).toBe(modules.includes('landlock'))
})

test('asking for it restricts nobody', () => {
  landlockAbi()
  expect(execFileSync('sh', ['-c', 'echo x > /dev/null && echo fine'], { encoding: 'utf8' })).toBe('fine\n')
})
