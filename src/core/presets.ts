/**
 * How well-known servers want to be given their sockets, and which signal makes them finish what is in flight. Every
 * worker gets LISTEN_FDS; this table adds the dialects of those who speak another one. A program is known by the base
 * name of the first word of its command, behind `env`, `nice` and `bundle exec`. Only what a test has run stands here.
 */

/** A listener as the worker receives it. Hosts are written as the server's own configuration writes them. */
export interface PresetListener {
  readonly fd: number
  readonly address: { readonly host: string; readonly port: number } | { readonly path: string }
}

export interface Preset {
  readonly name: string
  /** Asks for a graceful end. */
  readonly drainSignal: string
  /** What its environment needs besides LISTEN_FDS. */
  environment(listeners: readonly PresetListener[]): Record<string, string>
}

/** The preset of a command (`/usr/sbin/nginx -c …`, `env A=b puma`, `php-fpm8.2`), or null. */
export function presetOf(command: readonly string[]): Preset | null {
  const name = programName(command)
  return PRESETS.get(name) ?? PRESETS.get(name.replace(/-?\d+(\.\d+)*$/, '')) ?? null
}

/** The base name of the program that a command starts; looks through what becomes that program with the same pid. */
export function programName(command: readonly string[]): string {
  const name = baseName(command[0] ?? '')
  const takesWord = WRAPPERS.get(name)
  if (takesWord === undefined) return name
  let index = 1
  while (/^-|=|^exec$/.test(command[index] ?? '')) index += takesWord.test(command[index] as string) ? 2 : 1
  return programName(command.slice(index))
}

/** Of each, the options whose value is a word of its own. */
const WRAPPERS: ReadonlyMap<string, RegExp> = new Map([
  ['env', /^(?:-u|--unset|-C|--chdir)$/],
  ['nice', /^(?:-n|--adjustment)$/],
  ['bundle', /^--gemfile$/],
])

const none = (): Record<string, string> => ({})

const PRESETS: ReadonlyMap<string, Preset> = new Map(
  (
    [
      // `NGINX="3;4;"`; each must match a `listen` of the configuration by address. Also keeps it in the foreground.
      ['nginx', 'SIGQUIT', (all) => ({ NGINX: all.map(({ fd }) => `${fd};`).join('') })],
      // `bind fd@${LFD}`, and LFD1, LFD2, … for the others: haproxy knows no names of its own.
      ['haproxy', 'SIGUSR1', (all) => Object.fromEntries(all.map(({ fd }, index) => [`LFD${index || ''}`, `${fd}`]))],
      // `server.systemd-socket-activation = "enable"` makes it read LISTEN_FDS.
      ['lighttpd', 'SIGINT', none],
      ['gunicorn', 'SIGTERM', none],
      ['puma', 'SIGTERM', none],
      ['uvicorn', 'SIGTERM', none],
      ['unicorn', 'SIGQUIT', none],
      // `127.0.0.1:9000=3,/run/app.sock=4`.
      ['php-fpm', 'SIGQUIT', (all) => ({ FPM_SOCKETS: all.map((one) => `${written(one)}=${one.fd}`).join(',') })],
      // Server::Starter: `127.0.0.1:8080=3;/run/app.sock=4`.
      ['h2o', 'SIGTERM', (all) => ({ SERVER_STARTER_PORT: all.map((one) => `${written(one)}=${one.fd}`).join(';') })],
    ] satisfies [string, string, Preset['environment']][]
  ).map(([name, drainSignal, environment]) => [name, { name, drainSignal, environment }]),
)

function written({ address }: PresetListener): string {
  if ('path' in address) return address.path
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

function baseName(word: string): string {
  return word.slice(word.lastIndexOf('/') + 1)
}
