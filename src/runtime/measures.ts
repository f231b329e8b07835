/** The measures of the master's own process, from Node and proc(5). */

import { readdirSync, readFileSync } from 'node:fs'
import type { ProcessMeasures } from '../core/sight.ts'

export function processMeasures(startedAt: string): ProcessMeasures {
  const { user, system } = process.cpuUsage()
  return {
    startedAt,
    cpuSeconds: (user + system) / 1e6,
    residentMemory: process.memoryUsage.rss(),
    openDescriptors: readdirSync('/proc/self/fd').length,
    maxDescriptors: maxDescriptors(),
  }
}

/** The soft limit, or null where there is none. */
function maxDescriptors(): number | null {
  const match = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
  return match ? Number(match[1]) : null
}
