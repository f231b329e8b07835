/** How src/report shows a master that is asked for its metrics or its page; loaded when it is. */

import type { Presenters } from '../runtime/page/presenters.ts'
import { version } from './version.ts'

export const presenters: Presenters = {
  async metrics() {
    const { METRICS_TYPE, metricsText } = await import('../report/metrics.ts')
    const about = { version: version(), node: process.version }
    return { contentType: METRICS_TYPE, text: (measures) => metricsText(measures, about) }
  },
  async line() {
    return (await import('../report/status-line.ts')).statusLine
  },
  async page() {
    const [{ pageDocument }, { sections }, { PAGE_SCRIPT }, { PAGE_STYLE }] = await Promise.all([
      import('../report/page/document.ts'),
      import('../report/page/sections.ts'),
      import('../report/page/script.ts'),
      import('../report/page/style.ts'),
    ])
    return {
      script: PAGE_SCRIPT,
      style: PAGE_STYLE,
      document: (sight) => pageDocument(sight, version()),
      parts: (sight) => Object.fromEntries(Object.entries(sections(sight)).map(([id, part]) => [id, part.html])),
    }
  },
}
