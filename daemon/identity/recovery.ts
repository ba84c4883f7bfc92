import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { VivimError } from '../../schema/errors.ts'

const WORDS = 24

/** The 24 BIP-39 words whose entropy is the root key's 32-byte Ed25519 seed. */
export function phraseOfSeed(seed: Uint8Array): string {
  if (seed.length !== 32) throw new RangeError('a root seed has 32 bytes')
  return entropyToMnemonic(seed, wordlist)
}

/**
 * The root seed of a phrase; spaces and capitals do not matter.
 * @throws VivimError `InvalidParams` for a wrong word, number of words or checksum; it never repeats the words
 */
export function seedOfPhrase(phrase: string): Uint8Array {
  const words = phrase.normalize('NFKD').trim().toLowerCase().split(/\s+/)
  if (words.length !== WORDS)
    throw invalid(`A recovery phrase has ${WORDS} words; this one has ${words.length}.`)
  try {
    return mnemonicToEntropy(words.join(' '), wordlist)
  } catch {
    throw invalid('That is not a recovery phrase: a word is misspelt or two are swapped.')
  }
}

function invalid(message: string): VivimError {
  return new VivimError('InvalidParams', message, { field: 'recoveryPhrase' })
}
