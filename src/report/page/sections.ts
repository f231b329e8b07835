/**
 * The parts of the page that change, from what a master can show of itself. Pure; each part is an element's content.
 */

import type { Sight } from '../../core/sight.ts'
import type { BudgetStatus, Status } from '../../core/status.ts'
import { sentence } from '../sentence.ts'
import { head, tiles } from './head.ts'
import { type Html, html } from './html.ts'
import { digest, time, titleOf } from './parts.ts'
import { releases } from './releases.ts'
import { workers } from './workers.ts'

/** Lines of the log. */
const LINES = 30

/** By the id of the element. */
export function sections(sight: Sight): Readonly<Record<SectionId, Html>> {
  return {
    head: head(sight),
    tiles: tiles(sight.status),
    workers: workers(sight.status),
    releases: releases(sight),
    held: held(sight.status),
    checks: checks(sight),
    log: log(sight),
  }
}

export type SectionId = 'head' | 'tiles' | 'workers' | 'releases' | 'held' | 'checks' | 'log'

function held({ quarantine }: Status): Html {
  if (quarantine.length === 0) return html`<p class="none">Nothing is held back.</p>`
  return html`<ul class="held">${quarantine.map(
    ({ build, version, reason, at }) => html`<li data-key="q${build}"><strong>${titleOf({ build, version })}</strong>
${digest({ build, version })} ${time(at)}<p>${reason}</p></li>`,
  )}</ul>`
}

const RESULTS = {
  unchanged: 'nothing new',
  release: 'a release',
  incomplete: 'not whole yet',
  error: 'failed',
} as const
const CHECK_WIDTH = 10
const CHECKS_SHOWN = 40

function checks({ status, checks: all }: Sight): Html {
  const { source, lastCheck, nextCheckAt } = status
  if (source === null) return html`<p class="none">The command is supervised as it is: there is no source to check.</p>`
  if (lastCheck === null) return html`<p class="none">Not checked yet.</p>`
  const failed = all.filter(({ result }) => result === 'error').length
  const ticks = all.slice(-CHECKS_SHOWN).map(({ result, at, message }, index) => {
    const text = `${at.slice(11, 19)} UTC: ${RESULTS[result]}${message && `, ${message}`}`
    return html`<rect class="${result}" x="${index * CHECK_WIDTH}" width="7" height="24" rx="2"><title>${text}</title></rect>`
  })
  const width = CHECKS_SHOWN * CHECK_WIDTH
  return html`<svg class="checks" preserveAspectRatio="xMinYMid" viewBox="0 0 ${width} 24" role="img" aria-label="The last ${all.length} checks, of which ${failed} failed">${ticks}</svg>
<p>Checked ${time(lastCheck.at)}: <strong>${RESULTS[lastCheck.result]}</strong>${lastCheck.message !== '' && html`, ${lastCheck.message}`}</p>
${nextCheckAt !== null && html`<p>The next is ${time(nextCheckAt)}.</p>`}
${status.budget && budget(status.budget)}`
}

function budget({ limit, remaining, resetAt, blockedUntil }: BudgetStatus): Html {
  return html`
${resetAt !== null && html`<p>The source allows ${remaining ?? '?'} of ${limit ?? '?'} calls more; all are back ${time(resetAt)}.</p>`}
${blockedUntil !== null && html`<p class="warn">It wants to be left alone; that ends ${time(blockedUntil)}.</p>`}`
}

function log({ events }: Sight): Html {
  const lines = events.slice(-LINES).reverse()
  if (lines.length === 0) return html`<p class="none">Nothing yet.</p>`
  return html`<ol class="log">${lines.map((event) => {
    const { subject, weight, text } = sentence(event)
    return html`<li class="${weight}" data-key="e${event.sequence}">${time(event.at)} <b>${subject}</b> <span>${text}</span></li>`
  })}</ol>`
}
