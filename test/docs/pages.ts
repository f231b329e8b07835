/**
 * The pages that a user reads, and the command lines in them. What is indented by four or fenced as `sh` is typed into a
 * shell; of a `console` what follows `$`. Anything else stands in a fence of its own language.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

export const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'bench/README.md',
  ...['docs', 'examples'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  ),
]

export function readPage(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8')
}

export interface Line {
  readonly text: string
  /** The configuration that the page shows above it, or null. */
  readonly config: string | null
}

/** `autoup …` at the start of an indented or fenced line, and in backquotes where more than a name stands there. */
export function autoupLines(page: string): Line[] {
  const found = new Map<string, Line>()
  let config: string | null = null
  for (const [, json, block, span] of readPage(page).matchAll(
    /```json\n([\s\S]*?)```|^(?: {4})?(?:sudo |\$ )?((?:[A-Z_]+=\S+ )*autoup .*)$|`(autoup [^`\s]+\s[^`]+)`/gm,
  )) {
    // Other JSON is a manifest, or an answer.
    if (json !== undefined && /"(?:apps|fetch)"/.test(json)) config = json
    // What stands behind `…` or `--` is the reader's.
    const text = (block ?? span)
      ?.replace(/\s+/g, ' ')
      .replace(/\s+(?:#|&&|\|)\s.*$/, '')
      .trim()
    if (text !== undefined && !/^autoup: |…|--$/.test(text)) found.set(text, { text, config })
  }
  return [...found.values()]
}

/** In their order, without comments and `sudo`; one that goes on after a backslash is one. */
export function shellLines(page: string): string[] {
  const blocks = readPage(page).matchAll(/^```(\w+)\n([\s\S]*?)^```$|^ {4}((?=\S)(?:.*\\\n)*.*)$/gm)
  return [...blocks]
    .flatMap(([, language, fenced = '', indented]) => {
      if (indented !== undefined) return [indented]
      if (language === 'console') return [...fenced.matchAll(/^\$ (.*)$/gm)].map(([, line = '']) => line)
      return language === 'sh' ? fenced.trim().split(/(?<!\\)\n/) : []
    })
    .map((line) =>
      line
        .replaceAll(/(?:\\?\s)+/g, ' ')
        .replace(/ #.*$/, '')
        .replaceAll('sudo ', ''),
    )
}
