/** The listeners in the words of the preset table: descriptors from 3 on, addresses as people write them. */

import type { PresetListener } from '../../core/presets.ts'
import type { Listener } from '../../system/listeners.ts'

/** sd_listen_fds(3): SD_LISTEN_FDS_START. */
const FIRST_DESCRIPTOR = 3

export function presetListeners(listeners: readonly Listener[]): readonly PresetListener[] {
  return listeners.flatMap((listener, index): PresetListener[] => {
    const fd = FIRST_DESCRIPTOR + index
    if (listener.path !== null) return [{ fd, address: { path: listener.path } }]
    if (listener.port === null) return []
    const address = listener.spec?.address
    const asked = address?.family === 'tcp' ? address.host : null
    return [{ fd, address: { host: asked ?? '0.0.0.0', port: listener.port } }]
  })
}
