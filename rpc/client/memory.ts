import { LineConnection } from '../connection.ts'
import type { Router } from '../router.ts'
import type { Count } from '../types.ts'
import { openClient } from './node-client.ts'
import type { Dial } from './transport.ts'
import type { Client, ClientOptions } from './types.ts'

export interface MemoryOptions extends ClientOptions {
  /** As if it came through the owner's socket; default true. */
  readonly ownerSocket?: boolean
  readonly count?: Count
}

/** The same client against a router in this process: the same bytes, without a socket. For tests. */
export function connectInMemory(router: Router, options: MemoryOptions = {}): Promise<Client> {
  return openClient(dialRouter(router, options), options)
}

function dialRouter(
  router: Router,
  { ownerSocket = true, now = Date.now, count = () => {} }: MemoryOptions,
): Dial {
  return async ({ bytes, closed }) => {
    const close = () => {
      if (connection.signal.aborted) return
      connection.close()
      closed()
    }
    const connection = new LineConnection({
      id: 'memory',
      ownerSocket,
      router,
      now,
      count,
      // As on a socket, what is written arrives later.
      wire: { write: (line) => setImmediate(bytes, Buffer.from(line)), setReading: () => {}, close },
    })
    return {
      send: (line) => void setImmediate(() => connection.receive(Buffer.from(line))),
      close: async () => close(),
    }
  }
}
