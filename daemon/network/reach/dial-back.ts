import type { Connection, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { encodeCanonical, tryDecodeArray } from '../../../crdt/cbor.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { Libp2pFrameStream } from '../frame-stream.ts'
import type { Node } from '../libp2p-node.ts'
import { StreamAllowance } from '../stream-allowance.ts'

/**
 * Asks a peer to dial back: one question [ports], one answer [host, [ports that worked]]. The host is the one the
 * question came from, so that nobody can have others dialled. The library's AutoNAT does the same, but believes
 * nothing until peers in four networks agree, and a person's nodes may know of a single one.
 */
export const REACH_PROTOCOL = '/vivim/reach/1'
const FRAME_BYTES = 512
const PORTS = 3
const STREAMS = { maxInboundStreams: 2, maxOutboundStreams: 2 }

export interface DialledBack {
  /** The IP address under which the peer sees this node. */
  readonly host: string
  /** At which of the ports asked for it reached this node. */
  readonly ports: readonly number[]
}

/** Answers those who ask whether they can be reached. */
export async function answerDialBacks(node: Node, count: (name: string) => void): Promise<void> {
  const allowance = new StreamAllowance({
    perPeer: LIMITS.dialBacksPerPeer,
    ofAll: LIMITS.dialBacks,
    now: () => performance.now(),
  })
  await node.handle(
    REACH_PROTOCOL,
    (stream: Stream, connection: Connection) => {
      const peerId = connection.remotePeer.toString()
      if (allowance.take(peerId)) return void answer(node, stream, connection)
      count('network.dialbacks.refused')
      stream.abort(new Error('too many'))
    },
    STREAMS,
  )
}

async function answer(node: Node, stream: Stream, connection: Connection): Promise<void> {
  const frames = new Libp2pFrameStream(stream, connection.remotePeer.toString(), FRAME_BYTES)
  const signal = AbortSignal.timeout(LIMITS.dialBackMs)
  try {
    const ports = portsOf((await frames.receive(signal)) ?? new Uint8Array())
    const [, family, host] = /^\/(ip[46])\/([^/]+)\/tcp\//.exec(String(connection.remoteAddr)) ?? []
    if (!ports || ports.length > PORTS || host === undefined) return frames.abort('not a question')
    const worked: number[] = []
    for (const port of ports) {
      const address = `/${family}/${host}/tcp/${port}/p2p/${connection.remotePeer}`
      if (await reaches(node, address, signal)) worked.push(port)
    }
    await frames.send(encodeCanonical([host, worked]), signal)
    await frames.close()
  } catch {
    frames.abort('no question')
  }
}

/** The handshake proves that it is the same node that answers there. */
async function reaches(node: Node, address: string, signal: AbortSignal): Promise<boolean> {
  try {
    const each = AbortSignal.any([signal, AbortSignal.timeout(LIMITS.networkAddressDialMs)])
    const connection = await node.dial(multiaddr(address), { signal: each, force: true })
    // The library joins dials to the same peer: this one may have gone elsewhere.
    const there = String(connection.remoteAddr).startsWith(address.replace(/\/p2p\/.*/, '/'))
    const exact = there || String(connection.remoteAddr) === address.replace(/\/p2p\/.*/, '')
    await connection.close()
    return exact
  } catch {
    return false
  }
}

/** Asks over a connection that is no relayed one. @throws what the library throws; the signal's reason */
export async function askToDialBack(
  connection: Connection,
  ports: readonly number[],
  signal: AbortSignal,
): Promise<DialledBack | undefined> {
  const stream = await connection.newStream(REACH_PROTOCOL, { signal })
  const frames = new Libp2pFrameStream(stream, connection.remotePeer.toString(), FRAME_BYTES)
  try {
    await frames.send(encodeCanonical(ports.slice(0, PORTS)), signal)
    const [host, worked] = tryDecodeArray((await frames.receive(signal)) ?? new Uint8Array()) ?? []
    await frames.close()
    const found = Array.isArray(worked) ? portsOf(encodeCanonical(worked)) : undefined
    if (typeof host !== 'string' || !found?.every((port) => ports.includes(port))) return undefined
    return { host, ports: found }
  } catch (error) {
    frames.abort('no answer')
    throw error
  }
}

function portsOf(bytes: Uint8Array): number[] | undefined {
  const ports = tryDecodeArray(bytes)
  const fine = (port: unknown): port is number =>
    Number.isInteger(port) && Number(port) > 0 && Number(port) < 65_536
  return ports?.every(fine) ? [...ports] : undefined
}
