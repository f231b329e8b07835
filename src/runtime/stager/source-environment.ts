/**
 * Which variables say how a release source is reached. They are the only ones besides npm's that a stager is given for
 * that, and where a service is to be started elsewhere (`autoup unit`) it needs them there.
 */

/** proxy.ts, github/url.ts; the others are Node's and OpenSSL's own. */
export const OF_SOURCES: RegExp =
  /^(?:(?:HTTPS?|ALL|NO)_PROXY|NODE_EXTRA_CA_CERTS|SSL_CERT_(?:FILE|DIR)|GITHUB_API_URL)$/i
