/** A certificate for localhost that nobody has signed, made anew for each test. */

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { temporaryDirectory } from './master.ts'

/** The paths of both files. */
export function certificate(): { key: string; cert: string } {
  const folder = temporaryDirectory()
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const args = ['req', '-x509', ...kind, '-keyout', key, '-out', cert, ...subject]
  execFileSync('openssl', args, { stdio: 'ignore' })
  return { key, cert }
}
