/**
 * Where the masters of a configuration file are, and nothing else of it: for the commands that only talk to one. They
 * are to start fast, and a mistake elsewhere in the file keeps nobody from seeing or stopping what runs; whoever starts
 * a service or has it read the file again is told of it (config-file.ts).
 */

import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isName } from '../core/name.ts'
import type { FileLayer, FileValue } from './command.ts'
import type { ConfigFile } from './config-file.ts'
import type { ConfigPath } from './find-service.ts'

/** What says where a master is. */
const KEYS = ['name', 'state-dir', 'fetch'] as const

type Layer = Pick<FileLayer, 'values' | 'command'>

/** Of each app these alone, and its command. Null where that cannot be seen: then the file is to be read as a whole. */
export function peekConfig(path: ConfigPath): Pick<ConfigFile, 'apps' | 'shared'> | null {
  const whole = parse(path.path)
  if (!isObject(whole)) return null
  const file = { file: path.shown, directory: dirname(path.path) }
  const shared = peek(whole)
  if (shared === null) return null
  if (whole.apps === undefined) return { apps: [{ ...file, key: null, ...shared }], shared: null }
  if (!isObject(whole.apps)) return null
  const apps: FileLayer[] = []
  for (const [key, value] of Object.entries(whole.apps)) {
    const own = isObject(value) ? peek(value) : null
    if (own === null || !isName(key)) return null
    apps.push({ ...file, key, values: new Map([...shared.values, ...own.values]), command: own.command })
  }
  return apps.length === 0 ? null : { apps, shared: { ...file, key: null, ...shared } }
}

function peek(options: Readonly<Record<string, unknown>>): Layer | null {
  const values = new Map<string, FileValue>()
  for (const key of KEYS) {
    const value = options[key]
    if (value === undefined) continue
    if (typeof value !== 'string' || value === '' || (key === 'name' && !isName(value))) return null
    values.set(key, { values: [value], place: key, isShared: false })
  }
  const { command = [] } = options
  if (!Array.isArray(command) || !command.every((word) => typeof word === 'string')) return null
  return { values, command }
}

/** Null also where it cannot be read. */
function parse(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return null
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
