/** Writes man/autoup.1 beside dist/: a step of the build. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { COMMANDS } from './commands.ts'
import { manPage } from './man-page.ts'
import { version } from './version.ts'

const folder = fileURLToPath(new URL('../../../man/', import.meta.url))
mkdirSync(folder, { recursive: true })
writeFileSync(`${folder}autoup.1`, await manPage(COMMANDS, version()))
