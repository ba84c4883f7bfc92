import { VivimError } from '../../../schema/errors.ts'
import type { Result } from '../../../schema/methods/index.ts'
import type { Client } from '../../client/types.ts'
import { clientConfig } from '../client-config.ts'
import type { Command, Invocation } from '../command.ts'
import { givenRoot } from '../given-root.ts'
import { methodCommand } from '../method-command.ts'
import { usage } from '../option-parser.ts'
import { cancelledWithIt, confirmOnTerminal, pairingReaches } from '../pairing-dialogue.ts'
import { givenPassphrase, readNewPassphrase } from '../passphrase.ts'
import {
  confirmedView,
  devicesView,
  joinedView,
  logView,
  lostView,
  pairingView,
  renamedDeviceView,
  renewedView,
  resolvedView,
  revokedView,
} from '../views/devices.ts'

const pair: Command = {
  usage: '',
  options: {},
  about: 'On a terminal it waits for the new device and asks; with --json it prints the code and ends.',
  async run(invocation) {
    const { words, io, print, note, signedIn } = invocation
    if (words.length > 0) throw usage('It takes no words.', 'On the new device: `vivimd device join CODE`.')
    const node = await signedIn()
    const started = await node.call('devices.pair.start', {})
    print(started, (style) => pairingView(started, style))
    if (!isDialogue(invocation)) return 0
    note('Waiting for the new device; Ctrl-C cancels.')
    const { pairingId } = started
    const dialogue = async () => {
      const joined = await pairingReaches(node, io, pairingId, ({ state }) => state === 'joined')
      await confirmOnTerminal(node, io, joined)
    }
    await cancelledWithIt(node, pairingId, dialogue())
    return 0
  },
}

const join: Command = {
  usage: 'CODE',
  options: {
    name: {
      type: 'text',
      value: 'NAME',
      help: 'what to call this device; default: the name of the computer',
    },
    unattended: { type: 'flag', help: 'keys that open without a passphrase' },
    wait: { type: 'flag', help: 'wait until both sides have confirmed' },
  },
  about:
    'On a terminal it asks for the confirmation too. Without VIVIM_PASSPHRASE, VIVIM_PASSPHRASE_FILE or an answer on the terminal the keys have no passphrase.',
  async run(invocation) {
    const { options, io, print, client } = invocation
    const code = await readCode(invocation)
    const node = await client()
    const passphrase = await newPassphrase(invocation)
    const joined = await node.call('devices.pair.join', {
      code,
      ...(options.name === undefined ? {} : { deviceName: String(options.name) }),
      ...(passphrase === undefined ? {} : { passphrase }),
    })
    const { pairingId } = joined
    if (isDialogue(invocation)) {
      const status = await node.call('devices.pair.status', { pairingId })
      await cancelledWithIt(node, pairingId, confirmOnTerminal(node, io, status))
      return 0
    }
    print(joined, (style) => joinedView(joined, style))
    if (options.wait) await pairingReaches(node, io, pairingId, ({ state }) => state === 'done')
    return 0
  },
}

const confirm: Command = {
  usage: 'CHECK',
  options: { pairing: { type: 'text', value: 'ID', help: 'which pairing, when several are under way' } },
  about:
    'Only when the other device shows the same six digits. The second of the two waits until all is done.',
  async run({ words, options, print, client, signedIn }) {
    const check = words.join('')
    if (!/^\d{6}$/.test(check)) throw usage('Type the six digits that both devices show.')
    const pairing = options.pairing === undefined ? {} : { pairingId: String(options.pairing) }
    const node = (await isJoining(await client(), pairing)) ? await client() : await signedIn()
    const result = await node.call('devices.pair.confirm', { check, ...pairing })
    print(result, () => confirmedView(result))
    return 0
  },
}

const revoke: Command = {
  usage: 'NAME|DID',
  options: {},
  about:
    'The root key signs: the 24 words are asked for, or read from standard input; where this device keeps the root key, VIVIM_PASSPHRASE or VIVIM_PASSPHRASE_FILE opens it instead.',
  async run(invocation) {
    const result = await revokeNamed(invocation)
    invocation.print(result, () => revokedView(result))
    return 0
  },
}

const lost: Command = {
  ...revoke,
  async run(invocation) {
    const result = await revokeNamed(invocation)
    invocation.print(result, () => lostView(result))
    return 0
  },
}

const renew: Command = {
  usage: '',
  options: {},
  about:
    'The device that let this one in does it by itself, and so does signing in with the passphrase that opens the root key. The root key signs: the 24 words are asked for, or read from standard input; VIVIM_PASSPHRASE or VIVIM_PASSPHRASE_FILE opens it where this device keeps it.',
  async run(invocation) {
    const node = await invocation.signedIn()
    const result = await node.call('devices.renew', await givenRoot(invocation))
    invocation.print(result, () => renewedView(result))
    return 0
  },
}

const resolve: Command = {
  usage: 'NUMBER HASH',
  options: {},
  about:
    'On a device that was there before the versions parted. Revocations of the other version are undone. The root key signs: the 24 words are asked for, or read from standard input; VIVIM_PASSPHRASE or VIVIM_PASSPHRASE_FILE opens it where this device keeps it.',
  async run(invocation) {
    const [number = '', hash, ...more] = invocation.words
    if (!/^[1-9]\d*$/.test(number) || hash === undefined || more.length > 0)
      throw usage('Say which entry, and its hash.', '`vivimd device log` shows them.')
    const node = await invocation.signedIn()
    const root = await givenRoot(invocation)
    const result = await node.call('devices.resolve', { number: Number(number), hash, ...root })
    invocation.print(result, () => resolvedView(result))
    return 0
  },
}

async function revokeNamed(invocation: Invocation): Promise<Result<'devices.revoke'>> {
  const { words, signedIn } = invocation
  if (words.length === 0) throw usage('Say which device.', '`vivimd device list` shows yours.')
  const node = await signedIn()
  const root = await givenRoot(invocation)
  return node.call('devices.revoke', { device: words.join(' '), ...root })
}

export const deviceCommands = {
  pair,
  join,
  confirm,
  revoke,
  lost,
  renew,
  resolve,
  log: methodCommand('devices.log', { view: logView }),
  list: methodCommand('devices.list', { view: devicesView }),
  rename: methodCommand('devices.rename', { view: renamedDeviceView, rest: true }),
}

/** Whether somebody is there to be asked, and wants to be. */
function isDialogue({ io, options }: Invocation): boolean {
  return io.inIsTerminal && io.outIsTerminal && !options.json && !options.quiet
}

/** A code may come in pieces, on standard input, or on the terminal. */
async function readCode({ words, io }: Invocation): Promise<string> {
  if (words.length === 1 && words[0] === '-') return (await io.readInput()).trim()
  if (words.length > 0) return words.join('')
  if (io.inIsTerminal) return io.ask('The code that the other device shows: ')
  throw usage('Say the code that `vivimd device pair` shows on the other device.')
}

async function newPassphrase(invocation: Invocation): Promise<string | undefined> {
  if (invocation.options.unattended) return undefined
  const { env, io } = invocation
  const file = clientConfig(invocation).config.value('passphraseFile')
  return isDialogue(invocation) ? readNewPassphrase({ env, io, file }) : givenPassphrase({ env, file })
}

/** A pairing that this node joined needs no session: the user may not be here yet. */
async function isJoining(node: Client, pairing: { readonly pairingId?: string }): Promise<boolean> {
  const over: readonly Result<'devices.pair.status'>['state'][] = ['done', 'failed', 'expired']
  try {
    const { side, state } = await node.call('devices.pair.status', pairing)
    return side === 'joined' && !over.includes(state)
  } catch (error) {
    if (error instanceof VivimError && error.code === 'Unauthorized') return false
    throw error
  }
}
