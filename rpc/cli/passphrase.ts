import { readFileSync } from 'node:fs'
import { VivimError } from '../../schema/errors.ts'
import type { Environment } from './command.ts'
import type { CliIo } from './io.ts'

export interface PassphraseSources {
  readonly env: Environment
  readonly io: CliIo
  /** `VIVIM_PASSPHRASE_FILE`, or its setting. */
  readonly file: string | undefined
}

/** From the environment, the file, or the terminal. @throws VivimError `Unauthorized` when there is none of them */
export async function readPassphrase(sources: PassphraseSources): Promise<string> {
  const given = givenPassphrase(sources)
  if (given !== undefined) return given
  if (sources.io.inIsTerminal) return sources.io.ask('Passphrase: ', { hidden: true })
  const hint = 'Set VIVIM_PASSPHRASE_FILE, or run this on a terminal.'
  throw new VivimError('Unauthorized', 'This user has a passphrase.', { hint })
}

/** A new passphrase, asked twice on a terminal; undefined: the user wants none. */
export async function readNewPassphrase(sources: PassphraseSources): Promise<string | undefined> {
  const given = givenPassphrase(sources)
  if (given !== undefined || !sources.io.inIsTerminal) return given
  const first = await sources.io.ask('New passphrase (empty: none): ', { hidden: true })
  if (first === '') return undefined
  const second = await sources.io.ask('The same again: ', { hidden: true })
  if (first === second) return first
  throw new VivimError('InvalidParams', 'The two passphrases differ.', { hint: 'Try again.' })
}

/** What was given without asking. The last line end of the file is not part of it. */
export function givenPassphrase({ env, file }: Pick<PassphraseSources, 'env' | 'file'>): string | undefined {
  if (env.VIVIM_PASSPHRASE) return env.VIVIM_PASSPHRASE
  if (file === undefined) return undefined
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (cause) {
    const hint = 'VIVIM_PASSPHRASE_FILE names it.'
    throw new VivimError('Unauthorized', 'The passphrase file cannot be read.', { hint, cause })
  }
}
