/**
 * `--public-key` may be a key or a file with one: read here, once, so that a file that goes away later is no matter.
 */

import type { Settings } from '../core/settings.ts'

/** Throws AutoupError `usage` for what is no key. */
export async function withPublicKey(settings: Settings, cwd: string): Promise<Settings> {
  if (settings.publicKey === null) return settings
  const { loadPublicKey } = await import('../trust/minisign-key.ts')
  return { ...settings, publicKey: (await loadPublicKey(settings.publicKey, cwd)).line }
}
