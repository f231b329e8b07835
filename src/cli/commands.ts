/** Every command, in the order of the help; each is loaded only when it is asked for. */

import type { CommandSpec } from './command.ts'

const COMMANDS: Readonly<Record<string, () => Promise<CommandSpec>>> = {
  run: async () => (await import('./run.ts')).run,
  stop: async () => (await import('./stop.ts')).stop,
  restart: async () => (await import('./restart.ts')).restart,
  status: async () => (await import('./status.ts')).status,
  releases: async () => (await import('./releases.ts')).releases,
  events: async () => (await import('./events.ts')).events,
  explain: async () => (await import('./explain.ts')).explain,
  demo: async () => (await import('./demo.ts')).demo,
  check: async () => (await import('./check.ts')).check,
  stage: async () => (await import('./stage.ts')).stage,
  verify: async () => (await import('./verify.ts')).verify,
  upgrade: async () => (await import('./upgrade.ts')).upgrade,
  rollback: async () => (await import('./rollback.ts')).rollback,
  pause: async () => (await import('./pause.ts')).pause,
  resume: async () => (await import('./resume.ts')).resume,
}

export function loadCommand(name: string): Promise<CommandSpec> | null {
  return Object.hasOwn(COMMANDS, name) ? (COMMANDS[name] as () => Promise<CommandSpec>)() : null
}

export function loadCommands(): Promise<CommandSpec[]> {
  return Promise.all(Object.values(COMMANDS).map((load) => load()))
}
