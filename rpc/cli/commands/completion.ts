import { METHODS } from '../../../schema/methods/index.ts'
import type { Command, CommandEntry } from '../command.ts'
import { bashScript, type CompletionWords, fishScript, zshScript } from '../completion-scripts.ts'
import { GLOBAL_OPTIONS } from '../global-options.ts'
import { usage } from '../option-parser.ts'

const SCRIPTS: Readonly<Record<string, (words: CompletionWords) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
}

export function completion(entries: readonly CommandEntry[]): Command {
  return {
    usage: 'bash|zsh|fish',
    options: {},
    about: 'For bash: source <(vivimd completion bash)',
    async run({ words, io }) {
      const script = SCRIPTS[words[0] ?? '']
      if (script === undefined) throw usage('Say which shell: bash, zsh or fish.')
      io.out(script(await completionWords(entries)))
      return 0
    },
  }
}

async function completionWords(entries: readonly CommandEntry[]): Promise<CompletionWords> {
  const options = new Map<string, string[]>()
  // The script itself is no part of what is loaded here: that would never end.
  for (const entry of entries)
    options.set(entry.name, entry.name === 'completion' ? [] : Object.keys((await entry.load()).options))
  return {
    commands: entries.map(({ name, summary }) => ({ name, summary, options: options.get(name) ?? [] })),
    globalOptions: Object.keys(GLOBAL_OPTIONS),
    methods: Object.keys(METHODS),
  }
}
