/** The main program of every helper of an installed autoup (self.ts); there is nothing else to run. */

import { takeRole } from './take-role.ts'

await takeRole()
