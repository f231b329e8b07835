/**
 * Programs in Node that start the app as a child of their own. They are no workers, and the sockets do not get past
 * them; what they start is told what to type instead (witness.cts).
 */

import { realpathSync } from 'node:fs'

const LAUNCHERS =
  /\/(?:node_modules|nodejs|share)\/(?:npm|npx|yarn|pnpm|corepack|tsx|nodemon|ts-node-dev|cross-env|dotenv-cli|@dotenvx\/dotenvx|concurrently|forever|pm2)\//

/** `script` is process.argv[1]. */
export function isLauncher(script: string | undefined): boolean {
  if (script === undefined) return false
  try {
    return LAUNCHERS.test(realpathSync(script))
  } catch {
    return false
  }
}
