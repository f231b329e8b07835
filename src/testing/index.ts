/** `autoup/testing`: the checks that every fetcher passes, the built-in ones and anybody's plugin. */

export { type ConformanceCheck, conformance, type Published, type Subject, type TestSource } from './conformance.ts'
