/**
 * The environment of npm. Where its registry is, and how it is reached, an operator may say by variables as well as in
 * .npmrc; nothing else of npm's that happens to be set (an `npm run` around the master sets dozens) may steer it. A
 * token goes in here and nowhere else: arguments can be read by everybody, and files outlive the job.
 */

/** Settings of npm that reach the stager from the master's environment; none of them is a secret. */
export const NPM_SETTINGS: RegExp =
  /^npm_config_(?:registry|@[^:/=]+:registry|userconfig|globalconfig|cafile|proxy|https?_proxy|noproxy)$/i

export interface NpmAccess {
  /** Ends with `/`; a token is meant for it alone. Null while it is not known. */
  readonly registry: string | null
  readonly token: string | null
  /** For temporary files. */
  readonly temporary: string
}

export function npmEnvironment(own: NodeJS.ProcessEnv, access: NpmAccess): NodeJS.ProcessEnv {
  const { registry, token, temporary } = access
  const environment: NodeJS.ProcessEnv = {}
  for (const [name, value] of Object.entries(own)) {
    const isOfNpm = /^(?:npm_|node_options$|node_env$)/i.test(name)
    if (value !== undefined && (!isOfNpm || NPM_SETTINGS.test(name))) environment[name] = value
  }
  environment.TMPDIR = temporary
  if (token !== null) {
    // For an .npmrc that says ${NPM_TOKEN}, and for one that says nothing (npmrc(5), "auth related configuration").
    environment.NPM_TOKEN = token
    if (registry !== null) environment[`npm_config_${registry.replace(/^https?:/, '')}:_authToken`] = token
  }
  return environment
}

/** What of the environment decides which registry is asked: a part of how a remembered answer is known to be stale. */
export function npmSettingsIn(own: NodeJS.ProcessEnv): string {
  const settings = Object.entries(own).filter(([name]) => NPM_SETTINGS.test(name) || /^HOME$/.test(name))
  return JSON.stringify(settings.sort(([a], [b]) => (a < b ? -1 : 1)))
}
