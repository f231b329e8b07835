/**
 * The content check: whether a file is a program that this machine can run, before anything runs it. exec(2) alone
 * tells too little: an empty file "succeeds", and text or a damaged program is silently handed to `/bin/sh` by execvp.
 * Every function gives null, or the reason in plain words as the end of a sentence that begins with the file's name.
 */

import { endianness } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { shown } from '../core/shown.ts'
import { type Elf, isElf, readElf } from './elf.ts'
import { kindByMagic } from './kinds.ts'
import { isFile, mayBeExecutable, readHead } from './look.ts'

/** e_machine and class of elf.h for `process.arch`; a 64-bit PC runs 32-bit programs too. */
const MACHINES: Readonly<Record<string, readonly { readonly machine: number; readonly bits: 32 | 64 }[]>> = {
  x64: [
    { machine: 62, bits: 64 },
    { machine: 3, bits: 32 },
  ],
  ia32: [{ machine: 3, bits: 32 }],
  arm64: [{ machine: 183, bits: 64 }],
  arm: [{ machine: 40, bits: 32 }],
  ppc64: [{ machine: 21, bits: 64 }],
  s390x: [{ machine: 22, bits: 64 }],
  riscv64: [{ machine: 243, bits: 64 }],
  loong64: [{ machine: 258, bits: 64 }],
}

const MACHINE_NAMES: Readonly<Record<number, string>> = {
  3: '32-bit x86',
  8: 'MIPS',
  20: '32-bit PowerPC',
  21: 'PowerPC',
  22: 's390x',
  40: '32-bit ARM',
  62: 'x86-64',
  183: 'ARM64',
  243: 'RISC-V',
  258: 'LoongArch',
}

/** BINPRM_BUF_SIZE of binfmts.h: all that the kernel looks at for `#!`. */
const SHEBANG_BYTES = 256

const HEAD_BYTES = 512

/** May this file be started? Its execute bit is not looked at; `searchPath` is for `#!/usr/bin/env NAME`. */
export function checkProgram(path: string, searchPath: string = process.env.PATH ?? ''): string | null {
  const head = readHead(path, HEAD_BYTES)
  if (head.length === 0) return 'is empty'
  if (isElf(head)) return checkElf(path)
  if (head[0] === 0x23 && head[1] === 0x21) return checkShebang(head, searchPath)
  return refuseOther(head)
}

/**
 * The programs of a tree: `entries` (what may be run) in full, and every other ELF file with an execute bit for being
 * whole. A library or a tool for another machine is no fault as long as nobody starts it; a truncated one always is.
 * With several possible entries one of them must pass.
 */
export function checkTree(
  tree: string,
  executables: readonly string[],
  entries: readonly string[],
  searchPath: string = process.env.PATH ?? '',
): ContentProblem | null {
  for (const path of executables) {
    const problem = isElf(readHead(join(tree, path), HEAD_BYTES)) ? problemOf(readElf(join(tree, path))) : null
    if (problem !== null) return of(path, problem, false)
  }
  let first: ContentProblem | null = null
  for (const path of entries) {
    const problem = checkProgram(join(tree, path), searchPath)
    if (problem === null) return null
    first ??= of(path, problem, true)
  }
  return first
}

export interface ContentProblem {
  readonly reason: string
  /** It is of this host, which lacks a loader or an interpreter, and not of the bytes. */
  readonly isMissingHere: boolean
  /** It is of what would be started, which another command may change; else of a file that nobody could start. */
  readonly isOfEntry: boolean
}

/** Told by the problem alone: the path is the archive's own word. */
function of(path: string, problem: string, isOfEntry: boolean): ContentProblem {
  return { reason: `'${path}' ${problem}`, isMissingHere: problem.startsWith('needs '), isOfEntry }
}

/** Begins as something that the kernel can start. */
export function looksLikeProgram(path: string): boolean {
  const head = readHead(path, HEAD_BYTES)
  return isElf(head) || (head[0] === 0x23 && head[1] === 0x21)
}

function checkElf(path: string): string | null {
  const elf = readElf(path)
  if ('problem' in elf) return elf.problem
  const fits = MACHINES[process.arch]?.some(({ machine, bits }) => machine === elf.machine && bits === elf.bits)
  if (!fits || elf.isLittleEndian !== (endianness() === 'LE'))
    return `is for ${machineOf(elf)}, and this is ${process.arch}`
  if (elf.type === 'other') return 'is an ELF file, but no program'
  if (elf.interpreter === null) {
    // A static program; a shared library has nothing to begin with.
    return elf.hasEntry ? null : 'is a shared library, not a program'
  }
  if (isFile(elf.interpreter)) return null
  return `needs the loader ${elf.interpreter}, which is not here: it is built for another libc or system`
}

function machineOf({ machine, bits }: Elf): string {
  return `${MACHINE_NAMES[machine] ?? `machine ${machine}`} (${bits} bit)`
}

function problemOf(elf: ReturnType<typeof readElf>): string | null {
  return 'problem' in elf ? elf.problem : null
}

function checkShebang(head: Buffer, searchPath: string): string | null {
  const end = head.indexOf('\n')
  if (end > SHEBANG_BYTES || (end < 0 && head.length > SHEBANG_BYTES)) {
    return `has a #! line of over ${SHEBANG_BYTES} bytes, which Linux cuts off`
  }
  const line = head.subarray(2, end < 0 ? head.length : end).toString()
  if (line.endsWith('\r')) return 'has Windows line ends, so its #! line names a program that cannot exist'
  const [interpreter, ...rest] = line.trim().split(/[ \t]+/)
  if (!interpreter) return 'has a #! line that names no program'
  if (!isAbsolute(interpreter)) return `has a #! line that names '${shown(interpreter)}', which is no absolute path`
  if (!mayBeExecutable(interpreter))
    return `needs ${shown(interpreter)} (its #! line), which is not here or not executable`
  if (!/\/env$/.test(interpreter)) return null
  const name = nameForEnv(rest)
  if (name === null || name.includes('/')) return null
  const isThere = searchPath.split(':').some((folder) => isAbsolute(folder) && mayBeExecutable(join(folder, name)))
  return isThere ? null : `needs '${shown(name)}' (its #! line), which is not in PATH`
}

/** The program in `env [-S] [-i] [NAME=value …] program …` of env(1), or null. */
function nameForEnv(words: readonly string[]): string | null {
  return words.find((word) => !word.startsWith('-') && !word.includes('=')) ?? null
}

function refuseOther(head: Buffer): string {
  const kind = kindByMagic(head)
  if (kind !== null) return `is ${kind} data, not a program`
  const text = head.toString()
  if (/^\s*<(?:!doctype|html|\?xml)/i.test(text)) return 'is a web page, not a program'
  const isText = !text.includes('\0') && !text.slice(0, -4).includes('\uFFFD')
  return isText ? 'is text without a #! line' : 'is neither an ELF program nor a script'
}
