/** What the pipeline's ends mean: a candidate, a refusal, a restart, or nothing. */

import { type Build, type BuildId, nameOf, refusalOf } from './build.ts'
import { unreachable } from './errors.ts'
import type { CheckResult } from './events.ts'
import type { Remembered } from './ledger.ts'
import { type PipelineEvent, type PipelineStep, type Poke, type StagerReport, stepPipeline } from './pipeline.ts'
import { heldBy, heldSentence, quarantine } from './quarantine.ts'
import { raiseRatchet } from './ratchet.ts'
import { LIMITS } from './settings.ts'
import { shownSource } from './source.ts'
import { homeOf, type Turn } from './turn.ts'
import { whatServes } from './verdicts.ts'

export function tickPipeline(turn: Turn): void {
  drive(turn, { type: 'tick' })
}

/** Asks for a check out of turn. */
export function poke(turn: Turn, kind: Poke): void {
  drive(turn, { type: 'poke', poke: kind })
}

export function onStager(turn: Turn, report: StagerReport): void {
  if (report.type === 'found') turn.emit({ type: 'release-found', version: report.version, name: report.name })
  const { pipeline } = turn.state
  if (report.type === 'fetched' && pipeline?.state === 'fetching' && pipeline.version !== null) {
    turn.emit({ type: 'release-fetched', version: pipeline.version })
  }
  drive(turn, report)
}

function drive(turn: Turn, event: PipelineEvent): void {
  const { pipeline, promotion, stop, policy } = turn.state
  if (!pipeline) return
  const busy = promotion !== null || stop !== null
  const step = stepPipeline(pipeline, event, turn.now.ms, { intervalMs: policy.intervalMs, busy })
  if (step.pipeline !== pipeline) turn.set({ pipeline: step.pipeline })
  if (step.start) {
    if (step.start.asked) turn.emit({ type: 'check-started', source: shownSource(policy.source ?? '') })
    turn.do({ type: 'stage', asked: step.start.asked })
  }
  if (!step.end) return
  // When somebody asked once more while this check ran, the next one answers for both.
  const isAnswer = step.end.asked !== null && step.pipeline.poke === null
  // With nothing to run, the first check that finds only what failed before is to say so, though nobody asked.
  const isFirst = turn.state.lastCheck === null && homeOf(turn.state) === null
  onEnd(turn, step.end, isAnswer, isAnswer || isFirst)
  if (isAnswer) turn.set({ restartsWhenUnchanged: false })
  if (!turn.state.isCheckOutdated) return
  turn.set({ isCheckOutdated: false })
  turn.note({ ...turn.state.ledger, known: null })
}

function onEnd(
  turn: Turn,
  { report, asked }: NonNullable<PipelineStep['end']>,
  isAnswer: boolean,
  tellsHeld: boolean,
): void {
  const held =
    report.type === 'staged' && asked !== 'again'
      ? heldBy(turn.state.ledger, report.build.id, turn.state.policy.launch)
      : null
  switch (report.type) {
    case 'unchanged': {
      const { build, refusal } = turn.state.ledger.known ?? { build: null, refusal: null }
      remember(turn, report.known, build, refusal)
      if (refusal) {
        note(turn, 'unchanged', refusalOf(refusal), null)
        return tellsHeld ? settleRefused(turn, refusal) : undefined
      }
      const before = build === null ? null : heldBy(turn.state.ledger, build, turn.state.policy.launch)
      if (before) return onHeld(turn, before, tellsHeld)
      return onNothingNew(turn, asked, isAnswer)
    }
    case 'incomplete':
      note(turn, 'incomplete', report.message, asked)
      if (isAnswer) turn.settle('upgrade', 'incomplete', report.message)
      return
    case 'error':
      note(turn, 'error', report.message, asked)
      if (isAnswer) turn.settle('upgrade', 'failed', report.message)
      return
    case 'held':
      remember(turn, report.known, report.build)
      return onHeld(turn, report, tellsHeld)
    case 'refused':
      return onRefused(turn, report)
    case 'staged':
      if (report.build.id === homeOf(turn.state)?.id) {
        remember(turn, report.known, report.build.id)
        withdrawCandidate(turn, report.build, isAnswer)
        // Who removes a build that serves may have removed the record and the links with it.
        turn.note(turn.state.ledger)
        onAnotherName(turn, report.build)
        return onNothingNew(turn, asked, isAnswer)
      }
      if (held) {
        remember(turn, report.known, report.build.id)
        return onHeld(turn, held, tellsHeld)
      }
      return onStaged(turn, report, asked)
    default:
      return unreachable(report)
  }
}

type End<T extends StagerReport['type']> = Extract<StagerReport, { type: T }>

function onNothingNew(turn: Turn, asked: Poke | null, isAnswer: boolean): void {
  const home = homeOf(turn.state)
  const here = turn.state.ledger.candidate?.build ?? home
  const newest = here ? `${nameOf(here)} is the newest` : ''
  note(turn, 'unchanged', newest, asked)
  if (asked !== null && turn.state.ledger.candidate) {
    // Staged before, and held up by a pause or a back-off: that is what the operator wants now.
    return turn.set({ isInsisted: true, candidateAt: turn.now.ms })
  }
  if (!isAnswer) return
  if (turn.state.restartsWhenUnchanged) turn.set({ isRestartWanted: true })
  turn.settle('upgrade', 'unchanged', newest ? `nothing new: ${newest}` : 'nothing new', home?.version ?? null)
}

/** What waited for its turn is not what the source has any more: that is what runs. */
function withdrawCandidate(turn: Turn, offered: Build, isAnswer: boolean): void {
  const { ledger, isInsisted } = turn.state
  const { candidate } = ledger
  if (candidate === null || candidate.build.id === offered.id) return
  const message = `${nameOf(candidate.build)} is withdrawn: the source has ${nameOf(offered)} again, which runs`
  turn.emit({ type: 'check-finished', result: 'unchanged', message })
  turn.set({ ledger: { ...ledger, candidate: null }, isInsisted: false })
  // Who waited for that candidate is not always who asked for this check.
  if (isInsisted && !isAnswer) turn.settle('upgrade', 'unchanged', message, offered.version)
}

/** The bytes that run were published as another version: that is in service now. An embedded program says its own. */
function onAnotherName(turn: Turn, { version, proofs }: Build): void {
  const { policy, ledger } = turn.state
  const { committed, ratchet } = ledger
  if (policy.isEmbedded || committed === null || committed.version === version) return
  const message = `${version} has the bytes of ${nameOf(committed)}, which runs: it is called so from now on`
  turn.emit({ type: 'check-finished', result: 'unchanged', message })
  turn.note({
    ...ledger,
    committed: { ...committed, version, proofs },
    floor: version,
    ratchet: raiseRatchet(ratchet, proofs),
  })
}

function onHeld(
  turn: Turn,
  { version, build, reason }: Pick<End<'held'>, 'version' | 'build' | 'reason'>,
  isTold: boolean,
): void {
  const message = heldSentence({ build, version, reason })
  note(turn, 'unchanged', message, isTold ? 'plain' : null)
  if (!isTold) return
  if (turn.state.restartsWhenUnchanged) turn.set({ isRestartWanted: true })
  const rule = turn.state.ledger.quarantine.find((entry) => entry.build === build)?.rule
  turn.settle('upgrade', rule === 'bytes' ? 'refused' : 'quarantined', message, version)
}

function onRefused(turn: Turn, { build, version, reason, known }: End<'refused'>): void {
  const { policy, ledger } = turn.state
  remember(turn, known, build, build === null ? { version, reason } : null)
  note(turn, 'release', refusalOf({ version, reason }), null)
  turn.emit({ type: 'build-refused', build: build ?? '', version, reason })
  if (build !== null) {
    turn.note(
      quarantine(
        turn.state.ledger,
        { id: build, version },
        { reason, rule: 'bytes', launch: policy.launch, at: turn.now.iso },
      ),
    )
    turn.emit({ type: 'build-quarantined', build, version, reason })
  } else if (ledger !== turn.state.ledger) turn.note(turn.state.ledger)
  if (!turn.state.isCheckOutdated) settleRefused(turn, { version, reason })
}

function settleRefused(turn: Turn, { version, reason }: Pick<End<'refused'>, 'version' | 'reason'>): void {
  turn.settle('upgrade', 'refused', `${refusalOf({ version, reason })}; ${whatServes(turn)}`, version)
}

function onStaged(turn: Turn, { build, known }: End<'staged'>, asked: Poke | null): void {
  remember(turn, known, build.id)
  note(turn, 'release', `${nameOf(build)} is staged`, null)
  const waiting = turn.state.ledger.candidate
  const attemptsLeft = asked === 'again' ? 1 : waiting?.build.id === build.id ? waiting.attemptsLeft : LIMITS.attempts
  turn.note({ ...turn.state.ledger, candidate: { build, attemptsLeft } })
  // Whoever insisted on the one before waits for this one now.
  const isInsisted = asked !== null || turn.state.isInsisted
  turn.set({ candidateAt: turn.now.ms, isInsisted, restartsWhenUnchanged: false })
  turn.emit({ type: 'build-staged', build: build.id, version: build.version, proofs: build.proofs })
}

function remember(turn: Turn, value: unknown, build: BuildId | null, refusal: Remembered['refusal'] = null): void {
  const { source, look } = turn.state.policy
  if (source !== null) turn.set({ ledger: { ...turn.state.ledger, known: { source, look, value, build, refusal } } })
}

/** Says it once: a check that ends as the one before did is silent, unless somebody asked. */
function note(turn: Turn, result: CheckResult, message: string, asked: Poke | null): void {
  const before = turn.state.lastCheck
  turn.set({ lastCheck: { at: turn.now.iso, result, message } })
  const isNews =
    result !== 'unchanged' && result !== 'release' && (before?.result !== result || before.message !== message)
  if (asked !== null || isNews) turn.emit({ type: 'check-finished', result, message })
}
