/** `autoup explain https://…`: the choice among the artifacts of a manifest, by the rules of a check. */

import { AutoupError } from '../../src/core/errors.ts'
import type { Explanation, FetchContext } from '../../src/core/source.ts'
import { showUrl } from '../../src/system/http/address.ts'
import { readManifest } from './manifest.ts'
import { explainArtifacts } from './manifest-schema.ts'

/** `isManifest`: an address of one file leaves nothing to choose. */
export async function explainHttps(context: FetchContext, address: string, isManifest: boolean): Promise<Explanation> {
  const where = showUrl(address)
  if (!isManifest) throw new AutoupError('usage', `${where} is one file, and no manifest to choose from`)
  const manifest = await readManifest(context, address)
  return { version: manifest.version, ...explainArtifacts(manifest, context.platform, where) }
}
