/** What an editor makes of the published schema, by the engine that VS Code and most others have. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { getLanguageService, TextDocument } from 'vscode-json-languageservice'

const ROOT = join(import.meta.dirname, '../..')
const SCHEMA = pathToFileURL(join(ROOT, 'autoup.schema.json')).href

const editor = getLanguageService({
  schemaRequestService: async (uri) => readFileSync(new URL(uri), 'utf8'),
  clientCapabilities: { textDocument: { completion: { completionItem: { documentationFormat: ['plaintext'] } } } },
})

/** `|` is where the caret is. */
function open(text: string, at: RegExp | string = '|') {
  const offset = text.search(at === '|' ? /\|/ : at)
  const shown = text.replace('|', '').replace(/^\{/, `{ "$schema": "${SCHEMA}", `)
  const moved = offset < 0 ? 0 : offset + shown.length - text.replace('|', '').length
  const document = TextDocument.create(`file:///srv/autoup.config.json`, 'json', 1, shown)
  return { document, json: editor.parseJSONDocument(document), position: document.positionAt(moved) }
}

async function completed(text: string): Promise<Map<string, string>> {
  const { document, json, position } = open(text)
  const list = await editor.doComplete(document, position, json)
  return new Map(list?.items.map(({ label, textEdit }) => [label, textEdit?.newText ?? '']))
}

async function hovered(text: string, key: RegExp): Promise<unknown> {
  const { document, json, position } = open(text, key)
  const { contents } = (await editor.doHover(document, position, json)) ?? {}
  return Array.isArray(contents) ? contents.map((each) => String(each).replaceAll('\\', '')).join() : contents
}

async function problems(text: string): Promise<string[]> {
  const { document, json } = open(text)
  return (await editor.doValidation(document, json)).map(
    ({ range, message }) => `${document.getText(range)}: ${message}`,
  )
}

test('an empty configuration is completed to one app or to several', async () => {
  const offered = await completed('{ | }')
  expect([...offered.keys()]).toEqual(expect.arrayContaining(['fetch', 'command', 'name', 'apps', 'ready-timeout']))
  expect(offered.get('ready-timeout')).toMatch(/\{1:30s\}"$/)
  expect(offered.get('instances')).toMatch(/\{1:1\}$/)
})

test('an app of several has all options but its name', async () => {
  const offered = await completed('{ "apps": { "web": { | } } }')
  expect([...offered.keys()]).toContain('strategy')
  expect([...offered.keys()]).not.toContain('name')
  expect([...(await completed('{ "apps": {}, | }')).keys()]).not.toContain('name')
})

test.each([
  ['"strategy": |', ['"blue-green"', '"rolling"', '"exclusive"']],
  ['"ready": |', ['"auto"', '"notify"', '"http:/health"', '"tcp"', '"exec:./is-ready.sh"', '"uptime:3s"']],
  ['"listen": |', ['8080', '"127.0.0.1:8080"', '"unix:/run/app.sock"']],
  ['"listen": [|]', ['8080', '"127.0.0.1:8080"', '"unix:/run/app.sock"']],
  ['"no-preload": |', ['true', 'false']],
  ['"drain-timeout": |', ['"30s"']],
])('%s is completed', async (text, values) => {
  expect([...(await completed(`{ ${text} }`)).keys()]).toEqual(values)
  if (!text.includes('[')) expect([...(await completed(`{ "apps": { "web": { ${text} } } }`)).keys()]).toEqual(values)
})

test('every option says what it is, and its default', async () => {
  expect(await hovered('{ "drain-timeout": "1s" }', /drain/)).toMatch(/killed \(default: 30s\)\.$/)
  expect(await hovered('{ "apps": { "web": { "strategy": "rolling" } } }', /strategy/)).toMatch(
    /\(default: blue-green\)/,
  )
  expect(await hovered('{ "no-preload": true }', /no-preload/)).toMatch(/\(default: false\)/)
  expect(await hovered('{ "apps": { "web": {} } }', /web/)).toMatch(/^One app/)
})

test.each([
  ['{ "lisen": 8080 }', ['"lisen": Property lisen is not allowed.']],
  ['{ "apps": { "web": { "lisen": 1 } } }', ['"lisen": Property lisen is not allowed.']],
  ['{ "name": "a", "apps": { "web": {} } }', ['"name": Property name is not allowed.']],
  ['{ "instances": "2" }', ['"2": Incorrect type. Expected "integer".']],
  ['{ "instances": 0 }', ['0: Value is below the minimum of 1.']],
  ['{ "listen": {} }', ['{}: Incorrect type. Expected one of string, integer, array.']],
  ['{ "listen": 80800 }', ['80800: Value is above the maximum of 65535.']],
  ['{ "strategy": "green" }', [expect.stringContaining('Valid values: "blue-green", "rolling", "exclusive".')]],
  ['{ "interval": "5" }', [expect.stringContaining('(ms|s|m|h|d)')]],
  ['{ "ready": "htp:/x" }', [expect.stringContaining('^(auto|notify|tcp|http:')]],
])('%s is marked', async (text, expected) => {
  expect(await problems(text)).toEqual(expected)
})

test('every configuration that the documentation shows passes', async () => {
  let seen = 0
  for (const page of ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)]) {
    for (const [, text = ''] of readFileSync(join(ROOT, page), 'utf8').matchAll(/```json\n([\s\S]*?)```/g)) {
      if (!/"(?:apps|fetch|command)"/.test(text)) continue
      seen += 1
      expect(await problems(text.replace(/"\$schema": "[^"]*",/, '')), page).toEqual([])
    }
  }
  expect(seen).toBeGreaterThan(1)
})
