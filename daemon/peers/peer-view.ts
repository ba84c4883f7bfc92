import type { PeerItem } from '../../schema/methods/peers.ts'
import { detectSpans, maskSpans } from '../knowledge/security/levels.ts'
import type { ContactRow } from '../vault/contact-rows.ts'
import { safetyString } from './safety-string.ts'

/** Somebody as the person who asks sees them; names are shown as far as their level allows. */
export function peerView(
  ownDid: string,
  row: ContactRow,
  connected: (peerId: string) => boolean,
  maxSecurityLevel: number,
): PeerItem {
  const shown = (name: string | null) =>
    name === null ? null : maskSpans(name, detectSpans(name), maxSecurityLevel)
  const petname = shown(row.petname)
  const { refused, ...lineage } = row.lineage
  const state = row.state === 'removed' || refused ? 'none' : row.state
  return {
    did: row.did,
    name: petname ?? `person ${row.did.slice(-6)}`,
    petname,
    displayName: shown(row.displayName),
    state: row.blocked ? 'blocked' : state,
    trust: state === 'accepted' && !row.blocked ? row.trust : null,
    connected: row.reach.some(({ peerId }) => connected(peerId)),
    confirmed: state === 'accepted' && row.confirmedAt !== null,
    initiated: row.initiated,
    safety: safetyString(ownDid, row.did),
    askedAt: row.askedAt,
    acceptedAt: row.acceptedAt,
    ...lineage,
  }
}
