import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { publicKeyOfPeer } from '../identity/node-key.ts'
import { byWorth, scopeOf } from '../network/reach/address-scope.ts'
import type { Reach } from '../vault/contact-rows.ts'

const ADDRESS_CHARACTERS = 300

/** Multiaddrs a node may be tried at. */
export function areAddresses(value: unknown): value is readonly string[] {
  const isAddress = (address: unknown) =>
    typeof address === 'string' && address.length <= ADDRESS_CHARACTERS && scopeOf(address) !== undefined
  return Array.isArray(value) && value.every(isAddress)
}

/** The addresses most worth telling another person, without the peer id. */
export function addressesToTell(multiaddrs: readonly string[]): string[] {
  const plain = byWorth(multiaddrs).map((address) => address.replace(/\/p2p\/[^/]+$/, ''))
  return [...new Set(plain)].filter((address) => areAddresses([address])).slice(0, LIMITS.contactAddresses)
}

/** Reads `/ip4/…/tcp/…/p2p/<peer id>`, or one by way of a relay. @throws VivimError `InvalidParams` */
export function readNodeAddress(text: string, field: string): Reach {
  const [, address, peerId] = /^(.+)\/p2p\/([^/]+)$/.exec(text) ?? []
  if (address !== undefined && peerId !== undefined && publicKeyOfPeer(peerId) && areAddresses([address]))
    return { peerId, addresses: [address] }
  throw new VivimError('InvalidParams', 'That is not where a node is.', {
    field,
    hint: 'It looks like /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…; `vivimd status` there shows it.',
  })
}

/**
 * A caller that may not speak for the node's owner must not make it knock at machines of its own network.
 * @throws VivimError `Forbidden`
 */
export function refusePrivate({ addresses }: Reach, mayReachPrivate: boolean, field: string): void {
  const isPrivate = (address: string) => scopeOf(address) === 'machine' || scopeOf(address) === 'local'
  if (mayReachPrivate || !addresses.some(isPrivate)) return
  throw new VivimError('Forbidden', 'An app may not make the node dial private addresses.', {
    field,
    hint: 'The person themselves can: `vivimd peers connect`.',
  })
}
