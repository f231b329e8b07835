/** A completion script for zsh (zshcompsys(1)): to be sourced, or as the file _autoup in a folder of $fpath. */

import { bare, type CompletedCommand, type CompletedOption, isOneOf, type Kind } from './words.ts'

export function zshScript(commands: readonly CompletedCommand[]): string {
  return `#compdef autoup
# zsh completion of autoup: source <(autoup completion zsh)
_autoup_names() {
  local -a names directory
  local at=\${words[(I)--state-dir]}
  ((at > 0)) && directory=(--state-dir "\${(Q)words[at + 1]}")
  names=(\${(f)"$(autoup completion names $directory 2> /dev/null)"})
  compadd -a names
}
_autoup() {
  local -a offered
  offered=(
${commands.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`).join('\n')}
    'help:the help of a command'
  )
  if ((CURRENT == 2)); then
    _describe -t commands 'command of autoup' offered
    return
  fi
  local behind=\${words[(i)--]}
  if ((behind < CURRENT)); then
    # A command, or the words of it.
    _alternative 'commands:command:_command_names -e' 'files:file:_files'
    return
  fi
  local command=\${words[2]}
  shift words
  ((CURRENT--))
  case $command in
    help) _describe -t commands 'command of autoup' offered ;;
${commands.map(commandCase).join('\n')}
  esac
}
if [[ \${funcstack[1]} == _autoup ]]; then _autoup "$@"; else compdef _autoup autoup; fi
`
}

function commandCase({ name, options, word }: CompletedCommand): string {
  const specs = [...options.map(optionSpec), ...(word === null ? [] : [quote(`1:${labelOf(word)}:${action(word)}`)])]
  return `    ${name})
      _arguments ${specs.map((spec) => `\\\n        ${spec}`).join(' ')} ;;`
}

function optionSpec({ flag, value, isRepeatable, help }: CompletedOption): string {
  const head = `${isRepeatable ? '*' : ''}--${flag}${value ? '=' : ''}[${help.replace(/[[\]\\]/g, '\\$&')}]`
  return quote(value ? `${head}:${value.name.replaceAll(':', '\\:')}:${action(value.kind)}` : head)
}

function action(kind: Kind): string {
  if (isOneOf(kind)) return `(${bare(kind)})`
  return { free: ' ', file: '_files', folder: '_files -/', service: '_autoup_names' }[kind]
}

function labelOf(kind: Kind): string {
  if (isOneOf(kind)) return 'word'
  return kind === 'free' ? 'word' : kind
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
