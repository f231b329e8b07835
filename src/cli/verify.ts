/**
 * `autoup verify`: the trust checks alone, on a file that is here, without network and without a store. Works wherever
 * Node does. Each proof is one line; a refusal is one sentence and exit status 5.
 */

import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { AutoupError, EXIT_STATUS } from '../core/errors.ts'
import { clean } from '../report/clean.ts'
import type { Verified } from '../trust/verify-file.ts'
import { type CommandSpec, has, type Input } from './command.ts'
import type { Io } from './io.ts'
import { demandsOf, fileGiven, readable, VERIFY_OPTIONS } from './verify-demands.ts'

export const verify: CommandSpec = {
  name: 'verify',
  description:
    'Verifies a FILE offline, as a download is verified. Exits with 0, or with 5 when it was refused. All that is asked for must hold.',
  takes: 'name',
  word: 'FILE',
  options: [...VERIFY_OPTIONS, { flag: 'json', help: 'as JSON, a stable contract' }],
  examples: [
    ['autoup verify app.tar.gz --sums SHA256SUMS', 'it has a line there, and that is right'],
    ['autoup verify app.tar.gz --public-key app.pub --version 1.4.2', 'app.tar.gz.minisig is beside it'],
  ],
  async run(input, io) {
    const file = fileGiven(input)
    const demands = await demandsOf(input, file, io)
    const path = resolve(io.cwd, file)
    const verified = await readable(file, async () => {
      const stats = await stat(path)
      if (!stats.isFile()) throw new AutoupError('usage', `'${clean(file)}' is no file`)
      const { verifyFile } = await import('../trust/verify-file.ts')
      return verifyFile(path, demands)
    })
    return tell(verified, { file, name: demands.name }, input, io)
  },
}

function tell(verified: Verified, { file, name }: { file: string; name: string }, input: Input, io: Io): number {
  const { size, sha256, checks } = verified
  const reason = verified.verdict === 'refused' ? `${clean(name)} ${clean(verified.problem)}` : null
  const code = reason === null ? 0 : EXIT_STATUS.refused
  if (has(input, 'json')) {
    const said = checks.map(({ proof, message }) => ({ proof, message }))
    io.stdout.write(`${JSON.stringify({ ok: reason === null, file, name, size, sha256, checks: said, reason })}\n`)
    return code
  }
  for (const { message } of checks) io.stdout.write(`ok  ${clean(message)}\n`)
  if (reason !== null) io.stderr.write(`autoup: ${reason}\n`)
  return code
}
