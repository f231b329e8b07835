/** `autoup/fetcher`: the types of a plugin. There is nothing to import at run time; all that it needs it is given. */

export type {
  Check,
  FetchContext,
  Fetcher,
  HttpAnswer,
  HttpClient,
  HttpOptions,
  Known,
  Piece,
  Release,
  Sink,
} from './core/source.ts'
