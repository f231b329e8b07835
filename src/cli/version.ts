/** The version of autoup, from its package.json: beside the sources two folders up, beside the build three. */

import { readFileSync } from 'node:fs'

export function version(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      const manifest = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as Record<string, unknown>
      if (manifest.name === 'autoup') return String(manifest.version)
    } catch {
      // Not there.
    }
  }
  return 'unknown'
}
