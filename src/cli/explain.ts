/**
 * `autoup explain`: which file of a release would be chosen for a platform, and why not the others. With `--names` it
 * asks nobody and works on every system, so that who publishes releases can try names before publishing.
 */

import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { type ArtifactChoice, type ArtifactPlatform, chooseArtifact } from '../core/artifact/choice.ts'
import { AutoupError, errnoOf, messageOf } from '../core/errors.ts'
import { clean } from '../report/clean.ts'
import { hasColor, painter } from '../report/color.ts'
import { explainText } from '../report/explain-text.ts'
import { hostPlatform } from '../runtime/stager/host-platform.ts'
import { type CommandSpec, has, type Input, lastValue } from './command.ts'
import { explainSource } from './explain-source.ts'
import type { Io } from './io.ts'
import { parsePlatform } from './parse-platform.ts'
import { TOKEN_FILE } from './run-options.ts'
import { STATE_DIR } from './where.ts'

/** A thousand names of the greatest length; no release has more. */
const MAX_NAMES_BYTES = 1024 * 1024

export const explain: CommandSpec = {
  name: 'explain',
  description:
    'Says which file of a release would be chosen for a platform, and why not the others. Exits with 1 when none would.',
  takes: 'name',
  word: '[SPEC]',
  options: [
    { flag: 'names', value: 'FILE', help: 'the names of the files, one per line; - for stdin' },
    { flag: 'platform', value: 'OS/ARCH[/LIBC]', help: 'for this platform', default: 'the one it runs on' },
    { flag: 'project', value: 'NAME', help: 'files of this program come before those of others' },
    TOKEN_FILE,
    STATE_DIR,
    { flag: 'json', help: 'as JSON, a stable contract' },
  ],
  examples: [
    ['autoup explain github:org/app', 'what would run here, of the newest release'],
    ['autoup explain --names names.txt --platform linux/arm64/musl', 'before publishing; asks nobody'],
    ['ls dist | autoup explain --names - --json | jq -r .choice', 'the same for a script'],
  ],
  async run(input, io) {
    const platform = platformOf(input)
    const project = lastValue(input, 'project')
    const choice =
      input.name !== undefined && lastValue(input, 'names') === undefined
        ? await explainSource(input.name, platform, input, io)
        : chooseArtifact(await namesOf(input, io), platform, project === undefined ? {} : { project })
    show(choice, input, io)
    if (choice.refusal !== null) throw new AutoupError('failed', clean(choice.refusal))
    return 0
  },
}

function platformOf(input: Input): ArtifactPlatform {
  const host = hostPlatform()
  const given = lastValue(input, 'platform')
  return given === undefined ? host : parsePlatform(given, host)
}

async function namesOf(input: Input, io: Io): Promise<string[]> {
  const file = lastValue(input, 'names')
  const source = input.name
  if (file !== undefined && source !== undefined) {
    throw new AutoupError('usage', `'${source}' and --names both say which files there are: give one of them`)
  }
  if (file !== undefined) return readNames(file, io.cwd)
  throw new AutoupError(
    'usage',
    'nothing to explain: give a release source, or the names of its files with --names FILE',
  )
}

function show(choice: ArtifactChoice, input: Input, io: Io): void {
  if (has(input, 'json')) {
    const { choice: name, candidates } = choice
    io.stdout.write(`${JSON.stringify({ choice: name, candidates })}\n`)
  } else {
    io.stdout.write(explainText(choice, painter(hasColor(io.stdout.isTTY === true, io.env))))
  }
}

async function readNames(file: string, cwd: string): Promise<string[]> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of file === '-' ? process.stdin : createReadStream(resolve(cwd, file))) {
      chunks.push(Buffer.from(chunk))
      size += chunk.length
      if (size > MAX_NAMES_BYTES) break
    }
  } catch (error) {
    throw new AutoupError(
      'usage',
      `the names in '${file}' cannot be read: ${errnoOf(error) === 'ENOENT' ? 'there is no such file' : messageOf(error)}`,
      { cause: error },
    )
  }
  if (size > MAX_NAMES_BYTES) {
    throw new AutoupError('usage', `'${file}' has more than ${MAX_NAMES_BYTES} bytes: one name per line is expected`)
  }
  const text = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/^\uFEFF/, '')
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
}
