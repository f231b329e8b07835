/** The style sheet of the page: light and dark by the reader's preference, from a phone's width on. */

export const PAGE_STYLE: string = `
:root {
  --ground: #f6f7fb; --card: #ffffff; --ink: #14171f; --soft: #5a6172; --line: #e3e6ef; --track: #e9ecf5;
  --accent: #4f46e5; --good: #0f7a4c; --good-soft: #d9f5e6; --busy: #4338ca; --busy-soft: #e4e3fd;
  --warn: #925a04; --warn-soft: #fdefcf; --bad: #b3261e; --bad-soft: #fde3e1; --quiet: #545b6b; --quiet-soft: #e9ebf2;
  --shadow: 0 1px 2px rgb(20 23 31 / 6%), 0 4px 16px rgb(20 23 31 / 5%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0d0f16; --card: #161a24; --ink: #eceef5; --soft: #9ba3b7; --line: #272c3b; --track: #242938;
    --accent: #8b85ff; --good: #5fdc9f; --good-soft: #123526; --busy: #aeaaff; --busy-soft: #262357;
    --warn: #f2bd5c; --warn-soft: #3a2b0d; --bad: #ff9a91; --bad-soft: #45191a; --quiet: #a9b0c2; --quiet-soft: #262b39;
    --shadow: none;
  }
}
* { box-sizing: border-box; margin: 0 }
body {
  background: var(--ground); color: var(--ink); max-width: 72rem; margin: 0 auto; padding: 2rem 1.25rem 1rem;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums;
}
h1 { font-size: 1.9rem; line-height: 1.15; letter-spacing: -0.02em; overflow-wrap: anywhere }
h2 { font-size: 0.8rem; font-weight: 650; text-transform: uppercase; letter-spacing: 0.07em; color: var(--soft); margin: 0 0 0.6rem }
h3 { font-size: 1rem; font-weight: 650 }
code { font: 0.86em ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; color: var(--soft); overflow-wrap: anywhere }
ul, ol { list-style: none; padding: 0 }
a { color: var(--accent) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px }
time { white-space: nowrap }
[hidden] { display: none }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
.good { color: var(--good) } .warn { color: var(--warn) } .bad { color: var(--bad) } .none { color: var(--soft) }
section { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.1rem 1.25rem; margin-bottom: 1rem; box-shadow: var(--shadow) }

.pill { display: inline-block; padding: 0.1rem 0.6rem; border-radius: 99px; font-size: 0.8rem; font-weight: 600; white-space: nowrap; vertical-align: middle }
.pill::before { content: ""; display: inline-block; width: 0.45em; height: 0.45em; border-radius: 50%; background: currentColor; margin-right: 0.45em; vertical-align: 0.12em }
.pill.good { color: var(--good); background: var(--good-soft) } .pill.busy { color: var(--busy); background: var(--busy-soft) }
.pill.warn { color: var(--warn); background: var(--warn-soft) } .pill.bad { color: var(--bad); background: var(--bad-soft) }
.pill.quiet { color: var(--quiet); background: var(--quiet-soft) }
.pill.busy::before { animation: pulse 1.4s ease-in-out infinite }
@keyframes pulse { 50% { opacity: 0.25 } }

header { margin-bottom: 1.5rem }
.title { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.35rem 0.75rem }
.title .pill { align-self: center }
.version { font-size: 1.25rem; color: var(--soft); font-weight: 500; overflow-wrap: anywhere }
.verdict { margin: 0 0 0.6rem; padding: 0.55rem 0.9rem; border-radius: 10px; max-width: 60rem; overflow-wrap: anywhere }
.verdict.good { padding: 0 } .verdict.bad { background: var(--bad-soft) } .verdict time { margin-left: 0.2rem }
.now { font-size: 1.1rem; margin: 0.35rem 0 0.6rem } .now::first-letter { text-transform: uppercase }
.facts { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.15rem 1.1rem; color: var(--soft); font-size: 0.9rem }
.facts > span { min-width: 0 }
#live { background: var(--warn-soft); color: var(--warn); border-radius: 10px; padding: 0.6rem 1rem; margin-bottom: 1rem }
body.lost main { opacity: 0.6 }

.steps { display: flex; max-width: 40rem; margin: 1rem 0 1.1rem }
.steps li { flex: 1; position: relative; padding-top: 1.1rem; font-size: 0.85rem; color: var(--soft) }
.steps li::before { content: ""; position: absolute; top: 0.3rem; left: 0; right: 0; height: 3px; background: var(--track) }
.steps li::after { content: ""; position: absolute; top: 0; left: 0; width: 0.7rem; height: 0.7rem; border-radius: 50%; background: var(--track) }
.steps .done::before, .steps .done::after, .steps .here::after { background: var(--accent) }
.steps li:last-child::before { display: none }
.steps .here { color: var(--ink); font-weight: 650 } .steps .here::after { box-shadow: 0 0 0 4px var(--busy-soft); animation: pulse 1.4s ease-in-out infinite }
.steps li:last-child { flex: 0 0 auto }
.progress { color: var(--soft); font-size: 0.9rem; margin-bottom: 0.8rem }
progress { accent-color: var(--accent); width: min(20rem, 60%); height: 0.5rem; margin-right: 0.5rem }

#tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1rem; background: none; border: 0; padding: 0; box-shadow: none }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1rem 1.25rem; box-shadow: var(--shadow); min-width: 0 }
.tile h3 { font-size: 0.8rem; color: var(--soft); text-transform: uppercase; letter-spacing: 0.07em }
.tile p { color: var(--soft); font-size: 0.9rem }
.tile .long { font-size: 1.2rem !important; line-height: 1.8 } .tile .big { color: var(--ink); font-size: 1.6rem; font-weight: 650; letter-spacing: -0.02em; line-height: 1.35; overflow-wrap: anywhere }

table { width: 100%; border-collapse: collapse; font-size: 0.93rem }
thead th { text-align: left; font-size: 0.78rem; font-weight: 500; color: var(--soft); padding: 0 0.75rem 0.3rem 0 }
td { padding: 0.4rem 0.75rem 0.4rem 0; vertical-align: middle }
tbody:not(:last-child) tr:last-child td { padding-bottom: 0.9rem }
.generation th { text-align: left; font-weight: 500; font-size: 0.88rem; color: var(--soft); padding: 0.6rem 0 0.25rem; border-top: 1px solid var(--line) }
.generation .version { font-size: 0.95rem; color: var(--ink); font-weight: 650; margin: 0 0.3rem }
.since { color: var(--soft); font-size: 0.88rem; margin-left: 0.4rem; white-space: nowrap }
.connections { width: 26% } .connections .count { display: inline-block; min-width: 2.6rem; font-weight: 600 }
.says { color: var(--soft); overflow-wrap: anywhere }
.bar { width: calc(100% - 3.2rem); height: 8px; vertical-align: middle }
.bar .track { fill: var(--track) } .bar .fill { fill: var(--accent); transition: width 0.5s ease }

.columns { display: grid; grid-template-columns: minmax(0, 1.15fr) minmax(0, 1fr); gap: 1rem; align-items: start }
.timeline > li { position: relative; padding: 0 0 1.2rem 1.5rem }
.timeline > li::before { content: ""; position: absolute; left: 0.3rem; top: 1rem; bottom: -0.4rem; width: 2px; background: var(--line) }
.timeline > li:last-child { padding-bottom: 0 } .timeline > li:last-child::before { display: none }
.timeline > li::after { content: ""; position: absolute; left: 0; top: 0.42rem; width: 0.7rem; height: 0.7rem; border-radius: 50%; background: currentColor; box-shadow: 0 0 0 3px var(--card) }
.timeline > li { color: var(--quiet) } .timeline > li.good { color: var(--good) } .timeline > li.bad { color: var(--bad) } .timeline > li.busy { color: var(--busy) }
.timeline h3, .timeline .moments { color: var(--ink) } .timeline h3 { overflow-wrap: anywhere } .timeline h3 .pill { margin-left: 0.3rem } .timeline .facts { margin-top: 0.2rem }
.moments { font-size: 0.9rem; margin-top: 0.2rem } .moments time, .held time { color: var(--soft); font-size: 0.92em; margin-left: 0.25rem }
.moments li { overflow-wrap: anywhere } .moments .bad { color: var(--bad) }
.held li + li { margin-top: 0.8rem } .held p { color: var(--bad); overflow-wrap: anywhere }

.checks { display: block; width: 100%; max-height: 2rem; margin-bottom: 0.5rem }
.checks rect { fill: var(--track) } .checks .unchanged { fill: var(--good); opacity: 0.55 } .checks .release { fill: var(--accent) }
.checks .incomplete { fill: var(--warn) } .checks .error { fill: var(--bad) }
#checks p { overflow-wrap: anywhere }
.log { font-size: 0.88rem }
.log li { display: grid; grid-template-columns: 6.5rem 5.5rem minmax(0, 1fr); align-items: baseline; padding: 0.16rem 0; overflow-wrap: anywhere } .log b { font-weight: 600 }
.log li.good { color: inherit } .log li.good b { color: var(--good) } .log li.warning b { color: var(--warn) } .log li.error b, .log li.error span { color: var(--bad) } .log li.detail { color: var(--soft) }
.log time { color: var(--soft); font-size: 0.92em }
footer { color: var(--soft); font-size: 0.85rem; padding: 0.5rem 0 }

@media (max-width: 52rem) { .columns { grid-template-columns: minmax(0, 1fr); gap: 0 } }
@media (max-width: 40rem) {
  body { padding: 1.25rem 0.9rem 1rem }
  h1 { font-size: 1.6rem } .steps li { font-size: 0.75rem } main section:not(#tiles) { padding: 1rem 0.9rem }
  #tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0.7rem } .tile:last-child:nth-child(odd) { grid-column: 1 / -1 } .tile { padding: 0.8rem 0.9rem } .tile .big { font-size: 1.3rem }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
  table, tbody { display: block } .generation { display: block } .generation th { display: block }
  tr:not(.generation) { display: grid; grid-template-columns: 8.2rem 1fr; gap: 0.1rem 0.5rem; padding: 0.5rem 0 }
  td { padding: 0; min-width: 0 } td::before { content: attr(data-label) " "; color: var(--soft); font-size: 0.82rem }
  .connections, td.says { grid-column: 1 / -1; width: auto } td[data-label="state"]::before { content: none } td.empty { display: none }
  .tile .long { font-size: 0.95rem !important }
  .bar { width: calc(100% - 10rem) } .since { margin-left: 0.1rem }
  tbody:not(:last-child) tr:last-child td { padding-bottom: 0 }
  .log li { grid-template-columns: auto 1fr; gap: 0 0.5rem; padding: 0.3rem 0 } .log span { grid-column: 1 / -1 }
}
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important } }
`
