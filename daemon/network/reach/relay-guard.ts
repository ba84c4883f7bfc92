import type { Connection, Stream, StreamHandlerOptions, Topology } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'

/** With whom a service of the library speaks. */
export type Allowed = (peerId: string) => boolean

/**
 * The parts a service is made of, with a registrar that shows it allowed peers alone: streams of others end before the
 * service sees them. The relay client would take a seat at anyone who offers one, and announce their address; the
 * hole puncher would dial whatever addresses a stranger names.
 */
export function onlyFrom<C extends { readonly registrar: Registrar }>(components: C, allowed: Allowed): C {
  const registrar = guarded(components.registrar, allowed)
  return new Proxy(components, {
    get: (parts, name) => (name === 'registrar' ? registrar : Reflect.get(parts, name)),
  })
}

function guarded(registrar: Registrar, allowed: Allowed): Registrar {
  const guard: Partial<Registrar> = {
    handle: (protocol, handler, options?: StreamHandlerOptions) =>
      registrar.handle(
        protocol,
        (stream: Stream, connection: Connection) => {
          if (allowed(connection.remotePeer.toString())) return handler(stream, connection)
          stream.abort(new Error('this is not spoken with strangers'))
        },
        options,
      ),
    register: (protocol, topology: Topology, options) =>
      registrar.register(
        protocol,
        {
          ...topology,
          onConnect: (peerId, connection) => {
            if (allowed(peerId.toString())) topology.onConnect?.(peerId, connection)
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
