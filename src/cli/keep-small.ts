import { setFlagsFromString } from 'node:v8'

/**
 * A master idles: it needs no optimising compiler, whose code would be paged in (4 MiB), and no young generation that
 * doubles while modules load and is never given back (1.2 MiB).
 */
export function keepSmall(): void {
  for (const flag of ['--no-opt', '--no-sparkplug', '--semi-space-growth-factor=1']) setFlagsFromString(flag)
}
