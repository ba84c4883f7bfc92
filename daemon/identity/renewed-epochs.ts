import { encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import type { EpochKey } from '../../crdt/sealed-message.ts'
import type { Random } from './key-wrapping.ts'
import { decodeEpochs, encodeEpochs, type UserKeys } from './user-keys.ts'
import { unwrap, wrapFor } from './x-wing.ts'

const PURPOSE = 'vivimd/renewed-epochs/1'

/** The epoch keys of a device, which itself opens: no passphrase is at hand when they come. */
export function wrapEpochs(
  { receiveKey, epochs }: Pick<UserKeys, 'receiveKey' | 'epochs'>,
  random: Random,
): Uint8Array {
  return wrapFor(receiveKey, PURPOSE, encodeCanonical([encodeEpochs(epochs)]), random)
}

/** Those of the keystore with those that were wrapped, by number; what does not open adds none. */
export function withRenewedEpochs(
  { receiveSeed, epochs }: Pick<UserKeys, 'receiveSeed' | 'epochs'>,
  wrapped: Uint8Array,
): readonly EpochKey[] {
  const plain = unwrap(receiveSeed, PURPOSE, wrapped)
  const renewed = decodeEpochs(plain && tryDecodeArray(plain)?.[0]) ?? []
  const all = new Map([...renewed, ...epochs].map((each) => [each.epoch, each]))
  return [...all.values()].sort((a, b) => a.epoch - b.epoch)
}
