/**
 * Real servers as people run them, unmodified, on a socket that autoup passes: for each the files it needs, its command
 * line, and how to ask it who answers. The answer holds the generation where the server can say its environment.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fastcgi } from './fastcgi.ts'
import type { LoadReport } from './load.ts'
import type { Master } from './master.ts'
import { findProgram } from './requirements.ts'

export interface Daemon {
  readonly name: string
  /** Writes its files into `folder` and answers the words of its command. */
  prepare(folder: string, port: number): string[]
  /** What it must be given besides LISTEN_FDS; autoup's presets do this. */
  readonly environment: (port: number) => Record<string, string>
  readonly drainSignal: NodeJS.Signals
  /** Finds the generation in an answer; null where the server cannot say it. */
  readonly generation: RegExp | null
  /** Its drain closes connections that it has accepted and that nothing has come on yet. */
  readonly closesSilent: boolean
  /** One request on a new connection; resolves with the whole answer. */
  ask(port: number): Promise<string>
}

const JSON_GENERATION = /"version":"(\d+)"/
const RACK = `run ->(env) { [200, { 'content-type' => 'application/json' }, [%({"version":"#{ENV['AUTOUP_GENERATION']}"})]] }\n`
const PYTHON = `
import os
body = ('{"version":"%s"}' % os.environ.get("AUTOUP_GENERATION")).encode()

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]

async def asgi(scope, receive, send):
    if scope["type"] == "http":
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
`

export const daemons: readonly Daemon[] = [
  http('gunicorn', 'SIGTERM', JSON_GENERATION, {
    files: () => ({ 'app.py': PYTHON }),
    command: (folder) => ['--chdir', folder, '--workers', '2', 'app:app'],
  }),
  http('puma', 'SIGTERM', JSON_GENERATION, {
    files: (_folder, port) => ({
      'config.ru': RACK,
      // Its reactor, which waits for the first byte of a connection, closes what it holds when it drains
      // (Puma::Server#reactor_wakeup); a thread that waits itself does not. Five threads, its default, are soon all busy.
      'puma.rb': `bind 'tcp://127.0.0.1:${port}'\nthreads 32, 32\nqueue_requests false\n`,
    }),
    command: (folder) => ['-C', join(folder, 'puma.rb'), join(folder, 'config.ru')],
  }),
  http('haproxy', 'SIGUSR1', JSON_GENERATION, {
    files: () => ({
      'haproxy.cfg': `defaults
  mode http
  timeout client 30s
  timeout server 30s
  timeout connect 5s
frontend main
  bind fd@\${LFD}
  http-request return status 200 content-type application/json lf-string '{"version":"%[env(AUTOUP_GENERATION)]"}'
`,
    }),
    command: (folder) => ['-db', '-f', join(folder, 'haproxy.cfg')],
    environment: () => ({ LFD: '3' }),
  }),
  http('nginx', 'SIGQUIT', null, {
    files: (folder, port) => ({
      'nginx.conf': `daemon off;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 512; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/tmp;`).join(' ')}
  server {
    listen 127.0.0.1:${port};
    location / { default_type application/json; return 200 '{"server":"nginx","pid":"$pid"}'; }
  }
}
`,
    }),
    command: (folder) => ['-c', join(folder, 'nginx.conf')],
    environment: () => ({ NGINX: '3;' }),
  }),
  http('lighttpd', 'SIGINT', /x-generation"?: ?"?(\d+)/i, {
    files: (folder, port) => ({
      'index.html': '{"server":"lighttpd"}\n',
      'lighttpd.conf': `server.modules = ("mod_setenv")
server.systemd-socket-activation = "enable"
server.bind = "127.0.0.1"
server.port = ${port}
server.document-root = "${folder}"
index-file.names = ("index.html")
setenv.add-response-header = ("X-Generation" => env.AUTOUP_GENERATION)
`,
    }),
    command: (folder) => ['-D', '-f', join(folder, 'lighttpd.conf')],
  }),
  http('uvicorn', 'SIGTERM', JSON_GENERATION, {
    files: () => ({ 'app.py': PYTHON }),
    command: (folder) => ['--fd', '3', '--app-dir', folder, '--log-level', 'warning', 'app:asgi'],
    // H11Protocol.shutdown.
    closesSilent: true,
  }),
  http('unicorn', 'SIGQUIT', JSON_GENERATION, {
    files: () => ({ 'config.ru': RACK }),
    command: (folder, port) => ['-l', `127.0.0.1:${port}`, join(folder, 'config.ru')],
  }),
  {
    ...http('php-fpm', 'SIGQUIT', JSON_GENERATION, {
      files: (folder, port) => ({
        'answer.php': `<?php echo json_encode(["version" => getenv("AUTOUP_GENERATION")]);\n`,
        'fpm.conf': `[global]
daemonize = no
error_log = ${folder}/fpm.log
process_control_timeout = 10s
[www]
listen = 127.0.0.1:${port}
user = root
group = root
pm = static
pm.max_children = 2
clear_env = no
`,
      }),
      command: (folder) => ['-R', '-n', '-y', join(folder, 'fpm.conf')],
      environment: (port) => ({ FPM_SOCKETS: `127.0.0.1:${port}=3` }),
    }),
    ask: (port) => fastcgi(port, join(prepared.get(port) ?? '', 'answer.php')),
  },
  http('h2o', 'SIGTERM', null, {
    files: (folder, port) => ({
      'index.html': '{"server":"h2o"}\n',
      'h2o.conf': `user: root
listen:
  host: 127.0.0.1
  port: ${port}
hosts:
  default:
    paths:
      "/":
        file.dir: ${folder}
`,
    }),
    command: (folder) => ['-m', 'worker', '-c', join(folder, 'h2o.conf')],
    environment: (port) => ({ SERVER_STARTER_PORT: `127.0.0.1:${port}=3` }),
  }),
]

export function daemon(name: string): Daemon {
  const found = daemons.find((each) => each.name === name)
  if (!found) throw new Error(`no daemon '${name}'`)
  return found
}

/** How many requests failed, without those that were on the way when a daemon that closes silent connections drained. */
export function failuresOf(daemon: Daemon, { failed, failures }: LoadReport, ...masters: Master[]): number {
  if (!daemon.closesSilent) return failed
  const events = masters.flatMap((master) => master.events)
  const drains = events.filter((event) => event.type === 'worker-draining')
  const ends = events.filter((event) => event.type === 'worker-exited')
  const own = failures.filter(({ kind, sentAt, at }) => {
    const isDraining = drains.some((drain) => {
      const end = ends.find(({ pid }) => pid === drain.pid)
      return Date.parse(drain.at) <= at && (end === undefined || sentAt <= Date.parse(end.at))
    })
    return kind === 'reset' && isDraining
  })
  return failed - own.length
}

export function available(name: string): boolean {
  return findProgram(name) !== null
}

interface Parts {
  files(folder: string, port: number): Record<string, string>
  command(folder: string, port: number): string[]
  environment?: (port: number) => Record<string, string>
  closesSilent?: boolean
}

/** Where the files of the daemon on a port lie. */
const prepared = new Map<number, string>()

function http(name: string, drainSignal: NodeJS.Signals, generation: RegExp | null, parts: Parts): Daemon {
  return {
    name,
    drainSignal,
    generation,
    environment: parts.environment ?? (() => ({})),
    closesSilent: parts.closesSilent ?? false,
    prepare(folder, port) {
      mkdirSync(folder, { recursive: true })
      for (const [file, text] of Object.entries(parts.files(folder, port))) writeFileSync(join(folder, file), text)
      prepared.set(port, folder)
      return [findProgram(name) ?? name, ...parts.command(folder, port)]
    },
    async ask(port) {
      const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
      return `${JSON.stringify(Object.fromEntries(response.headers))}\n${await response.text()}`
    },
  }
}
