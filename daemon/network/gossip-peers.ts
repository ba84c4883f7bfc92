import type {
  ComponentLogger,
  Connection,
  PeerId,
  Stream,
  StreamHandlerOptions,
  Topology,
} from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import type { EarlyStreams } from './early-streams.ts'

/** With whom gossip is spoken. */
export interface GossipPeers {
  has(peerId: string): boolean
}

interface Components {
  readonly registrar: Registrar
  readonly logger?: ComponentLogger
}

/**
 * The parts a gossip router is made of, with a registrar that shows it allowed peers alone: it opens no stream to
 * others, and theirs end before it sees them. The router has no such choice of its own.
 */
export function onlyWith<C extends Components>(components: C, peers: GossipPeers, early: EarlyStreams): C {
  const registrar = guarded(components.registrar, peers, early)
  return new Proxy(components, {
    get: (parts, name) => (name === 'registrar' ? registrar : Reflect.get(parts, name)),
  })
}

function guarded(registrar: Registrar, peers: GossipPeers, early: EarlyStreams): Registrar {
  const allowed = (peerId: PeerId) => peers.has(peerId.toString())
  const guard: Partial<Registrar> = {
    handle: (protocol, handler, options?: StreamHandlerOptions) =>
      registrar.handle(
        protocol,
        (stream: Stream, connection: Connection) => {
          if (allowed(connection.remotePeer)) return handler(stream, connection)
          early.wait(connection.remotePeer.toString(), stream, () => void handler(stream, connection))
        },
        options,
      ),
    register: (protocol, topology: Topology, options) =>
      registrar.register(
        protocol,
        {
          ...topology,
          onConnect: (peerId, connection) => {
            if (allowed(peerId)) topology.onConnect?.(peerId, connection)
          },
        },
        options,
      ),
  }
  return new Proxy(registrar, {
    get: (whole, name) => {
      const own = Reflect.get(guard, name)
      if (own !== undefined) return own
      const value = Reflect.get(whole, name)
      return typeof value === 'function' ? value.bind(whole) : value
    },
  })
}
