import type { Invocation } from './command.ts'

/** The 24 words. Never an option: other people of the machine can see those. */
export async function readPhrase({ io }: Pick<Invocation, 'io'>): Promise<string> {
  const text = io.inIsTerminal ? await io.ask('Recovery phrase: ', { hidden: true }) : await io.readInput()
  return text.trim().split(/\s+/).join(' ')
}
