/** What work costs, in a measure that is the same on a busy machine as on an idle one. */

/** Milliseconds of CPU time that this process takes for it. */
export async function cpuMsOf(work: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}
