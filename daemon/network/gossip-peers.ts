import type {
  ComponentLogger,
  Connection,
  PeerId,
  Stream,
  StreamHandlerOptions,
  Topology,
} from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'

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
 * others, and theirs are ended before it sees them. The router has no such choice of its own.
 */
export function onlyWith<C extends Components>(components: C, peers: GossipPeers): C {
  const registrar = guarded(components.registrar, peers)
  return new Proxy(components, {
    get: (parts, name) => (name === 'registrar' ? registrar : Reflect.get(parts, name)),
  })
}

function guarded(registrar: Registrar, peers: GossipPeers): Registrar {
  const allowed = (peerId: PeerId) => peers.has(peerId.toString())
  const guard: Partial<Registrar> = {
    handle: (protocol, handler, options?: StreamHandlerOptions) =>
      registrar.handle(
        protocol,
        (stream: Stream, connection: Connection) => {
          if (allowed(connection.remotePeer)) return handler(stream, connection)
          stream.abort(new Error('gossip is not spoken with this peer'))
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
