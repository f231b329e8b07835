import { mkdtemp, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'vitest'
import { npmFetcher } from '../../fetchers/npm.ts'
import { createHttpClient } from '../../src/system/http-client.ts'
test('x', async () => {
  for (const location of (process.env.LOCS??'http-server@14.1.0').split(' ')) {
  const scratch = await mkdtemp('/tmp/npmtry/s-')
  const signal = new AbortController().signal
  const context = { location, platform: {os:'linux',arch:'x64',libc:'glibc' as const}, signal, http: createHttpClient({signal, allowPlain:false} as never), token: null, scratch, warn: (m: string)=>console.log('WARN',m)}
  try {
  let t=performance.now(); let c=process.cpuUsage()
  const check = await npmFetcher.check(context as never, null)
  console.log(location, performance.now()-t, process.cpuUsage(c).user, JSON.stringify(check, (k,v)=> k==='lock'?v.length:v).replace(/\/\/[^/"]*/g,'//HOST'))
  t=performance.now();c=process.cpuUsage()
  const second = await npmFetcher.check(context as never, (check as any).known)
  console.log(performance.now()-t, process.cpuUsage(c), second.kind)
  if (check.kind==='release') { const d = join(scratch,'tree'); t=performance.now(); await npmFetcher.fetch(context as never, check.release, {artifact: async()=>{}, tree: async (f:any)=>{await mkdir(d); await f(d)}} as never); console.log(performance.now()-t, await readdir(d), await readdir(scratch)) }
  } catch(e) { console.log(location, 'ERR', (e as Error).message.replace(/[a-z0-9.-]*(npm|registry|mirror|proxy)[a-z0-9.-]*\.[a-z]+/g,'HOST'), (e as any).code, (e as any).data) }
  }
}, 120000)
