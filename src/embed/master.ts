/** The master of a program that is its own; loaded in that process alone. */

import { processIo } from '../cli/io.ts'
import { presenters } from '../cli/presenters.ts'
import type { Stamped } from '../core/events.ts'
import { createReporter } from '../report/reporter.ts'
import { runMaster } from '../runtime/master.ts'
import { storePaths } from '../store/layout.ts'
import type { RunConfig } from './config.ts'
import { embeddedSettings } from './embedded-settings.ts'

/** The exit status. Throws AutoupError when it cannot start. */
export async function master(config: RunConfig): Promise<number> {
  // A master has nothing to say on stdout.
  const io = processIo(() => undefined)
  try {
    const settings = await embeddedSettings(config, io)
    const paths = storePaths(settings.stateDir, settings.name)
    const report = createReporter(settings.logFormat, io.stderr)
    const { preUpgrade, version = null } = config
    if (settings.source === null) return await runMaster(settings, report, presenters)
    const { prepare } = await import('./prepare.ts')
    const { warnings, onServing } = await prepare(settings, paths, version)
    const reporting = onServing === null ? report : whenServing(report, onServing)
    return await runMaster(settings, reporting, presenters, { preUpgrade, warnings })
  } finally {
    await io.end()
  }
}

/** Calls once, when the first worker is ready. */
function whenServing(report: (event: Stamped) => void, then: () => void): (event: Stamped) => void {
  let isServing = false
  return (event) => {
    report(event)
    if (event.type !== 'worker-ready' || isServing) return
    isServing = true
    then()
  }
}
