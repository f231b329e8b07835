/**
 * The budgets of the design, measured side by side in one run: `npm run bench [-- --long] [-- NAME…]`. Prints a table in
 * Markdown. Ratios and spreads, never single times: the machine is shared and noisy.
 */

import { measures } from './measures.mjs'

const args = process.argv.slice(2)
const isLong = args.includes('--long')
const wanted = args.filter((arg) => !arg.startsWith('--'))
const names = measures.map(({ name }) => name)
const unknown = wanted.find((name) => !names.includes(name))
if (unknown !== undefined) {
  process.stderr.write(`bench: there is no ${unknown} among ${names.join(', ')}\n`)
  process.exit(2)
}
const rows = []
/** Of measures that have columns of their own. */
const tables = []
for (const measure of measures) {
  if (wanted.length > 0 && !wanted.includes(measure.name)) continue
  process.stderr.write(`${measure.name} …\n`)
  const result = await measure.run(isLong)
  if (Array.isArray(result)) rows.push(...result)
  else tables.push(result)
}
if (rows.length > 0) {
  const cells = rows.map(({ what, budget, value, repetitions }) => [what, budget, value, repetitions])
  tables.unshift({ head: ['what', 'budget', 'median (least – most)', 'repetitions'], rows: cells })
}
for (const { head, rows } of tables) {
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  console.log(`${lines.join('\n')}\n`)
}
process.exit(0)
