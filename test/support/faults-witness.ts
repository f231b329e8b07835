/**
 * Builds that bear witness: a whole one has a token in each of many files, and says at every start which build it is
 * and whether all of them were there. So a build of which only a part was on disk cannot have run unseen.
 */

import { existsSync, readFileSync } from 'node:fs'
import { type Artifact, archive, nodeServer } from './builds.ts'

const FILES = 12

export interface Testimony {
  readonly build: string
  readonly version: string
  readonly isWhole: boolean
}

/** A `.tar.gz` whose server writes into `report` before it serves. */
export function witness(version: string, report: string): Artifact {
  const names = Array.from({ length: FILES }, (_, index) => `token-${index}`)
  const first = `
const fs = require('fs')
const isWhole = ${JSON.stringify(names)}.every((name) => {
  try { return fs.readFileSync(process.env.AUTOUP_BUILD_DIR + '/' + name, 'utf8') === ${JSON.stringify(version)} } catch { return false }
})
const { AUTOUP_BUILD: build } = process.env
fs.appendFileSync(${JSON.stringify(report)}, JSON.stringify({ build, version: ${JSON.stringify(version)}, isWhole }) + '\\n')
`
  return archive(nodeServer({ version, first }), Object.fromEntries(names.map((name) => [name, version])))
}

/** What has been said so far. */
export function testimonies(report: string): Testimony[] {
  if (!existsSync(report)) return []
  const lines = readFileSync(report, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Testimony)
}
