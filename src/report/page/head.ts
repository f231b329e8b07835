/** The top of the page: what runs, what the master is at, how far a new build has come, the way back. */

import { formatSize } from '../../core/duration.ts'
import type { Sight } from '../../core/sight.ts'
import type { BuildStatus, MasterState, Status } from '../../core/status.ts'
import { placesOf } from '../places.ts'
import { stateSentence } from '../state-sentence.ts'
import { type Html, html } from './html.ts'
import { digest, proofs, sizeOf, time, titleOf } from './parts.ts'
import { verdict } from './verdict.ts'

const TONES: Readonly<Record<MasterState, string>> = {
  idle: 'good',
  checking: 'good',
  fetching: 'busy',
  verifying: 'busy',
  staged: 'busy',
  promoting: 'busy',
  probation: 'busy',
  'rolling-back': 'bad',
  stopping: 'warn',
}

export function head(sight: Sight): Html {
  const { status } = sight
  const { name, state, pid, since, source, paused, listen } = status
  const version = versionOf(status)
  const serves = status.workers.some((worker) => worker.state === 'ready')
  const tone = serves || state !== 'idle' ? TONES[state] : 'bad'
  return html`
<div class="title"><h1 data-title="${pageTitle(status)}">${name}</h1>
<span class="version">${version}</span>
<span class="pill ${tone}">${state}</span>${paused && html`<span class="pill warn">paused</span>`}</div>
<p class="now" role="status">${stateSentence(status)}</p>
${steps(sight)}${verdict(sight.events)}
<p class="facts"><span>master started ${time(since)}</span><span>pid ${pid}</span>
${source !== null && html`<span>follows <code>${source}</code></span>`}
${listen.map(({ address }) => html`<span>listens on <code>${address}</code></span>`)}</p>`
}

export function pageTitle(status: Status): string {
  return `${[status.name, versionOf(status)].join(' ').trim()} · ${status.state}`
}

/** Of what serves, committed or not; '' of a bare command. */
function versionOf({ workers, generation, current }: Status): string {
  const build = workers.find((worker) => worker.generation === generation) ?? current
  return build === null || build.build === 'command' ? '' : titleOf(build)
}

const STEPS: readonly { readonly name: string; readonly states: readonly MasterState[] }[] = [
  { name: 'fetch', states: ['fetching'] },
  { name: 'verify', states: ['verifying'] },
  { name: 'start', states: ['staged', 'promoting'] },
  { name: 'probation', states: ['probation'] },
  { name: 'commit', states: [] },
]

/** How far a new build has come; nothing where none is on its way. */
function steps({ status, progress }: Sight): Html | null {
  const at = STEPS.findIndex(({ states }) => states.includes(status.state))
  // A restart starts what is there.
  if (at < 0 || (status.state === 'promoting' && status.candidate === null)) return null
  const share = status.state === 'fetching' && progress?.total ? progress.bytes / progress.total : null
  const items = STEPS.map(({ name }, index) => {
    const where = index < at ? 'done' : index === at ? 'here' : 'ahead'
    return html`<li class="${where}"${index === at && html` aria-current="step"`}>${name}</li>`
  })
  const bytes = progress && share !== null ? `${formatSize(progress.bytes)} of ${formatSize(progress.total ?? 0)}` : ''
  return html`<ol class="steps" aria-label="How far the new build has come">${items}</ol>
${share !== null && html`<p class="progress"><progress max="1" value="${share.toFixed(3)}"></progress> ${bytes}</p>`}`
}

export function tiles(status: Status): Html {
  const { source, workers: all } = status
  const { isOnTrial, serving, next, wayBack } = placesOf(status)
  const open = all.reduce((sum, { connections }) => sum + (connections ?? 0), 0)
  const ready = all.filter(({ state }) => state === 'ready').length
  return html`
${tile(isOnTrial ? 'On probation' : 'In service', serving, 'nothing yet')}
${next && tile('Next', next, '')}
${source !== null && tile('Way back', wayBack, 'none: there is no build before this one')}
<div class="tile"><h3>Connections</h3><p class="big">${open}</p>
<p>open, on ${ready} ready ${ready === 1 ? 'worker' : 'workers'}</p></div>`
}

function tile(label: string, build: BuildStatus | null, none: string): Html {
  if (build === null) return html`<div class="tile"><h3>${label}</h3><p class="big">–</p><p>${none}</p></div>`
  if (build.build === 'command')
    return html`<div class="tile"><h3>${label}</h3><p class="big">the command</p><p>as it is, without a source</p></div>`
  const when = build.committedAt ? html`committed ${time(build.committedAt)}` : html`staged ${time(build.stagedAt)}`
  return html`<div class="tile"><h3>${label}</h3><p class="${sizeOf(titleOf(build))}">${titleOf(build)}</p>
<p>${when}</p><p>${proofs(build.proofs)} ${digest(build)}</p></div>`
}
