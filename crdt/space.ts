import { hashOf } from './hash.ts'

/** The space of one person's own devices: SHA-256 of CBOR ['vivim/space/private/1', DID]. */
export function privateSpaceId(did: string): Uint8Array {
  return hashOf(['vivim/space/private/1', did])
}
