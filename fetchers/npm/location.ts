/** What follows `npm:`, cut in two. Apart from its meaning, which needs semver: the master only looks at the form. */

import { AutoupError } from '../../src/core/errors.ts'
import { isRangeForm } from '../../src/core/range-form.ts'
import { shown } from '../../src/core/shown.ts'

export const NPM_FORM = 'npm:PACKAGE[@RANGE]'

/** validate-npm-package-name, as for packages that exist already: capitals are allowed. */
const LOCATION = /^((?:@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*)(?:@([^/:#]*))?$/is
const NAME_LENGTH = 214

export const TAG: RegExp = /^[A-Za-z][\w.-]*$/

export function noRange(name: string, text: string): string {
  return `'${shown(text)}' is neither a range of versions nor a tag: write npm:${name}@^1.2 or @next`
}

/** `text` is '' when nothing follows the name. Throws AutoupError `usage`. */
export function splitNpmLocation(location: string): { readonly name: string; readonly text: string } {
  if (location.includes('?')) {
    const what = 'a prerelease is asked for by its tag (@next), or by a range that names one (@>=2.0.0-0)'
    throw new AutoupError('usage', `'${shown(location)}' has a ?, and npm: takes no parameters: ${what}`)
  }
  const [, name, text = ''] = LOCATION.exec(location) ?? []
  const wanted = text.trim()
  if (name !== undefined && name.length <= NAME_LENGTH) {
    if (isRangeForm(wanted) || TAG.test(wanted)) return { name, text: wanted }
    throw new AutoupError('usage', noRange(name, wanted))
  }
  throw new AutoupError(
    'usage',
    `'${shown(location)}' names no npm package: write npm:NAME, npm:NAME@^1.2 or npm:@SCOPE/NAME`,
  )
}
