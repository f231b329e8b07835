/**
 * Builds for tests: a working server in a given version, and every way in which the next build can be bad. A build is
 * a function that writes itself to a path; `publish` puts it in place by rename, as a careful deploy does.
 */

import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Gate } from './gate.ts'

export type Artifact = (path: string) => void

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url))

/** Puts the artifact at `path` in one step; what was there is gone. */
export function publish(path: string, artifact: Artifact): void {
  const next = join(dirname(path), `.next-${process.pid}`)
  const old = join(dirname(path), `.old-${process.pid}`)
  mkdirSync(dirname(path), { recursive: true })
  rmSync(next, { recursive: true, force: true })
  artifact(next)
  // rename(2) replaces a file by a file, but no directory that holds something.
  if (existsSync(path)) renameSync(path, old)
  renameSync(next, path)
  rmSync(old, { recursive: true, force: true })
}

export interface Server {
  version?: string
  /** Statements that run first, in CommonJS. */
  first?: string
  /** Statements that run last. */
  last?: string
}

/** The Node server of the examples as one executable file. */
export function nodeServer(server: Server = {}): Artifact {
  return script(nodeText(server))
}

/** The Python server of the examples as one executable file. */
export function pythonServer(version = '1', first = ''): Artifact {
  const text = readFileSync(join(EXAMPLES, 'python-server/app.py'), 'utf8')
  const shebang = existsSync('/usr/bin/python3') ? '#!/usr/bin/python3' : '#!/usr/bin/env python3'
  return script(text.replace(/^#!.*/, shebang).replace('VERSION = "1"', `VERSION = "${version}"\n${first}`))
}

/** Any executable text. */
export function script(text: string, mode = 0o755): Artifact {
  return (path) => writeFileSync(path, text, { mode })
}

/** A directory with the server at `bin/app`. */
export function directory(executable: Artifact, extra: Record<string, string> = {}): Artifact {
  return (path) => {
    mkdirSync(join(path, 'bin'), { recursive: true })
    executable(join(path, 'bin/app'))
    for (const [name, text] of Object.entries(extra)) {
      mkdirSync(dirname(join(path, name)), { recursive: true })
      writeFileSync(join(path, name), text)
    }
  }
}

/** The same as a `.tar.gz`, in one top directory as releases are. */
export function archive(executable: Artifact, extra: Record<string, string> = {}): Artifact {
  return (path) => {
    const work = `${path}.work`
    directory(executable, extra)(join(work, 'app'))
    execFileSync('tar', ['-C', work, '-czf', path, 'app'])
    rmSync(work, { recursive: true })
  }
}

/** An ELF program that is in order, for this machine. */
export function elf(): Artifact {
  return (path) => {
    cpSync('/bin/true', path, { dereference: true })
    chmodSync(path, 0o755)
  }
}

/** The bytes are bad: refused before they run. */
export const badBytes: Readonly<Record<string, Artifact>> = {
  'an empty file': script(''),
  text: script('hello, this is not a program\n'),
  'a truncated ELF': elfWith((bytes) => bytes.subarray(0, Math.floor(bytes.length / 2))),
  'an ELF cut within its header': elfWith((bytes) => bytes.subarray(0, 40)),
  'a corrupt ELF': elfWith((bytes) => Buffer.concat([bytes.subarray(0, 16), Buffer.alloc(bytes.length - 16, 0xa5)])),
  'an ELF for another machine': elfWith((bytes) => {
    // e_machine of elf(5): AArch64 where this is x86-64, and the other way round.
    bytes.writeUInt16LE(process.arch === 'x64' ? 0xb7 : 0x3e, 18)
    return bytes
  }),
}

/** The same bytes as the good build, but for the mode. */
export function notExecutable(server: Server): Artifact {
  return script(nodeText(server), 0o644)
}

/** The bytes are a program, which behaves badly. */
export const badBehaviour: Readonly<Record<string, Artifact>> = {
  'a build that exits at once': script('#!/bin/sh\necho "no config found" >&2\nexit 1\n'),
  'a build that exits 0 at once': script('#!/bin/sh\nexit 0\n'),
  'a build that never gets ready': script('#!/bin/sh\nexec sleep 1000\n'),
  'a build that binds the port itself': nodeServer({
    version: 'bad',
    first: `require('node:net').Server.prototype.listen = ((listen) => function () {
      return listen.call(this, Number(process.env.TEST_PORT), '127.0.0.1')
    })(require('node:net').Server.prototype.listen);`,
  }),
  'a build that ignores descriptor 3': nodeServer({
    version: 'bad',
    first: `process.env.LISTEN_PID = ''; process.env.PORT = '0'; delete process.env.AUTOUP_NOTIFY;`,
  }),
}

/** Serves well until the gate is opened, and dies saying how many connections it had. */
export function diesAt({ opened }: Gate, version = 'bad'): Artifact {
  const die = "(_, count) => { console.log('died with', count); process.exit(1) }"
  return nodeServer({ version, last: `${opened}.then(() => server.getConnections(${die}))` })
}

/** Needs a port of its own, which two generations cannot both have. */
export function withOwnPort(port: number, version: string): Artifact {
  return nodeServer({ version, first: `require('node:http').createServer().listen(${port}, '127.0.0.1').unref();` })
}

/** Holds a lock on a pid file, as many daemons do to be the only one. */
export function withPidFile(pidFile: string, version: string): Artifact {
  return pythonServer(
    version,
    `
import fcntl, sys
pid_file = open(${JSON.stringify(pidFile)}, "a+")
try:
    fcntl.flock(pid_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    pid_file.seek(0)
    sys.exit("already running with pid " + pid_file.read() + ", see " + pid_file.name)
pid_file.truncate(0)
pid_file.write(str(os.getpid()))
pid_file.flush()
`,
  )
}

/** In CommonJS, since a file without extension is that on every Node that autoup supports. */
function nodeText({ version = '1', first = '', last = '' }: Server): string {
  const text = readFileSync(join(EXAMPLES, 'node-server/server.mjs'), 'utf8')
  return `${text
    .replace(/^#!.*\n/, (shebang) => `${shebang}${first}\n`)
    .replace(/^import (\w+) from ('[^']+')$/gm, 'const $1 = require($2)')
    .replace("VERSION = '1'", `VERSION = ${JSON.stringify(version)}`)}${last}\n`
}

function elfWith(change: (bytes: Buffer) => Buffer): Artifact {
  return (path) => writeFileSync(path, change(readFileSync('/bin/true')), { mode: 0o755 })
}
