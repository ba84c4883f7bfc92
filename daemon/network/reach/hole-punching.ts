import { dcutr } from '@libp2p/dcutr'
import { type Allowed, onlyFrom } from './relay-guard.ts'

/** Looks for a direct way to a peer that came by a relay; only a person's own may have this node dial what they name. */
export function holePunching(allowed: Allowed) {
  const make = dcutr()
  return (components: Parameters<typeof make>[0]) => make(onlyFrom(components, allowed))
}
