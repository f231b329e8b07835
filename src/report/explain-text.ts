/** `autoup explain` for a person: every file of a release with why, or why not; the one that is chosen is marked. */

import type { ArtifactChoice } from '../core/artifact/choice.ts'
import { clean } from './clean.ts'
import type { Paint } from './color.ts'

const MARK = '→'
/** Names longer than this do not push the reasons of all others away. */
const MAX_COLUMN = 64

/** Ends with a line feed; empty without files. */
export function explainText({ choice, candidates }: ArtifactChoice, paint: Paint): string {
  const names = candidates.map(({ name }) => clean(name))
  const width = Math.max(0, ...names.map(({ length }) => length).filter((length) => length <= MAX_COLUMN))
  // Two artifacts of a manifest may be one file.
  const chosen = candidates.findIndex(({ name }) => name === choice)
  return candidates
    .map(({ score, reasons }, at) => {
      const padded = (names[at] as string).padEnd(width)
      const why = clean(reasons.join(', '))
      if (at === chosen) return `${paint('green', `${MARK} ${padded}`)}  ${why}\n`
      return score > 0 ? `  ${padded}  ${why}\n` : `${paint('dim', `  ${padded}  ${why}`)}\n`
    })
    .join('')
}
