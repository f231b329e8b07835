/** The HTTP client, made at its first use: a source that is a file never loads it (undici costs 56 ms and 18 MiB). */

import type { HttpClient } from '../../core/source.ts'
import type { HttpClientOptions } from '../../system/http/client.ts'

export function lazyHttpClient(options: HttpClientOptions): HttpClient {
  let made: Promise<HttpClient> | null = null
  const client = (): Promise<HttpClient> => {
    made ??= import('../../system/http/client.ts').then(({ createHttpClient }) => createHttpClient(options))
    return made
  }
  return {
    text: async (url, asked) => await (await client()).text(url, asked),
    stream: async (url, asked) => await (await client()).stream(url, asked),
  }
}
