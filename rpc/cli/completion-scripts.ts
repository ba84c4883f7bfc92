export interface CompletionWords {
  readonly commands: readonly { name: string; summary: string; options: readonly string[] }[]
  readonly globalOptions: readonly string[]
  readonly methods: readonly string[]
}

/** First words with the second words they can have. */
function groups({ commands }: CompletionWords): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const { name } of commands) {
    const [first = '', second] = name.split(' ')
    found.set(first, [...(found.get(first) ?? []), ...(second === undefined ? [] : [second])])
  }
  return found
}

function dashed(names: readonly string[]): string {
  return names.map((name) => `--${name}`).join(' ')
}

export function bashScript(words: CompletionWords): string {
  const firsts = groups(words)
  const seconds = [...firsts].filter(([, actions]) => actions.length > 0)
  return `# bash completion of vivimd
_vivimd() {
  local word=\${COMP_WORDS[COMP_CWORD]} first=\${COMP_WORDS[1]} second=\${COMP_WORDS[2]} choices=
  if [[ $word == -* ]]; then
    choices="${dashed(words.globalOptions)}"
    case "$first $second" in
${words.commands
  .filter(({ options }) => options.length > 0)
  .map(
    ({ name, options }) =>
      `      "${name}"${name.includes(' ') ? '' : '*'}) choices+=" ${dashed(options)}" ;;`,
  )
  .join('\n')}
    esac
  elif (( COMP_CWORD == 1 )); then
    choices="${[...firsts.keys()].join(' ')}"
  elif (( COMP_CWORD == 2 )); then
    case $first in
${seconds.map(([first, actions]) => `      ${first}) choices="${actions.join(' ')}" ;;`).join('\n')}
      call|methods|help) choices="${words.methods.join(' ')}" ;;
      completion) choices="bash zsh fish" ;;
    esac
  fi
  if [[ -n $choices ]]; then
    COMPREPLY=($(compgen -W "$choices" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}
complete -o filenames -F _vivimd vivimd
`
}

export function zshScript(words: CompletionWords): string {
  return `#compdef vivimd
# Completion of vivimd for zsh, through its bash completion.
autoload -U +X bashcompinit && bashcompinit
${bashScript(words)}`
}

export function fishScript(words: CompletionWords): string {
  const firsts = groups(words)
  const summaries = new Map(words.commands.map(({ name, summary }) => [name, summary]))
  const lines = ['# fish completion of vivimd', 'complete -c vivimd -f']
  const say = (summary: string | undefined) => (summary === undefined ? '' : ` -d '${quoted(summary)}'`)
  for (const [first, actions] of firsts) {
    lines.push(`complete -c vivimd -n __fish_use_subcommand -a ${first}${say(summaries.get(first))}`)
    for (const action of actions) {
      const seen = `__fish_seen_subcommand_from ${first}; and not __fish_seen_subcommand_from ${actions.join(' ')}`
      lines.push(`complete -c vivimd -n '${seen}' -a ${action}${say(summaries.get(`${first} ${action}`))}`)
    }
  }
  for (const { name, options } of words.commands) {
    const seen = name
      .split(' ')
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join('; and ')
    for (const option of options) lines.push(`complete -c vivimd -n '${seen}' -l ${option}`)
  }
  for (const option of words.globalOptions) lines.push(`complete -c vivimd -l ${option}`)
  lines.push(
    `complete -c vivimd -n '__fish_seen_subcommand_from call methods help' -a '${words.methods.join(' ')}'`,
    "complete -c vivimd -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'",
    "complete -c vivimd -n '__fish_seen_subcommand_from import scan detect' -F",
  )
  return `${lines.join('\n')}\n`
}

function quoted(text: string): string {
  return text.replace(/[\\']/g, '\\$&')
}
