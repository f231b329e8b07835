/** `autoup logs`: what the master of `autoup start` and its workers have written, also when none runs any more. */

import { existsSync, lstatSync, readdirSync, readlinkSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { AutoupError } from '../core/errors.ts'
import { hasColor, painter } from '../report/color.ts'
import { type CommandSpec, has, type Input, lastValue } from './command.ts'
import type { MasterPlace } from './control-client.ts'
import { mastersFor } from './find-service.ts'
import type { Io } from './io.ts'
import { findLastLines, readLines, shownLine } from './log-lines.ts'
import { atOnce, inTurn } from './outcome.ts'
import { toldToEnd } from './told-to-end.ts'
import { PLACE, stateDirectory } from './where.ts'

const DEFAULT_LINES = 50
const LINK = 'log'

export const logs: CommandSpec = {
  name: 'logs',
  description:
    'Shows the log of a service that was started with autoup start: what its workers print as it is, events as sentences. Without a name: of every app of the configuration, else of every service that runs here.',
  takes: 'name',
  options: [
    { flag: 'follow', help: 'go on with what comes, through rotations, until Ctrl-C' },
    { flag: 'lines', value: 'N', help: 'how many of the last lines', default: String(DEFAULT_LINES) },
    { flag: 'raw', help: 'every line as it is in the file' },
    ...PLACE,
  ],
  examples: [
    ['autoup logs --follow', 'of all that runs here'],
    ['autoup logs web --lines 1000 --raw | grep -v \'^{"at":\'', 'what the workers have printed, without events'],
  ],
  async run(input, io) {
    const count = linesAsked(input)
    const isRaw = has(input, 'raw')
    const places = await placesOf(input, io)
    const paint = painter(hasColor(io.stdout.isTTY === true, io.env))
    const width = Math.max(...places.map(({ name }) => name.length))
    const until = has(input, 'follow') ? toldToEnd() : null
    const showLog = async (place: MasterPlace): Promise<number> => {
      const path = pathOf(place)
      const whose = places.length === 1 ? '' : `${paint('cyan', place.name.padEnd(width))}  `
      const show = (line: string): void => void io.stdout.write(`${whose}${isRaw ? line : shownLine(line, paint)}\n`)
      const last = findLastLines(path, count)
      const copy = `${path}.1`
      readLines(copy, findLastLines(copy, count - last.count), show)
      readLines(path, last, show)
      if (until === null) return 0
      const { followLog } = await import('./follow-log.ts')
      await followLog(path, last.end, show, until)
      return 0
    }
    return await (until ? atOnce : inTurn)(places, io, showLog)
  },
}

function linesAsked(input: Input): number {
  const text = lastValue(input, 'lines')
  if (text === undefined) return DEFAULT_LINES
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new AutoupError('usage', `--lines: '${text}' is not a number of lines`)
}

/** Where the link of the service leads to. */
function pathOf({ name, directory }: MasterPlace): string {
  const link = join(directory, LINK)
  try {
    return realpathSync(link)
  } catch (cause) {
    const hasLink = lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()
    const why = hasLink
      ? `${readlinkSync(link)} is gone; where its directory is there, USR1 to the master makes it anew`
      : existsSync(directory)
        ? `there is none at ${link}; what \`autoup run\` says goes where it was started, see also \`autoup events\``
        : `there is no service of that name in ${directory}`
    throw new AutoupError('failed', `cannot read the log of ${name}: ${why}`, { cause })
  }
}

/** Those of the configuration, or all that run; else the only one that has left a log. */
async function placesOf(input: Input, io: Io): Promise<readonly MasterPlace[]> {
  try {
    return await mastersFor(input, io, 'all')
  } catch (error) {
    if (!(error instanceof AutoupError) || error.code !== 'not-running') throw error
    const stateDir = stateDirectory(input, io)
    const names = existsSync(stateDir)
      ? readdirSync(stateDir).filter((each) => existsSync(join(stateDir, each, LINK)))
      : []
    const [only, ...others] = names.sort()
    if (only === undefined) throw error
    if (others.length === 0) return [{ name: only, directory: join(stateDir, only) }]
    throw new AutoupError('usage', `several services have left a log in ${stateDir}: name one of ${names.join(', ')}`)
  }
}
