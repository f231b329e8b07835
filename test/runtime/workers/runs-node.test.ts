import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runsNode } from '../../../src/runtime/workers/runs-node.ts'
import { temporaryDirectory } from '../../support/master.ts'

function script(text: string): string {
  const path = join(temporaryDirectory(), 'entry')
  writeFileSync(path, text)
  chmodSync(path, 0o755)
  return path
}

test.each([
  ['Node by its name', () => ['/usr/bin/node', 'server.js'], true],
  ['Node behind env', () => ['/usr/bin/env', 'A=b', 'node', 'server.js'], true],
  ['a script of Node', () => [script('#!/usr/bin/env -S node --enable-source-maps\nserve()\n')], true],
  ['a script of a shell that starts Node', () => [script('#!/bin/sh\nnode server.js\n')], false],
  ['another program', () => [process.env.SHELL ?? '/bin/sh'], false],
  ['what is not there', () => ['/nonexistent/app'], false],
] as const)('%s', (_, command, expected) => {
  expect(runsNode(command())).toBe(expected)
})
