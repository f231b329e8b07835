/** How src/report shows a master that is asked for its metrics or its page; loaded when it is. */

import type { Presenters } from '../runtime/presenters.ts'
import { version } from './version.ts'

export const presenters: Presenters = {
  async metrics() {
    const { METRICS_TYPE, metricsText } = await import('../report/metrics.ts')
    const about = { version: version(), node: process.version }
    return { contentType: METRICS_TYPE, text: (measures) => metricsText(measures, about) }
  },
}
