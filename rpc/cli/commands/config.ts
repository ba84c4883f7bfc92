import { isSettingKey, settingOf } from '../../../config/settings.ts'
import type { Result } from '../../../schema/methods/index.ts'
import type { Client } from '../../client/types.ts'
import { clientConfig } from '../client-config.ts'
import type { Command, Invocation } from '../command.ts'
import { CliFailure, EXIT_NO_NODE } from '../failure.ts'
import { jsonOrText } from '../method-parameters.ts'
import { usage } from '../option-parser.ts'
import { configView, settingView } from '../views/config.ts'

/** The running node knows best; without one, the file is read and written here. */
const list: Command = {
  usage: '',
  options: {},
  async run(invocation) {
    expectWords(invocation, 0)
    const client = await runningNode(invocation)
    const result = client
      ? await client.call('config.list')
      : { items: clientConfig(invocation).config.list() }
    invocation.print(result, (style) => configView(result, style))
    return 0
  },
}

const get: Command = {
  usage: 'KEY',
  options: {},
  async run(invocation) {
    const [key = ''] = expectWords(invocation, 1)
    const client = await runningNode(invocation)
    return shown(
      invocation,
      client ? await client.call('config.get', { key }) : clientConfig(invocation).config.get(key),
    )
  },
}

const set: Command = {
  usage: 'KEY VALUE',
  options: {},
  about: 'Settings marked dynamic change at once; the others while no node runs.',
  async run(invocation) {
    const [key = '', text = ''] = expectWords(invocation, 2)
    const client = await runningNode(invocation)
    if (client) return shown(invocation, await setOn(client, key, text))
    const { config } = clientConfig(invocation)
    return shown(invocation, config.store(key, valueFor(key, text)))
  },
}

export const configCommands = { list, get, set }

async function setOn(client: Client, key: string, text: string): Promise<Result<'config.set'>> {
  return client.call('config.set', { key, value: valueFor(key, text) as Result<'config.get'>['value'] })
}

/** A setting that holds text takes the word as it is, also `7` and `true`. */
function valueFor(key: string, text: string): unknown {
  const isText = isSettingKey(key) && settingOf(key).schema.safeParse(text).success
  return isText ? text : jsonOrText(text)
}

function shown({ print }: Invocation, item: Result<'config.get'>): number {
  print(item, () => settingView(item))
  return 0
}

function expectWords({ words }: Invocation, count: number): readonly string[] {
  if (words.length === count) return words
  throw usage(
    count === 0 ? 'No word is needed here.' : `${count === 1 ? 'A key is' : 'A key and a value are'} needed.`,
  )
}

async function runningNode({ client }: Invocation): Promise<Client | undefined> {
  try {
    return await client()
  } catch (error) {
    if (error instanceof CliFailure && error.exit === EXIT_NO_NODE) return undefined
    throw error
  }
}
