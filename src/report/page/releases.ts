/** The timeline of releases on the page. */

import { formatSize } from '../../core/duration.ts'
import type { Sight } from '../../core/sight.ts'
import { placesOf } from '../places.ts'
import { type Html, html } from './html.ts'
import { digest, proofs, time } from './parts.ts'
import { type TimelineEntry, timeline } from './timeline.ts'

export function releases(sight: Sight): Html {
  const entries = timeline(sight)
  if (entries.length === 0) return html`<p class="none">No release yet.</p>`
  const { isOnTrial } = placesOf(sight.status)
  return html`<ol class="timeline">${entries.map((each) => entry(each, isOnTrial))}</ol>`
}

type Badge = readonly [text: string, tone: string]

const BADGES: Readonly<Record<TimelineEntry['state'], Badge>> = {
  current: ['in service', 'good'],
  previous: ['way back', 'quiet'],
  candidate: ['next', 'busy'],
  quarantined: ['held back', 'bad'],
  kept: ['kept', 'quiet'],
  refused: ['refused', 'bad'],
  gone: ['removed', 'quiet'],
}

/** While a build that is not committed serves. */
const BADGES_ON_TRIAL: Readonly<Record<TimelineEntry['state'], Badge>> = {
  ...BADGES,
  candidate: ['on probation', 'busy'],
  current: BADGES.previous,
  previous: BADGES.kept,
}

function entry(release: TimelineEntry, isOnTrial: boolean): Html {
  const { key, version, build, state, size, proofs: names, reason, moments } = release
  const [text, tone] = (isOnTrial ? BADGES_ON_TRIAL : BADGES)[state]
  const isTold = reason !== null && moments.some(({ what }) => what.includes(reason))
  return html`<li class="${tone}" data-key="r${key}"><h3>${version || (key === 'command' ? 'the command' : build)}
<span class="pill ${tone}">${text}</span></h3>
<p class="facts">${digest({ version, build: build === '' ? '' : key })}
${size !== null && html`<span>${formatSize(size)}</span>`}${names.length > 0 && html`<span>${proofs(names)}</span>`}</p>
${reason !== null && !isTold && html`<p class="bad">${reason}</p>`}
<ul class="moments">${moments.map(({ at, what, tone: kind }) => html`<li class="${kind}">${what} ${time(at)}</li>`)}</ul></li>`
}
