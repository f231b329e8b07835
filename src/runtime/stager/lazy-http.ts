/**
 * The HTTP client, made at its first use: a source that is a file never loads it (undici costs 56 ms and 18 MiB). Its
 * parser is WebAssembly, whose optimizing costs more than a whole check (50 ms on Node 20, 100 on 22) and gains nothing
 * in a life as short as a stager's: it is put off for good.
 */

import { setFlagsFromString } from 'node:v8'
import type { HttpClient } from '../../core/source.ts'
import type { HttpClientOptions } from '../../system/http/client.ts'

export function lazyHttpClient(options: HttpClientOptions): HttpClient {
  let made: Promise<HttpClient> | null = null
  const client = (): Promise<HttpClient> => {
    if (made === null) setFlagsFromString('--wasm-tiering-budget=1000000000')
    made ??= import('../../system/http/client.ts').then(({ createHttpClient }) => createHttpClient(options))
    return made
  }
  return {
    text: async (url, asked) => await (await client()).text(url, asked),
    stream: async (url, asked) => await (await client()).stream(url, asked),
  }
}
