import { encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import { type EpochKey, openMessage, sealMessage } from '../../crdt/sealed-message.ts'

/** Where a device is reached. */
export interface Rendezvous {
  /** libp2p peer id of the node the device runs on. */
  readonly peerId: string
  /** Multiaddrs. */
  readonly addresses: readonly string[]
}

const TOPIC = 'rendezvous'
const ADDRESSES = 16

/** Sealed for the person's own devices: whoever else keeps the document learns neither peer id nor address. */
export function sealRendezvous(epochKey: EpochKey, { peerId, addresses }: Rendezvous): Uint8Array {
  return sealMessage(epochKey, TOPIC, encodeCanonical([peerId, addresses.slice(0, ADDRESSES)]))
}

/** Undefined when it does not open with these keys, or says something else. */
export function openRendezvous(epochKeys: readonly EpochKey[], sealed: Uint8Array): Rendezvous | undefined {
  const bytes = sealed.length === 0 ? undefined : openMessage(epochKeys, TOPIC, sealed)
  if (!bytes) return undefined
  const parts = tryDecodeArray(bytes)
  if (parts?.length !== 2) return undefined
  const [peerId, addresses] = parts
  if (typeof peerId !== 'string' || !Array.isArray(addresses)) return undefined
  if (!addresses.every((address): address is string => typeof address === 'string')) return undefined
  return { peerId, addresses }
}
