import { VivimError } from '../../schema/errors.ts'

/** `/ip4/127.0.0.1/tcp/0` → family, host, port. */
const TCP = /^\/(ip4|ip6|dns4|dns6|dns)\/([^/]+)\/tcp\/(\d+)/

/**
 * Where to listen. A port that was left to the system is kept for the life of this object, so that a network
 * switched off and on is found where it was.
 */
export class ListenPorts {
  readonly #wanted: readonly string[]
  readonly #chosen = new Map<string, string>()

  constructor(wanted: readonly string[]) {
    this.#wanted = wanted
  }

  addresses(): string[] {
    return this.#wanted.map((address) => this.#chosen.get(address) ?? address)
  }

  /** Notes what ports the system gave, from the addresses of the listeners. */
  remember(listening: readonly string[]): void {
    for (const wanted of this.#wanted) {
      const [, family, , port] = TCP.exec(wanted) ?? []
      if (port !== '0' || this.#chosen.has(wanted)) continue
      const found = listening.map((address) => TCP.exec(address)).find((parts) => parts?.[1] === family)
      if (found) this.#chosen.set(wanted, wanted.replace('/tcp/0', `/tcp/${found[3]}`))
    }
  }

  /** Lets the system choose again; answers whether it had. */
  forget(): boolean {
    const had = this.#chosen.size > 0
    this.#chosen.clear()
    return had
  }
}

export function isAddressInUse(error: unknown): boolean {
  return String((error as Error).message).includes('EADDRINUSE')
}

/** What to tell when listening failed: the library's message has a stack per address. */
export function listenFailure(error: unknown, addresses: readonly string[]): VivimError {
  const text = String((error as Error).message)
  const failed = addresses.filter((address) => text.includes(`${address}:`))
  const where = (failed.length > 0 ? failed : addresses).join(', ')
  const why = /\b(EADDRINUSE|EADDRNOTAVAIL|EACCES)\b/.exec(text)?.[1]
  const reason = REASONS[why ?? ''] ?? 'that address cannot be used'
  return new VivimError('Unavailable', `The network cannot listen on ${where}: ${reason}.`, {
    hint: 'Choose another address with network.listen.',
    cause: error,
  })
}

const REASONS: Record<string, string> = {
  EADDRINUSE: 'another program listens there',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EACCES: 'this user may not listen there',
}
