/** The entry of `autoup/worker` for ES modules; `require` gets the same module (api.cts). */

export { isManaged, listener, onDrain, ready, type ServeOptions, serve, status } from './api.cts'
