/** Cases of other tools, out of ../shared/data; where tools disagree on purpose (`policy`) our own decision counts. */

import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type ArtifactPlatform, chooseArtifact } from '../../src/core/artifact/choice.ts'

interface Case {
  readonly id: string
  readonly os: string
  readonly arch: string
  readonly libc?: ArtifactPlatform['libc']
  readonly project: string
  readonly preferName?: string
  readonly match?: string
  readonly matchRegex?: string
  readonly archiveOnly?: boolean
  readonly assets: readonly string[]
  readonly expected: string | null
  readonly acceptAnyOf?: readonly string[]
  readonly policy?: string
}

const FILE = fileURLToPath(new URL('../../../shared/data/asset-cases.json', import.meta.url))
const isHere = existsSync(FILE)
const RIGHT_AT_LEAST = 0.98
const WRONG_AT_MOST = 0.01

test.skipIf(!isHere)(
  `at least 98 % of the undisputed cases are right and at most 1 % wrong${isHere ? '' : ' (skipped: ../shared/data/asset-cases.json is not here)'}`,
  () => {
    const cases = (JSON.parse(readFileSync(FILE, 'utf8')) as Case[]).filter(({ policy }) => policy === undefined)
    const misses = cases.map((each) => ({ each, got: answer(each) })).filter(({ each, got }) => !isRight(each, got))
    const wrong = misses.filter(({ got }) => got !== null)
    for (const { each, got } of misses) {
      console.log(`${each.id} ${each.os}/${each.arch}/${each.libc ?? '-'}: ${got ?? 'refused'}, not ${each.expected}`)
    }
    expect(cases.length).toBeGreaterThan(0)
    expect(1 - misses.length / cases.length).toBeGreaterThanOrEqual(RIGHT_AT_LEAST)
    expect(wrong.length / cases.length).toBeLessThanOrEqual(WRONG_AT_MOST)
  },
)

function answer({ os, arch, libc, assets, project, preferName, match, matchRegex, archiveOnly }: Case): string | null {
  const hints = {
    project,
    ...(preferName === undefined ? {} : { preferName }),
    ...(match === undefined ? {} : { match }),
    ...(matchRegex === undefined ? {} : { matchRegex }),
    ...(archiveOnly === undefined ? {} : { archiveOnly }),
  }
  return chooseArtifact(assets, { os, arch, libc: libc ?? null }, hints).choice
}

function isRight({ expected, acceptAnyOf }: Case, got: string | null): boolean {
  return got === expected || (got !== null && acceptAnyOf?.includes(got) === true)
}
