/**
 * An app with a cluster of its own (node:cluster). The worker is the cluster's primary: it has the socket and hands the
 * connections to processes that this preload is not in, so that they close in their own way. Node has loaded the module
 * with the first `listen` already.
 */

import cluster from 'node:cluster'

export function hasCluster(): boolean {
  return cluster.isPrimary && Object.keys(cluster.workers ?? {}).length > 0
}

/**
 * Each closes its servers, finishes what it has, and ends. They are waited for themselves: the callback of
 * cluster.disconnect comes when they have been told, and a primary that ends then takes them along.
 */
export function disconnectCluster(onDone: () => void): void {
  const workers = new Set(Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined))
  for (const worker of workers) {
    worker.once('exit', () => {
      workers.delete(worker)
      if (workers.size === 0) onDone()
    })
  }
  cluster.disconnect()
}
