/** The workers on the page, newest generation first, with what the kernel says of each. */

import { formatSize } from '../../core/duration.ts'
import type { Status, WorkerStatus } from '../../core/status.ts'
import { type Html, html } from './html.ts'
import { time, titleOf } from './parts.ts'

export function workers(status: Status): Html {
  const { workers: all, generation: serving } = status
  if (all.length === 0) return html`<p class="none">No worker runs.</p>`
  const generations = [...new Set(all.map(({ generation }) => generation))].sort((a, b) => b - a)
  const most = Math.max(1, ...all.map(({ connections }) => connections ?? 0))
  return html`<table role="table"><caption class="hidden">Workers by generation</caption>
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">pid</th><th role="columnheader" scope="col">state</th>
<th role="columnheader" scope="col">connections</th><th role="columnheader" scope="col">memory</th>
<th role="columnheader" scope="col">restarts</th><th role="columnheader" scope="col">says</th></tr></thead>
${generations.map((generation) => {
  const own = all.filter((worker) => worker.generation === generation)
  return html`<tbody role="rowgroup" data-key="g${generation}"><tr role="row" class="generation"><th role="rowheader" scope="rowgroup" colspan="6">
generation ${generation} <span class="version">${own[0] ? titleOf(own[0]) : ''}</span> ${role(own, generation === serving)}</th></tr>
${own.map((worker) => workerRow(worker, most))}</tbody>`
})}</table>`
}

function role(own: readonly WorkerStatus[], isServing: boolean): string {
  if (own.every(({ state }) => state === 'draining')) return 'finishes what is in flight'
  return isServing ? 'serves' : 'starts'
}

const WORKER_TONES: Readonly<Record<WorkerStatus['state'], string>> = {
  ready: 'good',
  starting: 'busy',
  draining: 'quiet',
  'back-off': 'bad',
}

function workerRow(worker: WorkerStatus, most: number): Html {
  const { pid, state, since, connections, memory, restarts, status } = worker
  return html`<tr role="row"${pid !== null && html` data-key="w${pid}"`}>
<td role="cell" data-label="pid">${pid ?? 'none'}</td>
<td role="cell" data-label="state"><span class="pill ${WORKER_TONES[state]}">${state}</span> <span class="since">${time(since)}</span></td>
<td role="cell" data-label="connections" class="connections">${connections === null ? '–' : bar(connections, most)}</td>
<td role="cell" data-label="memory">${memory === null ? '–' : formatSize(memory)}</td>
<td role="cell" data-label="restarts">${restarts}</td>
<td role="cell" data-label="says" class="says ${status === '' && 'empty'}">${status || '–'}</td></tr>`
}

/** Its width is an attribute, for the policy of the page allows no inline style. */
function bar(connections: number, most: number): Html {
  const width = ((connections / most) * 100).toFixed(1)
  return html`<span class="count">${connections}</span>
<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="8" rx="2"/>
<rect class="fill" width="${width}" height="8" rx="2"/></svg>`
}
