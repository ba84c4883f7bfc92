import type { Connection, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Node } from './libp2p-node.ts'
import { scopeOf } from './reach/address-scope.ts'

export interface DialTarget {
  readonly peerId: string
  readonly addresses?: readonly string[]
}

/** An open connection to the peer: one there is, else a new one to the addresses given, else to those known. */
export async function connectTo(node: Node, target: DialTarget, signal: AbortSignal): Promise<Connection> {
  const peer = peerIdOf(target.peerId)
  const open = node.getConnections(peer).filter(({ status }) => status === 'open')
  const best = open.find(({ limits }) => limits === undefined) ?? open[0]
  if (best) return best
  const addresses = addressesOf(target)
  if (target.addresses && target.addresses.length > 0 && addresses.length === 0)
    throw new VivimError('Unavailable', `No address given for ${target.peerId} is one of that peer.`)
  const connection = await (addresses.length > 0
    ? dialInTurn(node, addresses, signal)
    : node.dial(peer, { signal }))
  // The handshake proves it whenever the address carries the id; this holds whatever the library joins a dial to.
  if (connection.remotePeer.toString() === target.peerId) return connection
  throw new VivimError('Unavailable', `Another peer than ${target.peerId} answered.`)
}

/**
 * Directly first, and by way of a relay when that fails or takes long. The library's own order puts a relay with a
 * public address before a machine in the same house, and one time holds for all addresses together.
 */
async function dialInTurn(
  node: Node,
  addresses: readonly Multiaddr[],
  signal: AbortSignal,
): Promise<Connection> {
  const isRelayed = (address: Multiaddr) => scopeOf(address.toString()) === 'relayed'
  const direct = addresses.filter((address) => !isRelayed(address))
  const relayed = addresses.filter(isRelayed)
  if (direct.length === 0 || relayed.length === 0) return node.dial([...addresses], { signal })
  try {
    const soon = AbortSignal.timeout(LIMITS.networkDirectDialMs)
    return await node.dial(direct, { signal: AbortSignal.any([signal, soon]) })
  } catch {
    signal.throwIfAborted()
    return node.dial(relayed, { signal })
  }
}

/** A dial's deadline together with the caller's signal. */
export function dialSignal(signal: AbortSignal | undefined): AbortSignal {
  const deadline = AbortSignal.timeout(LIMITS.networkDialMs)
  return signal ? AbortSignal.any([signal, deadline]) : deadline
}

/** An address with the id of another peer is not one of this peer. */
function addressesOf({ peerId, addresses = [] }: DialTarget): Multiaddr[] {
  return addresses.flatMap((address) => {
    const parsed = parse(address)
    const last = address.slice(address.lastIndexOf('/p2p-circuit') + 1)
    const named = /\/p2p\/([^/]+)/.exec(last)?.[1]
    if (!parsed || (named !== undefined && named !== peerId)) return []
    return [named === undefined ? parsed.encapsulate(`/p2p/${peerId}`) : parsed]
  })
}

function parse(address: string): Multiaddr | undefined {
  try {
    return multiaddr(address)
  } catch {
    return undefined
  }
}

function peerIdOf(text: string): PeerId {
  try {
    return peerIdFromString(text)
  } catch (cause) {
    throw new VivimError('InvalidParams', 'That is not a peer id.', { cause })
  }
}

/** What a failed dial or stream is to the caller: their own abort as it is, everything else `Unavailable`. */
export function dialFailure(error: unknown, peerId: string, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason
  if (error instanceof VivimError) return error
  const name = (error as Error).name
  if (name === 'UnsupportedProtocolError')
    return new VivimError('Unavailable', `The peer ${peerId} does not speak that protocol.`, { cause: error })
  if (name === 'TimeoutError' || name === 'AbortError')
    return new VivimError('Unavailable', `The peer ${peerId} did not answer in time.`, { cause: error })
  return new VivimError('Unavailable', `The peer ${peerId} cannot be reached.`, { cause: error })
}
