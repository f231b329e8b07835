/** What the service itself needs: its program, its user, something that shows that it serves, its source. */

import { COMMAND } from '../../core/build.ts'
import { messageOf } from '../../core/errors.ts'
import type { Finding } from '../../core/finding.ts'
import type { Ledger } from '../../core/ledger.ts'
import { presetOf } from '../../core/presets.ts'
import type { Settings } from '../../core/settings.ts'
import { shownSource } from '../../core/source.ts'
import { refuseFixedProbe, requireProof } from '../../runtime/preconditions.ts'
import { probeSource } from '../../runtime/stager/probe-source.ts'
import { sharedSpecs } from '../../runtime/workers/doors.ts'
import { resolveLaunch } from '../../runtime/workers/launch.ts'
import { storePaths } from '../../store/layout.ts'

export async function checkService(settings: Settings, ledger: Ledger): Promise<Finding[]> {
  return [...checkCommand(settings), ...checkReadiness(settings), ...(await checkSource(settings, ledger))]
}

function checkCommand(settings: Settings): Finding[] {
  const findings: Finding[] = []
  if (settings.source === null) {
    try {
      const { argv } = resolveLaunch(storePaths(settings.stateDir, settings.name), COMMAND, settings)
      findings.push({ check: 'command', level: 'ok', message: `${argv[0]}, in ${settings.directory}` })
    } catch (error) {
      findings.push({ check: 'command', level: 'fail', message: messageOf(error) })
    }
  }
  const preset = presetOf(settings.command)
  if (preset) {
    const signal = settings.drainSignal ?? preset.drainSignal
    findings.push({ check: 'preset', level: 'ok', message: `${preset.name}: asked to finish with ${signal}` })
  }
  return findings
}

function checkReadiness(settings: Settings): Finding[] {
  let warning: string | null = null
  try {
    refuseFixedProbe(settings)
    requireProof(settings, sharedSpecs(settings.listen).length, (message) => {
      warning = message
    })
  } catch (error) {
    return [{ check: 'ready', level: 'fail', message: messageOf(error) }]
  }
  return warning === null ? [] : [{ check: 'ready', level: 'warn', message: warning }]
}

async function checkSource(settings: Settings, ledger: Ledger): Promise<Finding[]> {
  if (settings.source === null) return []
  const shown = shownSource(settings.source)
  const answer = await probeSource(settings, ledger)
  switch (answer.kind) {
    case 'vouched': {
      const what = answer.name === '' ? answer.version : `${answer.version} (${answer.name})`
      if (answer.proofs.length > 0) {
        return [
          {
            check: 'source',
            level: 'ok',
            message: `${shown} offers ${what}, vouched for by ${answer.proofs.join(', ')}`,
          },
        ]
      }
      const advice = 'publish a checksum file or a signature with it, and leave out --allow-unverified'
      return [
        { check: 'source', level: 'warn', message: `${shown} offers ${what}, and nothing vouches for it: ${advice}` },
      ]
    }
    case 'not-taken':
      return [{ check: 'source', level: 'warn', message: `${shown} answers, but ${answer.message}` }]
    case 'trouble':
      return [{ check: 'source', level: 'fail', message: answer.message }]
  }
}
