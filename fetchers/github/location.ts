/**
 * What `github:` is followed by: `owner/repo[@range][?asset=GLOB&prerelease=1&tag-prefix=app-v]`. Only the form is
 * looked at here, without semver, because the master asks for it at its start.
 */

import { AutoupError } from '../../src/core/errors.ts'
import { CHANNEL, isRangeForm, noRange } from '../../src/core/range-form.ts'
import { shown } from '../../src/core/shown.ts'

export interface GithubLocation {
  readonly owner: string
  readonly repo: string
  /** What follows the `@`, or null. */
  readonly wanted: string | null
  /** Only assets whose whole name matches; `*` stands for any text, `?` for one letter. */
  readonly asset: string | null
  readonly prerelease: boolean
  /** What stands before the version in the tags of one program of many, such as `app-v` or `app@`. */
  readonly tagPrefix: string | null
}

export const GITHUB_FORM = 'github:owner/repo[@range][?asset=GLOB&prerelease=1&tag-prefix=app-v]'

/** As GitHub allows them; what else there may be in a name never reaches a URL. */
const OWNER = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,99})$/
const REPO = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/
const LONGEST = 200
const PARAMETERS = ['asset', 'prerelease', 'tag-prefix']

/** Throws AutoupError `usage`. */
export function parseGithubLocation(text: string): GithubLocation {
  const question = text.indexOf('?')
  const place = question < 0 ? text : text.slice(0, question)
  const at = place.indexOf('@')
  const [owner = '', repo = '', ...more] = (at < 0 ? place : place.slice(0, at)).split('/')
  const wanted = at < 0 ? null : place.slice(at + 1)
  if (!OWNER.test(owner) || !REPO.test(repo) || more.length > 0 || wanted === '' || (wanted?.length ?? 0) > LONGEST) {
    throw wrong(`'${shown(text)}' names no repository`)
  }
  if (wanted !== null && !isRangeForm(wanted) && !CHANNEL.test(wanted)) throw new AutoupError('usage', noRange(wanted))
  return { owner, repo, wanted, ...readParameters(question < 0 ? '' : text.slice(question + 1)) }
}

function readParameters(text: string): Pick<GithubLocation, 'asset' | 'prerelease' | 'tagPrefix'> {
  // A + is itself: no name of an asset holds a space.
  const parameters = new URLSearchParams(text.replaceAll('+', '%2B'))
  for (const [name, value] of parameters) {
    if (!PARAMETERS.includes(name)) throw wrong(`'${shown(name)}' is no parameter of github:`)
    if (parameters.getAll(name).length > 1) throw wrong(`'${name}' is given twice`)
    if (value.length > LONGEST || (value === '' && name !== 'prerelease')) throw wrong(`'${name}' needs a value`)
  }
  return {
    asset: parameters.get('asset'),
    prerelease: isOn(parameters.get('prerelease')),
    tagPrefix: parameters.get('tag-prefix'),
  }
}

function isOn(value: string | null): boolean {
  if (value === null || /^(?:0|false|no|off)$/i.test(value)) return false
  if (/^(?:|1|true|yes|on)$/i.test(value)) return true
  throw wrong(`'prerelease=${shown(value)}' is neither 1 nor 0`)
}

function wrong(what: string): AutoupError {
  return new AutoupError('usage', `${what}: write ${GITHUB_FORM}`)
}
