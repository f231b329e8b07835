/**
 * `npm:package[@range|@tag]`, from the registry that npm is configured for. npm itself resolves and installs, without
 * scripts, and checks the integrity of all it gets; what it would take is judged before. The work is loaded when it is
 * done: a master that only asks for the scheme loads neither semver nor the rest.
 */

import type { Fetcher } from '../src/core/source.ts'

export const npmFetcher: Fetcher = {
  scheme: 'npm',

  async check(context, known) {
    const { checkNpm } = await import('./npm/check.ts')
    return await checkNpm(context, known)
  },

  async fetch(context, release, into) {
    const { installTree, planOf } = await import('./npm/install.ts')
    await into.tree((tree) => installTree(context, planOf(release), tree))
  },
}
