/**
 * A machine with a systemd of its own, for one test: pid 1 of its own pid, mount, cgroup and host name space, with empty
 * /run, /var/lib and /etc/systemd/system, the network of this one, and autoup installed. Ends with its test, whatever runs
 * in it: the end of pid 1 is the end of its pid namespace (pid_namespaces(7)).
 */

import { execFile, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { newCgroup } from './cgroup.ts'
import { REPOSITORY } from './embedded.ts'
import { type Finished, temporaryDirectory } from './master.ts'
import { onEnd } from './on-end.ts'
import { childrenOf } from './processes.ts'
import { until } from './until.ts'

export interface Machine {
  /** Of root's shell there, to its end. */
  type(line: string): Promise<Finished>
}

/** Resolves when it has booted. `env` is that of the shell. */
export async function bootSystemd(env: Readonly<Record<string, string>>): Promise<Machine> {
  const cgroup = newCgroup()
  const log = join(temporaryDirectory(), 'console')
  const script =
    'echo $$ > "$1/cgroup.procs"; exec unshare --pid --fork --kill-child --mount --mount-proc --cgroup --uts --ipc --propagation private bash "$0" "$@"'
  const words = ['-c', script, join(import.meta.dirname, 'systemd-boot.sh'), cgroup, REPOSITORY, process.execPath]
  const output = openSync(log, 'a')
  const outside = spawn('sh', words, {
    env: { container: 'other', PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  const exited = new Promise((resolve) => outside.on('exit', resolve))
  onEnd(async () => {
    outside.kill('SIGKILL')
    await exited
  })
  const story = (): string => readFileSync(log, 'utf8')
  // Not before all is mounted: until then its /run is that of this machine.
  const pidOne = await until('it has begun', () => {
    if (outside.exitCode !== null) throw new Error(story())
    return childrenOf(outside.pid ?? 0).find(({ name }) => name === 'systemd')
  })
  const enter = [
    '-t',
    String(pidOne.pid),
    '--all',
    '--',
    'env',
    '-i',
    ...Object.entries(env).map((pair) => pair.join('=')),
  ]
  const path = 'PATH=/run/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  const type = (line: string): Promise<Finished> =>
    new Promise((resolve) => {
      execFile('nsenter', [...enter, path, 'bash', '-euc', line], { timeout: 60_000 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : null, stdout, stderr })
      })
    })
  try {
    await until('it has booted', async () => (await type('systemctl is-system-running')).stdout === 'running\n', 60_000)
  } catch (error) {
    throw new Error(story(), { cause: error })
  }
  return { type }
}
