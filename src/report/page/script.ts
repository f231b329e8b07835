/**
 * The script of the page, as the browser gets it: it listens to /live and puts each part that changed into place, node
 * by node, so that a selection, a focus and a movement survive; and it keeps the times relative. A page that nobody
 * looks at lets go of its connection. Plain JavaScript in a string, for the browser is no part of this program's types.
 */

export const PAGE_SCRIPT: string = `
const parts = ['head', 'tiles', 'workers', 'releases', 'held', 'checks', 'log']
const live = document.getElementById('live')
let source = null

function open() {
  if (source || document.hidden) return
  source = new EventSource('/live')
  source.addEventListener('parts', (event) => {
    live.hidden = true
    document.body.classList.remove('lost')
    const changed = JSON.parse(event.data)
    for (const id of parts) if (id in changed) replace(document.getElementById(id), changed[id])
    const title = document.querySelector('[data-title]')
    if (title) document.title = title.dataset.title
    tick()
  })
  source.addEventListener('error', () => {
    live.textContent = 'The master does not answer; this is what it said last. Trying again …'
    live.hidden = false
    document.body.classList.add('lost')
    // A refusal ends an EventSource for good; a connection that was lost it opens again itself.
    if (source && source.readyState === EventSource.CLOSED) {
      close()
      setTimeout(open, 3000)
    }
  })
}

function close() {
  if (source) source.close()
  source = null
}

function replace(element, markup) {
  const template = document.createElement('template')
  template.innerHTML = markup
  morphChildren(element, template.content)
}

/** Makes the children of one node like those of another, and keeps what is the same. */
function morphChildren(from, to) {
  const keyed = new Map()
  for (const child of from.children) if (child.dataset.key) keyed.set(child.dataset.key, child)
  let at = from.firstChild
  for (const next of [...to.childNodes]) {
    const key = next.dataset && next.dataset.key
    const match = key ? keyed.get(key) : isAlike(at, next) ? at : null
    if (!match) from.insertBefore(document.importNode(next, true), at)
    else {
      if (match === at) at = at.nextSibling
      else from.insertBefore(match, at)
      morph(match, next)
    }
  }
  while (at) {
    const gone = at
    at = at.nextSibling
    gone.remove()
  }
}

function isAlike(one, other) {
  return one && one.nodeType === other.nodeType && one.nodeName === other.nodeName && !(one.dataset && one.dataset.key)
}

function morph(from, to) {
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.data !== to.data) from.data = to.data
    return
  }
  // Its text is the script's own.
  if (from.nodeName === 'TIME' && from.dateTime === to.dateTime) return
  for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value)
  for (const { name } of [...from.attributes]) if (!to.hasAttribute(name)) from.removeAttribute(name)
  morphChildren(from, to)
}

const UNITS = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]]

/** 12 s ago, in 48 s, 3 h 5 min ago */
function relative(ms) {
  const seconds = Math.round(Math.abs(ms) / 1000)
  if (seconds < 2) return 'now'
  const first = UNITS.findIndex(([, size]) => seconds >= size)
  const [unit, size] = UNITS[first]
  let text = Math.floor(seconds / size) + ' ' + unit
  const [small, part] = UNITS[first + 1] || []
  const rest = part && unit !== 'min' ? Math.floor((seconds % size) / part) : 0
  if (rest > 0) text += ' ' + rest + ' ' + small
  return ms < 0 ? text + ' ago' : 'in ' + text
}

function tick() {
  for (const each of document.querySelectorAll('time')) {
    const at = Date.parse(each.dateTime)
    if (!each.title) each.title = new Date(at).toLocaleString()
    const text = relative(at - Date.now())
    if (each.textContent !== text) each.textContent = text
  }
}

document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()))
tick()
setInterval(tick, 1000)
open()
`
