import type { CliIo } from './io.ts'

const ASKED = 3

/** Asks three words of a new phrase back, each until it is right: a phrase nobody wrote down is none. */
export async function confirmRecoveryPhrase(
  io: CliIo,
  phrase: string,
  randomInteger: (below: number) => number,
): Promise<void> {
  const words = phrase.split(' ')
  const places = new Set<number>()
  while (places.size < Math.min(ASKED, words.length)) places.add(randomInteger(words.length))
  io.err('Write the words down. Three of them, to be sure:\n')
  for (const place of [...places].sort((a, b) => a - b)) {
    const right = async () => (await io.ask(`Word ${place + 1}: `)).trim().toLowerCase() === words[place]
    while (!(await right())) io.err('That is another word; look again.\n')
  }
}
