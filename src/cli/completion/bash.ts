/** A completion script for bash (PROGRAMMABLE COMPLETION of bash(1)), which needs no package beside it. */

import { bare, type CompletedCommand, isOneOf, type Kind } from './words.ts'

export function bashScript(commands: readonly CompletedCommand[]): string {
  const names = bare(commands.map(({ name }) => name))
  return `# bash completion of autoup: source <(autoup completion bash)
_autoup_names() {
  local at directory=()
  for ((at = 2; at < COMP_CWORD - 1; at++)); do
    [[ \${COMP_WORDS[at]} == --state-dir ]] && directory=(--state-dir "\${COMP_WORDS[at + 1]}")
  done
  autoup completion names "\${directory[@]}" 2> /dev/null
}
_autoup_offer() {
  case $1 in
    words) mapfile -t COMPREPLY < <(compgen -W "$2" -- "$cur") ;;
    service) mapfile -t COMPREPLY < <(compgen -W "$(_autoup_names)" -- "$cur") ;;
    file) compopt -o filenames 2> /dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    folder) compopt -o filenames 2> /dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
  esac
}
_autoup() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} at
  COMPREPLY=()
  # --flag=value is three words here.
  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  if ((COMP_CWORD == 1)); then
    _autoup_offer words '${names} help --help --version'
    return
  fi
  for ((at = 2; at < COMP_CWORD; at++)); do
    if [[ \${COMP_WORDS[at]} == -- ]]; then
      _autoup_offer file
      return
    fi
  done
  case \${COMP_WORDS[1]} in
    help) _autoup_offer words '${names}' ;;
${commands.map(commandCase).join('\n')}
  esac
}
complete -F _autoup autoup
`
}

function commandCase({ name, options, word }: CompletedCommand): string {
  const valued = options.flatMap(({ flag, value }) => (value ? [`        --${flag}) ${offer(value.kind)} ;;`] : []))
  const flags = bare(options.map(({ flag }) => `--${flag}`))
  return `    ${name})
      case $prev in
${valued.join('\n')}
        *) if [[ $cur == -* ]]; then _autoup_offer words '${flags}'; else ${word === null ? ':' : offer(word)}; fi ;;
      esac ;;`
}

function offer(kind: Kind): string {
  if (isOneOf(kind)) return `_autoup_offer words '${bare(kind)}'`
  return kind === 'free' ? ':' : `_autoup_offer ${kind}`
}
