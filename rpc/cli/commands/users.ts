import { clientConfig } from '../client-config.ts'
import type { Command } from '../command.ts'
import { givenRoot } from '../given-root.ts'
import { methodCommand } from '../method-command.ts'
import { usage } from '../option-parser.ts'
import { readNewPassphrase, readPassphrase } from '../passphrase.ts'
import { readPhrase } from '../recovery-phrase.ts'
import { chooseUser } from '../user-choice.ts'
import { oneLine } from '../views/text.ts'
import {
  createdUserView,
  deletedUserView,
  lockedView,
  repairedUserView,
  usersView,
  whoamiView,
} from '../views/users.ts'
import { rotateRoot } from './rotate-root.ts'

const create: Command = {
  usage: '[NAME]',
  options: {
    unattended: { type: 'flag', help: 'keys that open without a passphrase' },
    restore: { type: 'flag', help: 'read 24 words, and restore that identity as a new device' },
  },
  about:
    'Without VIVIM_PASSPHRASE, VIVIM_PASSPHRASE_FILE or an answer on the terminal the user has no passphrase.',
  async run(invocation) {
    const { words, options, io, env, print, client } = invocation
    const displayName = words.join(' ')
    const { config } = clientConfig(invocation)
    const node = await client()
    const sources = { env, io, file: config.value('passphraseFile') }
    const recoveryPhrase = options.restore ? await readPhrase(invocation) : undefined
    const passphrase = options.unattended ? undefined : await readNewPassphrase(sources)
    const result = await node.call('users.create', {
      ...(displayName === '' ? {} : { displayName }),
      ...(passphrase === undefined ? { unattended: true } : { passphrase }),
      ...(recoveryPhrase === undefined ? {} : { recoveryPhrase }),
    })
    print(result, (style) => createdUserView(result, style))
    return 0
  },
}

const remove: Command = {
  usage: 'NAME|DID',
  options: {
    yes: { type: 'flag', help: 'do not ask' },
    everywhere: {
      type: 'flag',
      help: 'end the account on all devices, with the root key: the 24 words are asked for, or VIVIM_PASSPHRASE opens it',
    },
  },
  async run(invocation) {
    const { words, options, io, print, client } = invocation
    const name = named(words)
    const node = await client()
    const { did, displayName } = await chooseUser(node, name)
    if (!options.yes) {
      if (!io.inIsTerminal) throw usage('This removes the user for good.', 'Add --yes.')
      const answer = await io.ask(`Type ${oneLine(displayName ?? did)} to delete this user for good: `)
      if (answer !== (displayName ?? did)) throw usage('That is not the name; nothing was deleted.')
    }
    const ending = options.everywhere
      ? { scope: 'everywhere' as const, ...(await givenRoot(invocation)) }
      : {}
    const result = await node.call('users.delete', { did, confirm: did, ...ending })
    print(result, () => deletedUserView(result))
    return 0
  },
}

const repair: Command = {
  usage: 'NAME|DID',
  options: { yes: { type: 'flag', help: 'do not ask' } },
  about: 'For a database that is damaged, of a user who has other devices.',
  async run(invocation) {
    const { words, options, io, env, print, client } = invocation
    const name = named(words)
    const node = await client()
    const { did, displayName, locked } = await chooseUser(node, name)
    if (!options.yes) {
      if (!io.inIsTerminal) throw usage('This begins the database of the user anew.', 'Add --yes.')
      const answer = await io.ask(`Type ${oneLine(displayName ?? did)} to begin their database anew: `)
      if (answer !== (displayName ?? did)) throw usage('That is not the name; nothing was changed.')
    }
    const file = clientConfig(invocation).config.value('passphraseFile')
    const passphrase = locked ? await readPassphrase({ env, io, file }) : undefined
    const result = await node.call('users.repair', {
      did,
      confirm: did,
      ...(passphrase ? { passphrase } : {}),
    })
    print(result, () => repairedUserView(result))
    return 0
  },
}

const lock: Command = {
  usage: 'NAME|DID',
  options: {},
  async run({ words, print, client }) {
    const name = named(words)
    const node = await client()
    const result = await node.call('users.lock', { did: (await chooseUser(node, name)).did })
    print(result, () => lockedView(result))
    return 0
  },
}

export const userCommands = {
  create,
  list: methodCommand('users.list', { view: usersView }),
  lock,
  delete: remove,
  repair,
  rotateRoot,
  whoami: methodCommand('auth.whoami', { view: whoamiView }),
}

function named(words: readonly string[]): string {
  if (words.length === 0)
    throw usage('Say which user: a display name or a DID.', '`vivimd user list` shows them.')
  return words.join(' ')
}
