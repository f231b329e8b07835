/** Many small waits at once, but not all of them: each open file is a descriptor, each call takes a thread. */

/** In no order; rejects with the first failure, when those under way have not ended yet. */
export async function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  run: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0
  const take = async () => {
    while (next < items.length) await run(items[next++] as T)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, take))
}
