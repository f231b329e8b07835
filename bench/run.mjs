/**
 * The budgets of the design, measured side by side in one run: `npm run bench [-- --long] [-- NAME…]`. Prints a table in
 * Markdown. Ratios and spreads, never single times: the machine is shared and noisy.
 */

import { measures } from './measures.mjs'

const args = process.argv.slice(2)
const isLong = args.includes('--long')
const wanted = args.filter((arg) => !arg.startsWith('--'))
const rows = []
for (const measure of measures) {
  if (wanted.length > 0 && !wanted.includes(measure.name)) continue
  process.stderr.write(`${measure.name} …\n`)
  rows.push(...(await measure.run(isLong)))
}
console.log('| what | budget | median (least – most) | repetitions |')
console.log('|---|---|---|---|')
for (const { what, budget, value, repetitions } of rows)
  console.log(`| ${what} | ${budget} | ${value} | ${repetitions} |`)
process.exit(0)
