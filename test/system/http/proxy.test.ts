import { expect, test } from 'vitest'
import { proxyFor } from '../../../src/system/http/proxy.ts'

const PROXY = 'http://proxy.test:3128'

function isProxied(url: string, noProxy: string): boolean {
  return proxyFor(new URL(url), { HTTPS_PROXY: PROXY, HTTP_PROXY: PROXY, NO_PROXY: noProxy }) !== null
}

test.each([
  ['https://a.test/', '', true],
  ['https://a.test/', '*', false],
  ['https://a.test/', 'b.test', true],
  ['https://a.test/', 'b.test, A.test', false],
  ['https://a.test/', 'b.test a.test', false],
  ['https://x.a.test/', 'a.test', false],
  ['https://x.a.test/', '.a.test', false],
  ['https://x.a.test/', '*.a.test', false],
  ['https://xa.test/', 'a.test', true],
  ['https://a.test/', 'a.test:443', false],
  ['https://a.test:8443/', 'a.test:443', true],
  ['http://a.test/', 'a.test:80', false],
  ['https://10.1.2.3/', '10.0.0.0/8', false],
  ['https://11.1.2.3/', '10.0.0.0/8', true],
  ['https://10.1.2.3/', '10.1.2.3', false],
  ['https://1.10.1.2/', '10.1.2', true],
  ['https://10.1.2.3/', '10.0.0.0/99', true],
  ['https://[2001:db8::1]/', '2001:db8::/32', false],
  ['https://[2001:db8::1]/', '2001:db8::1', false],
  ['https://[2001:db8::1]/', '[2001:db8::1]:443', false],
  ['https://[2001:db8::1]/', '[2001:db8::1]:444', true],
  ['https://a.test/', '10.0.0.0/8', true],
])('%s with NO_PROXY %j: through the proxy %s', (url, noProxy, expected) => {
  expect(isProxied(url, noProxy)).toBe(expected)
})

test.each(['http://127.0.0.1/', 'https://127.9.9.9/', 'http://localhost:80/', 'https://[::1]/'])(
  '%s is this machine, and never asked through a proxy',
  (url) => {
    expect(isProxied(url, '')).toBe(false)
  },
)

test('each scheme has its own variable, in lower case first, and a proxy needs no scheme', () => {
  const https = new URL('https://a.test/')
  const http = new URL('http://a.test/')
  expect(proxyFor(https, { HTTP_PROXY: PROXY })).toBeNull()
  expect(proxyFor(http, { HTTPS_PROXY: PROXY })).toBeNull()
  expect(proxyFor(https, { HTTPS_PROXY: '' })).toBeNull()
  expect(proxyFor(http, { HTTP_PROXY: PROXY, http_proxy: 'other:8080' })?.href).toBe('http://other:8080/')
})
