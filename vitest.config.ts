import { defineConfig } from 'vitest/config'

/**
 * With AUTOUP_BRIEF, as `.ci/run` sets it for the other versions of Node: without what takes long and asks the same of
 * each of them, and of the e2e tests those that lean on Node itself.
 */
const isBrief = process.env.AUTOUP_BRIEF !== undefined
const LONG = [
  'cli/completion',
  'core/**/*',
  'fetchers/npm',
  'runtime/stager/mutations',
  'support/*',
  'testing/*',
  'trust/fuzz',
]
const ON_NODE = ['node-plain', 'pid-one', 'signals', 'sockets']

/** Two projects: `unit` runs in milliseconds per file, `e2e` starts real masters and real daemons. */
export default defineConfig({
  test: {
    projects: [
      {
        // The parts of the preload are .cts, which Vite takes for something else.
        oxc: { include: /\.c?ts$/ },
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', ...(isBrief ? LONG.map((name) => `test/${name}.test.ts`) : [])],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: isBrief ? ON_NODE.map((name) => `test/e2e/${name}.test.ts`) : ['test/e2e/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Each file starts masters and loads of its own; more at a time would only wait for each other.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
