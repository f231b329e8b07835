/**
 * How a master is shown, given to it from outside: the runtime knows what there is to show, src/report how it looks.
 * Each part is loaded when somebody asks for it first, for most masters are never asked.
 */

import type { Measures, Sight } from '../../core/sight.ts'
import type { Standing } from '../../core/status.ts'

export interface Presenters {
  metrics(): Promise<MetricsPresenter>
  page(): Promise<PagePresenter>
  /** One line, for a supervisor of the master. */
  line(): Promise<(standing: Standing) => string>
}

export interface MetricsPresenter {
  readonly contentType: string
  text(measures: Measures): string
}

export interface PagePresenter {
  /** The text of its only style sheet and its only script: what the policy of the page allows. */
  readonly style: string
  readonly script: string
  /** A whole HTML document. */
  document(sight: Sight): string
  /** The parts of it that change, by the id of their element. */
  parts(sight: Sight): Readonly<Record<string, string>>
}
