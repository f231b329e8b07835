/** What a master is at just now, in half a sentence: the headline of the status and of the page. */

import { nameOf } from '../core/build.ts'
import type { BuildStatus, Standing } from '../core/status.ts'

/** Not cleaned: versions are the source's words. */
export function stateSentence(status: Omit<Standing, 'lastCheck' | 'nextCheckAt'>): string {
  const { state, paused, workers, instances } = status
  const home = title(status.current)
  const next = title(status.candidate)
  switch (state) {
    case 'idle': {
      const ready = workers.filter((worker) => worker.state === 'ready').length
      if (ready === 0) return workers.length === 0 ? 'nothing serves yet' : 'no worker is ready'
      if (ready < instances) return `${ready} of ${instances} workers serve`
      return home === null ? 'the command serves' : `${home} serves`
    }
    case 'checking':
      return 'asks the source what is there'
    case 'fetching':
      return 'fetches a release'
    case 'verifying':
      return 'verifies a release'
    case 'staged':
      return `${next ?? 'a build'} is staged and ${paused ? 'waits for `autoup resume`' : 'is next'}`
    case 'promoting':
      if (next === null) return 'new workers start beside the old ones'
      return home === null ? `${next} starts` : `${next} starts beside ${home}`
    case 'probation':
      return `${next ?? 'the new build'} serves, and is watched`
    case 'rolling-back':
      return `goes back to ${home ?? 'the build before'}`
    case 'stopping':
      return 'finishes what is in flight, and stops'
  }
}

/** Null for none, and for the bare command. */
function title(build: BuildStatus | null): string | null {
  return build === null || build.build === 'command' ? null : nameOf({ id: build.build, version: build.version })
}
