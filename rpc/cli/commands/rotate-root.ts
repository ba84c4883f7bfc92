import { randomInt } from 'node:crypto'
import type { Result } from '../../../schema/methods/index.ts'
import type { Client } from '../../client/types.ts'
import { clientConfig } from '../client-config.ts'
import type { Command, Invocation } from '../command.ts'
import { usage } from '../option-parser.ts'
import { givenPassphrase, readNewPassphrase } from '../passphrase.ts'
import { confirmRecoveryPhrase } from '../recovery-check.ts'
import { chooseUser, type User } from '../user-choice.ts'
import { recoveryPhraseView, succeededUserView } from '../views/users.ts'

const PLAIN = { color: false, columns: Number.POSITIVE_INFINITY }

/** What opens the new root key, and the words that are to be shown. */
interface Successor {
  readonly did: string
  readonly root: { readonly successorPhrase: string } | { readonly successorPassphrase: string }
  readonly made?: Result<'users.create'>
}

export const rotateRoot: Command = {
  usage: 'NAME|DID',
  options: {
    to: { type: 'text', value: 'NAME|DID', help: 'a user who is there; without it a new one is made' },
    name: { type: 'text', value: 'NAME', help: 'of the new user; default: the same name' },
    unattended: { type: 'flag', help: 'keys of the new user that open without a passphrase' },
    yes: { type: 'flag', help: 'do not ask words of the new phrase back' },
  },
  about:
    'A new root key is a new DID: this makes a new user, carries over what the vault shows, and has both root keys sign that the one goes on as the other. It cannot be taken back. The old 24 words are asked for, or VIVIM_PASSPHRASE opens the old root key; with --to the new words are asked for too, on the next line of the input.',
  async run(invocation) {
    const { words, options, io, print, client, note } = invocation
    if (words.length === 0)
      throw usage('Say which user: a display name or a DID.', '`vivimd user list` shows them.')
    if (options.to === undefined && !options.yes && !io.inIsTerminal)
      throw usage('The new words are shown once.', 'Add --yes where what reads the output keeps them.')
    const node = await client()
    const old = await chooseUser(node, words.join(' '))
    const { config } = clientConfig(invocation)
    const passphrase = givenPassphrase({ env: invocation.env, file: config.value('passphraseFile') })
    const lines = phraseReader(invocation)
    const root =
      passphrase === undefined ? { recoveryPhrase: await lines('Old recovery phrase: ') } : { passphrase }
    const to = options.to
    const successor =
      typeof to === 'string'
        ? await present(node, to, () => lines('New recovery phrase: '))
        : await newUser(invocation, node, old)
    note('Carrying over what the vault holds; a large one takes a while.')
    const phrase = successor.made?.recoveryPhrase
    const params = { did: old.did, successor: successor.did, ...root, ...successor.root }
    const result = await node.call('users.succeed', params).catch((error: unknown) => {
      // Nothing was printed yet, and the new user is there: their words must not be lost.
      if (phrase !== undefined && !io.inIsTerminal) io.err(recoveryPhraseView(phrase, PLAIN))
      if (phrase !== undefined)
        io.err(
          `User ${successor.did} is there. Go on with: vivimd user rotate-root ${old.did} --to ${successor.did}\n`,
        )
      throw error
    })
    print(phrase === undefined ? result : { ...result, recoveryPhrase: phrase }, (style) => {
      const shown = phrase === undefined || io.inIsTerminal ? '' : recoveryPhraseView(phrase, style)
      return shown + succeededUserView(result)
    })
    return 0
  },
}

async function present(node: Client, name: string, readPhrase: () => Promise<string>): Promise<Successor> {
  const { did } = await chooseUser(node, name)
  return { did, root: { successorPhrase: await readPhrase() } }
}

/** The words are known to the person before anything is signed: whatever happens next, `--to` goes on from here. */
async function newUser(invocation: Invocation, node: Client, old: User): Promise<Successor> {
  const { options, io, env } = invocation
  const sources = { env, io, file: clientConfig(invocation).config.value('passphraseFile') }
  const passphrase = options.unattended ? undefined : await readNewPassphrase(sources)
  const displayName = typeof options.name === 'string' ? options.name : old.displayName
  const made = await node.call('users.create', {
    ...(displayName === null ? {} : { displayName }),
    ...(passphrase === undefined ? { unattended: true } : { passphrase }),
  })
  if (io.inIsTerminal) io.err(`User ${made.did}\n${recoveryPhraseView(made.recoveryPhrase, PLAIN)}`)
  if (!options.yes) await confirmRecoveryPhrase(io, made.recoveryPhrase, (below) => randomInt(below))
  const root =
    passphrase === undefined ? { successorPhrase: made.recoveryPhrase } : { successorPassphrase: passphrase }
  return { did: made.did, root, made }
}

/** On a terminal each is asked for; else they are lines of the input. */
function phraseReader({ io }: Invocation): (question: string) => Promise<string> {
  let lines: string[] | undefined
  return async (question) => {
    if (!io.inIsTerminal) lines ??= (await io.readInput()).split('\n').filter((line) => line.trim() !== '')
    const text = lines ? (lines.shift() ?? '') : await io.ask(question, { hidden: true })
    return text.trim().split(/\s+/).join(' ')
  }
}
