import { clientConfig } from './client-config.ts'
import type { Invocation } from './command.ts'
import { givenPassphrase } from './passphrase.ts'
import { readPhrase } from './recovery-phrase.ts'

/** What opens the root key: the passphrase that was given, else the 24 words, which are asked for. */
export async function givenRoot(
  invocation: Invocation,
): Promise<{ recoveryPhrase: string } | { passphrase: string }> {
  const file = clientConfig(invocation).config.value('passphraseFile')
  const passphrase = givenPassphrase({ env: invocation.env, file })
  return passphrase === undefined ? { recoveryPhrase: await readPhrase(invocation) } : { passphrase }
}
