/** A small file that somebody else wrote, read as far as it is believed, and one byte more. Pipes are fine. */

import { open } from 'node:fs/promises'

/** At most `maxBytes + 1` bytes: one too many says that there was more. Throws the system error. */
export async function readBounded(path: string, maxBytes: number): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const buffer = Buffer.alloc(maxBytes + 1)
    let length = 0
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return buffer.subarray(0, length)
  } finally {
    await file.close()
  }
}
