/** Ruby servers as they are started in a project: behind a real Bundler, which becomes the server with the same pid. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { ask } from '../support/ask.ts'
import { startMaster, temporaryDirectory } from '../support/master.ts'
import { freePort } from '../support/ports.ts'
import { needs } from '../support/requirements.ts'
import { until } from '../support/until.ts'

/** `/held` says that it is in flight, and answers when the test lets it go. */
const RACK = `run ->(env) do
  if env['PATH_INFO'] == '/held'
    warn 'held'
    sleep 0.02 until File.exist?('go')
  end
  body = %({"version":"#{ENV['AUTOUP_GENERATION']}","pid":#{ENV['AUTOUP_PID']}})
  [200, { 'content-type' => 'application/json' }, [body]]
end
`

const SERVERS: Record<string, (port: number) => string[]> = {
  puma: (port) => ['-b', `tcp://127.0.0.1:${port}`],
  // Its preset has another drain signal: TERM would cut off what is in flight.
  unicorn: (port) => ['-l', `127.0.0.1:${port}`],
}

for (const [server, options] of Object.entries(SERVERS)) {
  needs('bundle', server).test(
    `bundle exec ${server} gets its socket, and answers what is in flight at a swap`,
    async () => {
      const cwd = temporaryDirectory()
      writeFileSync(join(cwd, 'Gemfile'), `source 'https://rubygems.org'\ngem 'rack'\ngem '${server}'\n`)
      writeFileSync(join(cwd, 'config.ru'), RACK)
      const port = await freePort()
      const args = ['--listen', `127.0.0.1:${port}`, '--probation', '300ms', '--drain-timeout', '8s']
      const command = ['bundle', 'exec', server, ...options(port), 'config.ru']
      const master = await startMaster({ args, cwd, command })
      const { pid } = await master.next('worker-ready')

      const inFlight = ask(port, '/held')
      await until('it is in flight', () => master.output.includes('held'))
      master.signal('SIGUSR2')
      await master.waitFor((event) => event.type === 'worker-draining' && event.pid === pid, `the drain of ${pid}`)
      writeFileSync(join(cwd, 'go'), '')
      expect(await inFlight).toEqual({ version: '1', pid })
      await master.waitFor((event) => event.type === 'worker-exited' && event.pid === pid, `the end of ${pid}`)
      expect(await ask(port)).toMatchObject({ version: '2' })
      expect(await master.stop()).toBe(0)
    },
  )
}
