import { defaultSocket } from './default-socket.ts'
import { openClient } from './node-client.ts'
import { dialSocket } from './socket-transport.ts'
import type { Client, ConnectOptions } from './types.ts'

export { VivimError } from '../../schema/errors.ts'
export type { MethodName, ParamsInput, Result } from '../../schema/methods/index.ts'
export type { RpcProgress } from '../types.ts'
export type { CallOptions, Client, ClientSession, ConnectOptions, NotificationListener } from './types.ts'

const CONNECT_TIMEOUT_MS = 5_000

/**
 * Connects to the node of this account; `Unavailable` with a hint when none answers.
 *
 * ```ts
 * const client = await connect()
 * const { items } = await client.call('users.list')
 * await client.login({ did: items[0]!.did })
 * const found = await client.call('search.query', { query: 'green tea' })
 * await client.close()
 * ```
 */
export function connect({
  socket = defaultSocket(process.env, process.cwd()),
  connectTimeoutMs = CONNECT_TIMEOUT_MS,
  ...options
}: ConnectOptions = {}): Promise<Client> {
  return openClient(dialSocket(socket, connectTimeoutMs), options)
}
