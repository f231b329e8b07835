/** Real web servers that give out a folder, as people run them, with a log of what they answered. */

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from './master.ts'
import { onEnd } from './on-end.ts'
import { freePort } from './ports.ts'
import { findProgram } from './requirements.ts'
import { until } from './until.ts'

export interface StaticServer {
  readonly origin: string
  /** What it gives out. */
  readonly root: string
  /** Every answer so far. */
  log(): Answered[]
}

export interface Answered {
  /** `HEAD /app` */
  readonly line: string
  readonly status: number
  /** Of the body. */
  readonly bytes: number
}

interface Kind {
  /** Writes its configuration into `folder` and answers the words of its command. */
  prepare(folder: string, port: number): string[]
  parse(line: string): Answered
}

export const STATIC_SERVERS: Readonly<Record<string, Kind>> = {
  nginx: {
    prepare(folder, port) {
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      writeFileSync(
        join(folder, 'nginx.conf'),
        `daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
pid ${folder}/nginx.pid;
error_log ${folder}/error.log warn;
events { worker_connections 64; }
http {
  ${temporary.map((name) => `${name}_temp_path ${folder}/tmp-${name};`).join(' ')}
  types { application/json json; }
  default_type application/octet-stream;
  log_format brief '$request_method|$uri|$status|$body_bytes_sent';
  access_log ${folder}/access.log brief;
  server { listen 127.0.0.1:${port}; root ${folder}/root; }
}
`,
      )
      return ['-c', join(folder, 'nginx.conf')]
    },
    parse(line) {
      const [method, uri, status, bytes] = line.split('|')
      return { line: `${method} ${uri}`, status: Number(status), bytes: Number(bytes) }
    },
  },
  caddy: {
    prepare(folder, port) {
      writeFileSync(
        join(folder, 'Caddyfile'),
        `{
  admin off
  auto_https off
}
http://127.0.0.1:${port} {
  root * ${folder}/root
  file_server
  log {
    output file ${folder}/access.log
    format json
  }
}
`,
      )
      return ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile']
    },
    parse(line) {
      const { request, status, size } = JSON.parse(line) as Record<string, never> & { request: Record<string, string> }
      return { line: `${request.method} ${request.uri}`, status: Number(status), bytes: Number(size) }
    },
  },
}

/** Resolves when it answers; ends with the test. */
export async function serveFolder(name: string): Promise<StaticServer> {
  const kind = STATIC_SERVERS[name] as Kind
  const folder = temporaryDirectory()
  const root = join(folder, 'root')
  const port = await freePort()
  mkdirSync(root)
  const words = kind.prepare(folder, port)
  const child = start(findProgram(name) ?? name, words, folder)
  const origin = `http://127.0.0.1:${port}`
  await until(`${name} answers`, async () => {
    if (child.exitCode !== null) throw new Error(`${name} ended: ${readFileSync(join(folder, 'output'), 'utf8')}`)
    return fetch(`${origin}/`, { method: 'OPTIONS' }).then(
      () => true,
      () => false,
    )
  })
  return {
    origin,
    root,
    log: () => {
      const text = readFileSync(join(folder, 'access.log'), 'utf8')
      return text.split('\n').filter(Boolean).map(kind.parse)
    },
  }
}

function start(program: string, words: string[], folder: string): ChildProcess {
  const output = openSync(join(folder, 'output'), 'a')
  const env = { PATH: process.env.PATH, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
  const child = spawn(program, words, { cwd: folder, env, stdio: ['ignore', output, output] })
  closeSync(output)
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.once('error', () => undefined)
  onEnd(async () => {
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), 3_000)
    if (child.pid !== undefined) await ended
    clearTimeout(late)
  })
  return child
}
