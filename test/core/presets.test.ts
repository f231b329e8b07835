import { expect, test } from 'vitest'
import { type PresetListener, presetOf, programName } from '../../src/core/presets.ts'

test.each([
  [['nginx', '-c', 'x'], 'nginx', 'SIGQUIT'],
  [['/usr/sbin/haproxy'], 'haproxy', 'SIGUSR1'],
  [['lighttpd', '-D'], 'lighttpd', 'SIGINT'],
  [['./bin/gunicorn'], 'gunicorn', 'SIGTERM'],
  [['puma'], 'puma', 'SIGTERM'],
  [['uvicorn'], 'uvicorn', 'SIGTERM'],
  [['unicorn'], 'unicorn', 'SIGQUIT'],
  [['php-fpm'], 'php-fpm', 'SIGQUIT'],
  [['/usr/sbin/php-fpm8.2', '-R'], 'php-fpm', 'SIGQUIT'],
  [['php-fpm83'], 'php-fpm', 'SIGQUIT'],
  [['h2o', '-m', 'worker'], 'h2o', 'SIGTERM'],
  [['/usr/bin/env', '-u', 'HOME', 'A=b', 'puma'], 'puma', 'SIGTERM'],
  [['env', '-i', '/usr/sbin/nginx'], 'nginx', 'SIGQUIT'],
  [['nice', '-n', '5', 'unicorn'], 'unicorn', 'SIGQUIT'],
  [['bundle', 'exec', 'unicorn', '-c', 'x'], 'unicorn', 'SIGQUIT'],
  [['/usr/bin/bundle', 'exec', '--gemfile', 'Gemfile', 'unicorn'], 'unicorn', 'SIGQUIT'],
  [['env', 'RACK_ENV=production', 'nice', '-5', 'bundle', 'exec', 'puma'], 'puma', 'SIGTERM'],
])('knows %j as %s, drained with %s', (command, name, drainSignal) => {
  expect(presetOf(command)).toMatchObject({ name, drainSignal })
})

test.each([
  [[]],
  [['node', 'nginx']],
  [['nginx.js']],
  [['env']],
  [['bundle', 'install', 'puma']],
  [['constructor']],
  [['h2']],
  [['/opt/nginx/run']],
])('knows nothing of %j', (command: string[]) => expect(presetOf(command)).toBeNull())

test('names a program by the base name of its first word', () => {
  expect(programName(['/opt/app-1.2/server', 'x'])).toBe('server')
  expect(programName(['env', 'PORT=1', './server'])).toBe('server')
})

const LISTENERS: PresetListener[] = [
  { fd: 3, address: { host: '127.0.0.1', port: 8080 } },
  { fd: 4, address: { host: '::', port: 8443 } },
  { fd: 5, address: { path: '/run/app.sock' } },
]

test.each([
  ['nginx', { NGINX: '3;4;5;' }],
  ['haproxy', { LFD: '3', LFD1: '4', LFD2: '5' }],
  ['php-fpm', { FPM_SOCKETS: '127.0.0.1:8080=3,[::]:8443=4,/run/app.sock=5' }],
  ['h2o', { SERVER_STARTER_PORT: '127.0.0.1:8080=3;[::]:8443=4;/run/app.sock=5' }],
  ['puma', {}],
])('tells %s about its sockets in its own dialect', (name, environment) => {
  expect(presetOf([name])?.environment(LISTENERS)).toEqual(environment)
})
