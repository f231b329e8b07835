/** A completion script for fish (complete(1) of fish). */

import { bare, type CompletedCommand, type CompletedOption, isOneOf, type Kind } from './words.ts'

export function fishScript(commands: readonly CompletedCommand[]): string {
  return `# fish completion of autoup: autoup completion fish | source
function __autoup_words
    commandline -opc
end
function __autoup_first
    test (count (__autoup_words)) -eq 1
end
function __autoup_in
    set -l words (__autoup_words)
    test (count $words) -gt 1; and test "$words[2]" = $argv[1]; and not contains -- -- $words[2..-1]
end
function __autoup_behind
    contains -- -- (__autoup_words)
end
function __autoup_names
    set -l words (__autoup_words)
    set -l directory
    set -l at (contains -i -- --state-dir $words); and set directory --state-dir $words[(math $at + 1)]
    autoup completion names $directory 2> /dev/null
end
complete -c autoup -f
complete -c autoup -n __autoup_behind -F
complete -c autoup -n __autoup_first -l help -d 'this help'
complete -c autoup -n __autoup_first -l version -d 'the version of autoup'
complete -c autoup -n __autoup_first -a help -d 'the help of a command'
complete -c autoup -n '__autoup_in help' -a '${bare(commands.map(({ name }) => name))}'
${commands.flatMap(commandLines).join('\n')}
`
}

function commandLines({ name, summary, options, word }: CompletedCommand): string[] {
  const place = `complete -c autoup -n '__autoup_in ${name}'`
  return [
    `complete -c autoup -n __autoup_first -a ${name} -d ${quote(summary)}`,
    ...options.map((option) => `${place} ${optionWords(option)}`),
    ...(word === null || word === 'free' ? [] : [`${place} ${action(word)}`]),
  ]
}

function optionWords({ flag, value, help }: CompletedOption): string {
  const takes = value ? ` -r ${value.kind === 'free' ? '-f' : action(value.kind)}` : ''
  return `-l ${flag}${takes} -d ${quote(help)}`
}

function action(kind: Kind): string {
  if (isOneOf(kind)) return `-f -a '${bare(kind)}'`
  if (kind === 'service') return `-a '(__autoup_names)'`
  return kind === 'folder' ? `-f -a '(__fish_complete_directories (commandline -ct))'` : '-F'
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`
}
