/** `autoup explain github:…`: the choice among the files of the newest wanted release, by the rules of a check. */

import { AutoupError } from '../../src/core/errors.ts'
import type { Explanation, FetchContext } from '../../src/core/source.ts'
import { GithubApi } from './api.ts'
import { chooseAsset } from './asset.ts'
import { parseGithubLocation } from './location.ts'
import { survey } from './survey.ts'
import { apiUrl } from './url.ts'

export async function explainGithub(context: FetchContext): Promise<Explanation> {
  const location = parseGithubLocation(context.location)
  const url = apiUrl(process.env.GITHUB_API_URL, context.token !== null)
  const { best } = await survey(new GithubApi(context, location, url), null)
  if (best === null)
    throw new AutoupError('failed', `there is no release of ${location.owner}/${location.repo} to explain`)
  const { release, version } = best
  const choice = chooseAsset(release.assets, { location, platform: context.platform, version, shape: null })
  return { version, ...choice }
}
