import { describe, expect, test } from 'vitest'
import { parseListen } from '../../src/core/address.ts'
import { isHostAllowed, isSamePort, parsePageAddress } from '../../src/core/page-address.ts'

describe('--metrics ADDR', () => {
  test('a port alone is of loopback', () => {
    expect(parsePageAddress('9090')).toEqual({
      address: { family: 'tcp', host: '127.0.0.1', port: 9090 },
      hosts: [],
    })
  })

  test.each([
    ['*:9090', null],
    [':9090', null],
    ['0.0.0.0:9090', '0.0.0.0'],
    ['10.0.0.1:9090', '10.0.0.1'],
    ['[::1]:9090', '::1'],
    ['localhost:9090', '127.0.0.1'],
  ])('%s is where it says', (text, host) => {
    expect(parsePageAddress(text).address).toMatchObject({ host, port: 9090 })
  })

  test('takes the names it goes by', () => {
    expect(parsePageAddress('*:9090?host=Web1.example.com&host=status').hosts).toEqual(['web1.example.com', 'status'])
  })

  test.each([
    '',
    'x',
    'unix:/run/page.sock',
    'name=9090',
    '9090?host=',
    '9090?host=a/b',
    '9090?hots=x',
    '70000',
    '9090?',
  ])('%j is refused with the forms it takes', (text) => {
    expect(() => parsePageAddress(text)).toThrow(/write 9090 \(of loopback\)/)
  })
})

describe('the Host of a request', () => {
  test.each(['127.0.0.1:9090', '127.0.0.1', '[::1]:9090', '10.1.2.3:80', 'localhost:9090', 'LOCALHOST', 'web1:9090'])(
    '%s is answered',
    (host) => {
      expect(isHostAllowed(host, ['web1'])).toBe(true)
    },
  )

  test.each([
    undefined,
    '',
    'evil.example',
    'web1.evil.example:9090',
    '127.0.0.1.evil.example',
    'localhost.',
    'a@127.0.0.1',
    '127.0.0.1:x',
  ])('%s is not', (host) => {
    expect(isHostAllowed(host, ['web1'])).toBe(false)
  })
})

test('the port of the service is its own, unless the addresses are apart', () => {
  const same = (page: string, listen: string): boolean =>
    isSamePort(parsePageAddress(page), parseListen(listen).address)
  expect(same('8080', '8080')).toBe(true)
  expect(same('*:8080', '127.0.0.1:8080')).toBe(true)
  expect(same('127.0.0.1:8080', '127.0.0.1:8080')).toBe(true)
  expect(same('127.0.0.1:8080', '10.0.0.1:8080')).toBe(false)
  expect(same('8080', '8081')).toBe(false)
  expect(same('127.0.0.1:0', '127.0.0.1:0')).toBe(false)
  expect(same('8080', 'unix:/run/app.sock')).toBe(false)
})
