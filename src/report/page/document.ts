/**
 * The page as one document that needs nothing else: no other file, no other host. It shows what is so when it is asked
 * for, also without the script; the script keeps it true.
 */

import type { Sight } from '../../core/sight.ts'
import { pageTitle } from './head.ts'
import { html } from './html.ts'
import { PAGE_SCRIPT } from './script.ts'
import { sections } from './sections.ts'
import { PAGE_STYLE } from './style.ts'

const ICON =
  "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><rect width='32' height='32' rx='8' fill='%234f46e5'/><path d='M16 24V9M9 15l7-7 7 7' fill='none' stroke='white' stroke-width='3.5' stroke-linecap='round' stroke-linejoin='round'/></svg>"

export function pageDocument(sight: Sight, version: string): string {
  const { head, tiles, workers, releases, held, checks, log } = sections(sight)
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${pageTitle(sight.status)}</title>
<link rel="icon" href="${ICON}">
<style>${{ html: PAGE_STYLE }}</style>
</head>
<body data-version="${version}">
<header id="head">${head}</header>
<p id="live" role="status" hidden></p>
<main>
<section id="tiles" aria-label="Builds">${tiles}</section>
<section aria-labelledby="workers-title"><h2 id="workers-title">Workers</h2><div id="workers">${workers}</div></section>
<div class="columns">
<section aria-labelledby="releases-title"><h2 id="releases-title">Releases</h2><div id="releases">${releases}</div></section>
<div>
<section aria-labelledby="checks-title"><h2 id="checks-title">Checks</h2><div id="checks">${checks}</div></section>
<section aria-labelledby="held-title"><h2 id="held-title">Held back</h2><div id="held">${held}</div></section>
</div>
</div>
<section aria-labelledby="log-title"><h2 id="log-title">What happened</h2><div id="log">${log}</div></section>
</main>
<footer><p>autoup ${version} · <a href="/metrics">metrics</a> · read only</p></footer>
<script type="module">${{ html: PAGE_SCRIPT }}</script>
</body>
</html>
`.html
}
