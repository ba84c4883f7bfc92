import { resolve } from 'node:path'
import { VivimError } from '../../../schema/errors.ts'
import { clientConfig } from '../client-config.ts'
import type { Command, Invocation } from '../command.ts'
import { usage } from '../option-parser.ts'
import { readNewPassphrase, readPassphrase } from '../passphrase.ts'
import { chooseUser } from '../user-choice.ts'
import { createdBackupView, restoredView, verifiedView } from '../views/backup.ts'

const create: Command = {
  usage: 'FILE',
  options: {},
  about:
    'The file is encrypted with a passphrase: VIVIM_PASSPHRASE, VIVIM_PASSPHRASE_FILE, or asked on the terminal. It is one device more: `vivimd device lost` takes a lost one out.',
  async run(invocation) {
    const path = file(invocation)
    const { config } = clientConfig(invocation)
    const node = await invocation.client()
    const { did } = await chooseUser(node, config.value('user'))
    const passphrase = await readNewPassphrase(sources(invocation))
    if (passphrase === undefined)
      throw new VivimError('InvalidParams', 'A backup needs a passphrase.', {
        hint: 'Set VIVIM_PASSPHRASE_FILE, or run this on a terminal.',
      })
    const result = await node.call('backup.create', { did, path, passphrase })
    invocation.print(result, () => createdBackupView(result))
    return 0
  },
}

const verify: Command = {
  usage: 'FILE',
  options: {},
  async run(invocation) {
    const path = file(invocation)
    const passphrase = await readPassphrase(sources(invocation))
    const result = await (await invocation.client()).call('backup.verify', { path, passphrase })
    invocation.print(result, () => verifiedView(result))
    return 0
  },
}

const restore: Command = {
  usage: 'FILE',
  options: { unattended: { type: 'flag', help: 'keys that open without a passphrase' } },
  about: "The backup's passphrase becomes the user's on this node, unless --unattended is given.",
  async run(invocation) {
    const path = file(invocation)
    const passphrase = await readPassphrase(sources(invocation))
    const unattended = invocation.options.unattended === true
    const result = await (await invocation.client()).call('backup.restore', { path, passphrase, unattended })
    invocation.print(result, () => restoredView(result))
    return 0
  },
}

export const backupCommands = { create, verify, restore }

function file({ words, cwd }: Invocation): string {
  const [name] = words
  if (name === undefined || words.length > 1) throw usage('Say which file.')
  return resolve(cwd, name)
}

function sources(invocation: Invocation) {
  const { env, io } = invocation
  return { env, io, file: clientConfig(invocation).config.value('passphraseFile') }
}
