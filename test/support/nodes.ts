/**
 * The Nodes that the apps of a test run on: the one that runs the tests, and those of `AUTOUP_TEST_NODES`, such as
 * `/path/to/node:/another`. The version comes first, for the name of the test.
 */

import { execFileSync } from 'node:child_process'

export const NODES: readonly (readonly [version: string, path: string])[] = [
  process.execPath,
  ...(process.env.AUTOUP_TEST_NODES ?? '').split(':').filter(Boolean),
].map((path) => [execFileSync(path, ['--version']).toString().trim(), path])
