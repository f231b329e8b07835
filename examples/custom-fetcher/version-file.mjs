/**
 * A release source of one's own, in thirty lines: a web server on which `VERSION` holds the newest version, and
 * `app-VERSION` with `app-VERSION.sha256` beside it is the program.
 *
 *     autoup run --fetch './version-file.mjs?https://releases.example.com/app' --listen 8080
 *
 * @type {import('autoup/fetcher').Fetcher}
 */
export const fetcher = {
  scheme: 'version-file',

  async check({ http, location, token }, known) {
    const { status, headers, body } = await http.text(`${location}/VERSION`, {
      bearer: token,
      headers: known?.etag ? { 'if-none-match': known.etag } : {},
    })
    if (status === 304) return { kind: 'unchanged' }
    if (status !== 200) throw new Error(`${location}/VERSION answers with status ${status}: publish the version there`)
    const version = body.trim()
    const remember = { version, etag: headers.etag ?? null }
    if (version === known?.version) return { kind: 'unchanged', known: remember }
    const name = `app-${version}`
    const sum = await http.text(`${location}/${name}.sha256`, { bearer: token })
    if (sum.status !== 200) return { kind: 'incomplete', message: `${name}.sha256 is not there yet` }
    const digest = `sha256-${sum.body.slice(0, 64)}`
    return { kind: 'release', release: { version, name, size: null, digest, ordered: true }, known: remember }
  },

  async fetch({ http, location, token }, { name, digest }, into) {
    await into.artifact(async (from) => {
      const headers = from > 0 ? { range: `bytes=${from}-` } : {}
      const { status, bytes } = await http.stream(`${location}/${name}`, { bearer: token, headers })
      if (status !== 200 && status !== 206) throw new Error(`${location}/${name} answers with status ${status}`)
      return { from: status === 206 ? from : 0, bytes }
    }, digest)
  },
}
