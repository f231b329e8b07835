import fc from 'fast-check'
import { expect, test } from 'vitest'
import { serviceName } from '../../src/cli/service-name.ts'
import { checkName } from '../../src/core/name.ts'

test.each([
  ['file:/x/app.tar.gz', 'app'],
  ['file:/x/app', 'app'],
  ['file:/x/app/', 'app'],
  ['file:./server.js', 'server'],
  ['github:org/app', 'app'],
  ['github:org/app@^1.2', 'app'],
  ['github:org/app.js', 'app.js'],
  ['npm:pkg', 'pkg'],
  ['npm:pkg@latest', 'pkg'],
  ['npm:@scope/pkg', 'pkg'],
  ['npm:@scope/pkg@^2', 'pkg'],
  ['https://example.org/dl/app-{os}-{arch}.tar.gz', 'app'],
  ['https://example.org/dl/{version}/app.tgz?token=1', 'app'],
  ['https://u:p@example.org/app-{version}-{os}.tar.gz@1.4.2', 'app'],
  ['https://dl.example.org/{version}/bin/app@https://example.org/stable.txt', 'app'],
  ['https://example.org/app/v{version}/{os}.tgz@1.4.2', 'app'],
  ['https://example.org/dev{os}_v{version}.tgz@1.4.2', 'dev'],
  ['https://example.org/app/{version}/{os}-{arch}.tgz@1.4.2', 'app'],
  ['https://example.org/{version}@1.4.2', 'example.org'],
  ['https://example.org', 'example.org'],
  ['./plugin.js?key=value', 'plugin'],
])('of the source %s: %s', (source, name) => {
  expect(serviceName(source, ['node', 'other.js'])).toBe(name)
})

test.each([
  ['node server.js', 'server'],
  ['/usr/bin/node --enable-source-maps dist/server.mjs --port 3', 'server'],
  ['python3 app.py', 'app'],
  ['python3.11 -m http.server', 'http.server'],
  ['./my-app', 'my-app'],
  ['/opt/x/bin/daemon -f', 'daemon'],
  ['java -jar app.jar', 'app'],
  ['env PORT=1 node server.js', 'server'],
  ['bun run server.ts', 'server'],
  ['node', 'node'],
  ['node -e 0', 'node'],
  ['sh -c exec', 'sh'],
  ['nginx', 'nginx'],
])('of the command %s: %s', (command, name) => {
  expect(serviceName(null, command.split(' '))).toBe(name)
})

test('nothing that could be a name is null', () => {
  for (const source of ['file:/', 'file:..', 'github:', 'npm:@', './']) expect(serviceName(source, [])).toBeNull()
  expect(serviceName(null, ['---'])).toBeNull()
  expect(serviceName(null, [])).toBeNull()
})

test('whatever the source, the name is one or null', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.webUrl(), fc.string({ unit: 'binary' })),
      fc.array(fc.string()),
      (text, command) => {
        for (const name of [serviceName(text, command), serviceName(null, command)]) {
          if (name !== null) checkName(name)
        }
      },
    ),
  )
})
