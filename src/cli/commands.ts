/**
 * Every command, in the order of the help: its line there, and how to load the rest of it. Nothing is loaded before it
 * is asked for, so that `autoup --help` starts about as fast as Node itself.
 */

import type { CommandEntry, CommandSpec } from './command.ts'

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  run: {
    summary: 'run a service and keep it up to date, in the foreground',
    group: 'Run',
    load: async () => (await import('./run.ts')).run,
  },
  start: {
    summary: 'the same as a daemon; comes back when the app is ready',
    group: 'Run',
    load: async () => (await import('./start.ts')).start,
  },
  dev: {
    summary: 'run a command while you write it: swap on each change',
    group: 'Run',
    load: async () => (await import('./dev.ts')).dev,
  },
  unit: {
    summary: 'write a unit of systemd for a service',
    group: 'Run',
    load: async () => (await import('./unit.ts')).unit,
  },
  stop: {
    summary: 'drain, and end the master',
    group: 'Run',
    load: async () => (await import('./stop.ts')).stop,
  },
  restart: {
    summary: 'new workers of the same build, gracefully',
    group: 'Run',
    load: async () => (await import('./restart.ts')).restart,
  },
  reload: {
    summary: 'read the configuration again, and take up what changed',
    group: 'Run',
    load: async () => (await import('./reload.ts')).reload,
  },
  status: {
    summary: 'what runs, since when, and who vouched for it',
    group: 'Look',
    load: async () => (await import('./status.ts')).status,
  },
  releases: {
    summary: 'the builds on disk, and what each is there for',
    group: 'Look',
    load: async () => (await import('./releases.ts')).releases,
  },
  events: {
    summary: 'what happened, and with --follow what happens',
    group: 'Look',
    load: async () => (await import('./events.ts')).events,
  },
  logs: {
    summary: 'what a daemon and its workers have written',
    group: 'Look',
    load: async () => (await import('./logs.ts')).logs,
  },
  explain: {
    summary: 'which file of a release would be chosen, and why',
    group: 'Look',
    load: async () => (await import('./explain.ts')).explain,
  },
  doctor: {
    summary: 'each option and where it comes from; what would not work',
    group: 'Look',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  demo: {
    summary: 'see it work, in under a minute',
    group: 'Look',
    load: async () => (await import('./demo.ts')).demo,
  },
  check: {
    summary: 'what the source offers now',
    group: 'Change',
    load: async () => (await import('./check.ts')).check,
  },
  stage: {
    summary: 'fetch, verify and unpack only',
    group: 'Change',
    load: async () => (await import('./stage.ts')).stage,
  },
  verify: {
    summary: 'is this file what it should be?',
    group: 'Look',
    load: async () => (await import('./verify.ts')).verify,
  },
  upgrade: {
    summary: 'check and promote now, and wait for the verdict',
    group: 'Change',
    load: async () => (await import('./upgrade.ts')).upgrade,
  },
  rollback: {
    summary: 'go back to the build before, and hold this one',
    group: 'Change',
    load: async () => (await import('./rollback.ts')).rollback,
  },
  pause: {
    summary: 'promote nothing until resume',
    group: 'Change',
    load: async () => (await import('./pause.ts')).pause,
  },
  resume: {
    summary: 'promote again after a pause',
    group: 'Change',
    load: async () => (await import('./resume.ts')).resume,
  },
  completion: {
    summary: 'words that your shell completes: bash, zsh or fish',
    group: 'Look',
    load: async () => (await import('./completion.ts')).completionOf(COMMANDS),
  },
}

export function loadCommand(name: string): Promise<CommandSpec> | null {
  return Object.hasOwn(COMMANDS, name) ? (COMMANDS[name] as CommandEntry).load() : null
}

export function loadCommands(): Promise<CommandSpec[]> {
  return Promise.all(Object.values(COMMANDS).map(({ load }) => load()))
}
