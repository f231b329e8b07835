/**
 * The last means against a worker: SIGKILL to its process group and to everything else in its session. The number of a
 * session outlives its leader and is not used again while a member lives (setsid(2), credentials(7)); so when a living
 * process has that pid and is not the leader we started, no member of ours is left.
 */

import { allPids, type ProcessStat, readStat } from './procfs.ts'

/** A member may fork between the look and the kill; whoever outruns this many rounds is left to the next call. */
const ROUNDS = 10

/** `leader` was started as the leader of its own session; `startTicks` tells it from a later process of that pid. */
export function killSession(leader: number, startTicks: number): void {
  killUntilNone(() => {
    const now = readStat(leader)
    if (now !== null && now.startTicks !== startTicks) return []
    const members = membersOf(leader)
    // First the group, in one stroke that no fork escapes (kill(2)).
    const group = members.some((member) => member.pgrp === leader) ? [-leader] : []
    return [...group, ...members.flatMap((member) => (member.pgrp === leader ? [] : [member.pid]))]
  })
}

/** SIGKILL to whom `find` names, and to those that they have started meanwhile. */
export function killUntilNone(find: () => readonly number[]): void {
  for (let round = 0; round < ROUNDS; round++) {
    const found = find()
    if (found.length === 0) return
    for (const pid of found) kill(pid)
  }
}

/** The pids that still live in the session which this leader began, whether or not it lives itself. */
export function sessionMembers(leader: number, startTicks: number): number[] {
  const now = readStat(leader)
  if (now !== null && now.startTicks !== startTicks) return []
  return membersOf(leader).map((member) => member.pid)
}

function membersOf(leader: number): ProcessStat[] {
  const members: ProcessStat[] = []
  for (const pid of allPids()) {
    const stat = readStat(pid)
    if (stat === null || stat.isDead) continue
    if (stat.session === leader || stat.pgrp === leader) members.push(stat)
  }
  return members
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone meanwhile.
  }
}
