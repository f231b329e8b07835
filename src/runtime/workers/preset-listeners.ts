/** The listeners in the words of the preset table: descriptors from 3 on, addresses as people write them. */

import type { PresetListener } from '../../core/presets.ts'
import { SD_LISTEN_FDS_START } from '../../system/inherited.ts'
import type { Listener } from '../../system/listeners.ts'

export function presetListeners(listeners: readonly Listener[]): readonly PresetListener[] {
  return listeners.flatMap((listener, index): PresetListener[] => {
    const fd = SD_LISTEN_FDS_START + index
    if (listener.path !== null) return [{ fd, address: { path: listener.path } }]
    if (listener.port === null) return []
    const address = listener.spec?.address
    const asked = address?.family === 'tcp' ? address.host : null
    return [{ fd, address: { host: asked ?? '0.0.0.0', port: listener.port } }]
  })
}
