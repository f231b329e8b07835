/**
 * What is read of the answers of the GitHub API (docs.github.com/rest/releases), as schemas: everything else in them is
 * ignored, and what has another shape is no answer. Names are what strangers wrote; one that could not be the name of
 * an asset is dropped with its asset.
 */

import * as v from 'valibot'
import { AutoupError } from '../../src/core/errors.ts'
import { shown } from '../../src/core/shown.ts'

export interface GithubAsset {
  readonly id: number
  readonly name: string
  /** `uploaded`; `open` or `starter` while it arrives. */
  readonly state: string
  readonly size: number
  /** `sha256:<hex>`; assets from before June 2025 have none, nor have old GHES. */
  readonly digest: string | null
  readonly updated_at: string
}

export interface GithubRelease {
  readonly id: number
  readonly tag_name: string
  readonly draft: boolean
  readonly prerelease: boolean
  /** Null for a draft. */
  readonly published_at: string | null
  readonly html_url: string | null
  readonly assets: readonly GithubAsset[]
}

const Id = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const Text = v.pipe(v.string(), v.maxLength(1_000))

const AssetSchema = v.object({
  id: Id,
  name: v.string(),
  state: Text,
  size: Id,
  digest: v.nullish(Text, null),
  updated_at: Text,
})

const ReleaseSchema = v.object({
  id: Id,
  tag_name: Text,
  draft: v.boolean(),
  prerelease: v.boolean(),
  published_at: v.nullish(Text, null),
  html_url: v.nullish(v.string(), null),
  assets: v.array(AssetSchema),
})

/** More releases than a page can hold are no page. */
const PageSchema = v.pipe(v.array(ReleaseSchema), v.maxLength(100))

export function readReleases(body: string, api: string): readonly GithubRelease[] {
  return read(PageSchema, body, api, 'a list of releases').map(withGoodNames)
}

/** The `message` of an error, or ''. */
export function readErrorMessage(body: string): string {
  try {
    const { message } = JSON.parse(body) as { readonly message?: unknown }
    return typeof message === 'string' ? shown(message.replace(/\s+/g, ' ')) : ''
  } catch {
    return ''
  }
}

function read<S extends v.GenericSchema>(schema: S, body: string, api: string, what: string): v.InferOutput<S> {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    value = undefined
  }
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  const [issue] = result.issues
  const where = v.getDotPath(issue)
  const why = where === null ? '' : ` (${shown(where, 100)})`
  throw new AutoupError('failed', `${api} answers with something that is not ${what}${why}: is GITHUB_API_URL right?`)
}

function withGoodNames(release: GithubRelease): GithubRelease {
  return { ...release, assets: release.assets.filter(({ name }) => isFileName(name)) }
}

function isFileName(name: string): boolean {
  return (
    name !== '' && name.length <= 255 && !/[/\\\p{Cc}\p{Bidi_C}\u2028\u2029]/u.test(name) && !/^\.{1,2}$/.test(name)
  )
}
