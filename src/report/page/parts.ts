/** What several parts of the page show: moments, builds, and who vouched for them. */

import { shortId } from '../../core/build.ts'
import { type Html, html } from './html.ts'

/** Absolute here; the script makes it relative, and keeps it so. */
export function time(at: string): Html {
  return html`<time datetime="${at}">${at.slice(0, 19).replace('T', ' ')} UTC</time>`
}

export function titleOf(build: { readonly version: string; readonly build: string }): string {
  return build.build === 'command' ? 'the command' : build.version || shortId(build.build)
}

/** Its digest, where that is not what it is called. */
export function digest(build: { readonly version: string; readonly build: string }): Html | null {
  const id = shortId(build.build)
  return build.build === 'command' || id === '' || build.version === id ? null : html`<code>${id}</code>`
}

/** A digest is too long to be set in large type. */
export function sizeOf(title: string): string {
  return title.length > 10 ? 'big long' : 'big'
}

export function proofs(names: readonly string[]): Html {
  if (names.length === 0) return html`<span class="warn">unverified</span>`
  return html`<span class="good">✓</span> ${names.join(', ')}`
}
