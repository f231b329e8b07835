/** Where presenters write: a narrow view of a stream, so that tests can read what was said. */

export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}
