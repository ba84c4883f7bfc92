import type { DhtRecord } from './dht/record.ts'
import type { Reachability } from './reach/reachability.ts'
import type { Seat } from './reach/relay-seats.ts'

/** A stream to one peer that carries whole frames in order. */
export interface FrameStream {
  /** The peer at the other end, proven by the handshake. */
  readonly peerId: string
  /**
   * Sends a frame of at least one byte; resolves when there is room for more.
   * @throws VivimError `Unavailable` when the stream is gone, `TooLarge`; the signal's reason
   */
  send(frame: Uint8Array, signal?: AbortSignal): Promise<void>
  /**
   * The next frame, in an array of its own; undefined once the other side has closed.
   * @throws VivimError `Unavailable` when the stream breaks, after the frames that had arrived; the signal's reason
   */
  receive(signal?: AbortSignal): Promise<Uint8Array | undefined>
  /** Sends what is waiting, drops what is unread and ends; a side that reads nothing for 30 s is cut. Never throws. */
  close(): Promise<void>
  /** Ends at once. Never throws. */
  abort(reason?: string): void
  /** Resolves when the stream is gone, however it went. */
  readonly closed: Promise<void>
  readonly bytesSent: number
  readonly bytesReceived: number
}

export interface StreamOptions {
  /** A frame beyond it breaks the stream; bytes. */
  readonly maxFrameBytes: number
  /** Streams of this protocol that one peer may have open towards us. */
  readonly maxInbound?: number
}

export type StreamHandler = (stream: FrameStream) => void | Promise<void>

/** What to do with a message: deliver and forward, drop in silence, or drop and remember who sent it. */
export type Verdict = 'accept' | 'ignore' | 'reject'
export type MessageHandler = (message: Uint8Array, from: string) => Verdict

/** How a peer is connected. */
export interface PeerConnection {
  readonly peerId: string
  /** Its end of the connection. */
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
  readonly relayed: boolean
}

/** How this node is reached, and by whom. */
export interface NetworkState {
  readonly reachability: Reachability
  /** Where others reach this node, best first. */
  readonly addresses: readonly string[]
  /** Relays it knows. */
  readonly relays: readonly Seat[]
  /** Of a relay: nodes that are reached by way of it. */
  readonly seats: number | undefined
  /** Records of others it keeps; undefined without a table. */
  readonly records: number | undefined
  readonly peers: readonly PeerConnection[]
  /** How often it hung and was started anew, and the last time. */
  readonly restarts: number
  readonly lastRestart: { readonly at: number; readonly why: string } | undefined
}

/** This node among others. Everything survives `stop` and `start`: handlers and topics are put in place again. */
export interface Network {
  readonly peerId: string
  /** Where others can reach this node, with its peer id; empty while it is off. */
  multiaddrs(): readonly string[]
  /** What can be said of it now. */
  state(): NetworkState
  /**
   * Peers that belong to somebody here, in place of those named before: strangers never take their places, and a direct
   * way to them is looked for.
   */
  protect(owner: string, peerIds: readonly string[]): void
  /** The owner is gone for good: where their peers were is forgotten too. */
  forget(owner: string): void
  /** Puts a signed record into the table of the bootstrap nodes; answers how many keep it. Never throws. */
  putRecord(place: string, value: Uint8Array): Promise<number>
  /** The newest record found at a place of that table. Never throws. */
  getRecord(place: string): Promise<DhtRecord | undefined>
  /** Called when this node may be reached elsewhere than before: another network, a relay, or it hung and began anew. */
  onAddresses(listener: () => void): () => void
  /** Peers connected now. */
  peers(): readonly string[]
  readonly running: boolean
  /** @throws VivimError `Unavailable` when an address cannot be listened on */
  start(): Promise<void>
  /** Streams that are not being closed break, at both ends. */
  stop(): Promise<void>
  /** Answers streams of a protocol. Who answers closes the stream. @throws VivimError `Conflict` if there is a handler */
  handle(protocol: string, options: StreamOptions, handler: StreamHandler): void
  unhandle(protocol: string): void
  /**
   * Opens a stream, dialling if need be: at the addresses given, else at those known of the peer.
   * @throws VivimError `Unavailable` when the network is off, or the peer cannot be reached or does not speak it
   */
  open(
    peer: { readonly peerId: string; readonly addresses?: readonly string[] },
    protocol: string,
    options: StreamOptions & { readonly signal?: AbortSignal },
  ): Promise<FrameStream>
  /** Connects without a stream. @throws as `open` */
  connect(
    peer: { readonly peerId: string; readonly addresses?: readonly string[] },
    signal?: AbortSignal,
  ): Promise<void>
  /** Ends all connections to a peer; streams on them break. It may come back. */
  disconnect(peerId: string): void
  /**
   * Speaks gossip with this peer from now on. With others it is not spoken at all: the topics a node listens to would
   * tell a stranger how many people it serves, and which nodes serve the same ones.
   */
  allowGossip(peerId: string): void
  /** Listens to a topic; a handler set before is replaced. */
  subscribe(topic: string, handler: MessageHandler): void
  /** This peer sent what no honest one sends: it is disconnected, and refused for a minute. */
  misbehaved(peerId: string): void
  unsubscribe(topic: string): void
  /**
   * A hint: who is not there does not hear it. Never throws. The same bytes are said once in a minute, on whatever
   * topic: what is said again carries something new.
   */
  publish(topic: string, message: Uint8Array): void
  /**
   * Called for each peer that connects first, or whose last connection goes: at once when its process ends, within
   * 15 s when it falls silent.
   */
  onPeer(listener: (peerId: string, connected: boolean) => void): () => void
  /** Called when the local network tells of a peer, with its addresses; once a minute while it is there. */
  onDiscovered(listener: (peerId: string, addresses: readonly string[]) => void): () => void
}
