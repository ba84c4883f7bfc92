import type { Config } from '../../config/config.ts'
import { VivimError } from '../../schema/errors.ts'
import type { Client } from '../client/types.ts'
import type { Environment } from './command.ts'
import { CliFailure, EXIT_NO_NODE } from './failure.ts'
import type { CliIo } from './io.ts'
import { readPassphrase } from './passphrase.ts'
import { chooseUser } from './user-choice.ts'

export type Connect = (options: { socket: string; timeoutMs?: number }) => Promise<Client>

export interface NodeAccessOptions {
  readonly connect: Connect
  readonly socket: string
  readonly home: string
  readonly timeoutMs: number | undefined
  readonly config: Config
  readonly env: Environment
  readonly io: CliIo
}

/** One run's way to the node: connects and signs in when a command first needs it, and keeps no token. */
export class NodeAccess {
  readonly #options: NodeAccessOptions
  #client: Promise<Client> | undefined
  #signedIn: Promise<Client> | undefined

  constructor(options: NodeAccessOptions) {
    this.#options = options
  }

  client(): Promise<Client> {
    this.#client ??= this.#open()
    return this.#client
  }

  signedIn(): Promise<Client> {
    this.#signedIn ??= this.#signIn()
    return this.#signedIn
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined)
    await client?.close()
  }

  async #open(): Promise<Client> {
    const { connect, socket, home, timeoutMs } = this.#options
    try {
      return await connect({ socket, ...(timeoutMs === undefined ? {} : { timeoutMs }) })
    } catch (error) {
      if (!(error instanceof VivimError) || error.code !== 'Unavailable') throw error
      const message = `No node is running at ${home}.`
      throw new CliFailure(
        EXIT_NO_NODE,
        new VivimError('Unavailable', message, { hint: 'Start it with `vivimd start`.' }),
      )
    }
  }

  async #signIn(): Promise<Client> {
    const { config, env, io } = this.#options
    const client = await this.client()
    const { did, unattended } = await chooseUser(client, config.value('user'))
    const passphrase = unattended
      ? undefined
      : await readPassphrase({ env, io, file: config.value('passphraseFile') })
    await client.login({ did, ...(passphrase === undefined ? {} : { passphrase }) })
    return client
  }
}
