import { uPnPNAT } from '@libp2p/upnp-nat'
import { scopeOf } from './address-scope.ts'

/** Asks the router to let others in, by UPnP; without a router that does, nothing happens. */
export function portMapping() {
  return uPnPNAT({ portMappingDescription: 'vivimd', autoConfirmAddress: true })
}

/** Whether a router could help: a node that listens on this machine alone wants nobody in. */
export function couldBeMapped(listen: readonly string[]): boolean {
  return listen.some((address) => scopeOf(address) !== 'machine')
}
