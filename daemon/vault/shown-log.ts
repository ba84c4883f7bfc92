import { hex } from '../../crdt/membership.ts'
import type { Result } from '../../schema/methods/index.ts'
import type { MembershipRecords } from './membership-records.ts'

/** The DID log as a person sees it. */
export function shownLog(
  { log, entries }: Pick<MembershipRecords, 'log' | 'entries'>,
  didOf: (device: Uint8Array) => string,
  nameOf: (deviceDid: string) => string,
): Result<'devices.log'> {
  return {
    forkedAt: log.forkedAt ?? null,
    entries: entries.map(({ number, hash, previous, at, change }) => {
      const deviceDid = shownDid(change.device, didOf)
      return {
        number,
        hash: hex(hash),
        previous: hex(previous),
        kind: change.kind,
        deviceDid,
        name: nameOf(deviceDid),
        chosen: change.kind === 'resolve' ? hex(change.chosen) : null,
        at,
        state: log.isSetAside(hash) ? 'set-aside' : log.knows(hash) ? 'counts' : 'waiting',
      }
    }),
  }
}

/** The root key may have signed any 32 bytes. */
function shownDid(device: Uint8Array, didOf: (device: Uint8Array) => string): string {
  try {
    return didOf(device)
  } catch {
    return hex(device)
  }
}
