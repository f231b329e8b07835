/**
 * A plugin: somebody's own fetcher, as an ES module. It is loaded at its first check, so in the stager and never in the
 * master, whatever it does: throws, hangs, ends the process. That is why its `changed` and its `intervalMs` are not
 * asked for: each check of a plugin starts a stager, every 60 s unless the operator says otherwise. Its errors are made
 * sentences here; what it answers is looked at by the stager, as with every fetcher.
 */

import { createRequire } from 'node:module'
import { isSea } from 'node:sea'
import { pathToFileURL } from 'node:url'
import { formatDuration } from '../src/core/duration.ts'
import { AutoupError, messageOf } from '../src/core/errors.ts'
import type { Fetcher } from '../src/core/source.ts'
import type { PluginPlace } from './plugin/path.ts'

export const PLUGIN_LIMITS = {
  /** A check is a question. One that takes longer hangs, and the stager's own deadline is made for downloads. */
  checkMs: 120_000,
} as const

export function pluginFetcher(
  { name, file }: PluginPlace,
  limits: { readonly checkMs: number } = PLUGIN_LIMITS,
): Fetcher {
  let loaded: Promise<Fetcher> | null = null
  const load = (): Promise<Fetcher> => {
    loaded ??= loadPlugin(name, file)
    return loaded
  }
  return {
    scheme: 'plugin',

    async check(context, known) {
      const fetcher = await load()
      const check = told(`the plugin ${name} cannot check`, async () => await fetcher.check(context, known))
      const { checkMs } = limits
      return await inTime(
        check,
        checkMs,
        `the plugin ${name} did not answer in ${formatDuration(checkMs)}: its check hangs`,
      )
    },

    async fetch(context, release, into) {
      const fetcher = await load()
      await told(`the plugin ${name} cannot fetch ${release.version}`, async () => {
        await fetcher.fetch(context, release, into)
      })
    },

    async companion(context, release, sibling) {
      const fetcher = await load()
      const text: unknown = await told(`the plugin ${name} cannot get ${sibling}`, async () => {
        return (await fetcher.companion?.(context, release, sibling)) ?? null
      })
      if (text === null || typeof text === 'string') return text
      throw new AutoupError('failed', `the plugin ${name} answered what is no text for ${sibling}`)
    },
  }
}

async function loadPlugin(name: string, file: string): Promise<Fetcher> {
  const module = await told(`the plugin ${name} cannot be loaded`, async () => {
    // Behind import() a single executable has no loader.
    const loaded: unknown = isSea() ? createRequire(file)(file) : await import(pathToFileURL(file).href)
    return loaded as Record<string, unknown>
  })
  for (const exported of [module.default, module.fetcher, module]) if (isFetcher(exported)) return exported
  const why = `it exports no fetcher, as default or as \`fetcher\`: an object with check() and fetch(); if it is the release itself, write file:${name}`
  throw new AutoupError('failed', `the plugin ${name} cannot be used: ${why}`)
}

function isFetcher(value: unknown): value is Fetcher {
  const fetcher = value as Partial<Fetcher> | null | undefined
  return typeof fetcher?.check === 'function' && typeof fetcher.fetch === 'function'
}

/** What autoup itself has thrown, such as its HTTP client, is a sentence already. */
async function told<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof AutoupError) throw error
    const message = messageOf(error).split('\n')[0]?.trim() || 'it threw something without a message'
    throw new AutoupError('failed', `${what}: ${message}`, { cause: error })
  }
}

async function inTime<T>(work: Promise<T>, deadlineMs: number, late: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new AutoupError('failed', late)), deadlineMs)
  })
  try {
    return await Promise.race([work, deadline])
  } finally {
    clearTimeout(timer)
  }
}
