import type { Result } from '../../../schema/methods/index.ts'
import type { PeerItem } from '../../../schema/methods/peers.ts'
import { bold, type Style } from './style.ts'
import { more, table } from './table.ts'
import { count, date, oneLine } from './text.ts'

export function peersView({ items, nextCursor }: Result<'peers.list'>, style: Style): string {
  if (items.length === 0) return 'You know nobody yet. `vivimd peers invite` makes an invite for somebody.\n'
  const rows = items.map((peer) => [nameOf(peer), stateOf(peer), peer.trust ?? '-', peer.safety, peer.did])
  const news = items.flatMap((peer) => successionNote(peer) ?? [])
  return table(['NAME', 'STATE', 'TRUST', 'SAFETY', 'DID'], rows, style) + news.join('') + more(nextCursor)
}

/** What a person has to know before they trust the name. */
function successionNote(peer: PeerItem): string | undefined {
  const { did, succeeds, succeededBy, disputed, followedAt } = peer
  if (disputed)
    return `${nameOf(peer)}: one root key named two successors, so somebody else may have it. Ask them, and compare: vivimd peers safety ${did}\n`
  if (succeeds === null || followedAt === null || succeededBy !== null) return undefined
  return `${nameOf(peer)} has a new root key since ${date(followedAt)}. Compare the safety string: vivimd peers safety ${did}\n`
}

/** What they call themselves is in quotes: it is their word, not yours. */
function nameOf({ name, petname, displayName }: PeerItem): string {
  return oneLine(petname !== null || displayName === null ? name : JSON.stringify(displayName))
}

function stateOf({ state, connected, confirmed, succeededBy }: PeerItem): string {
  if (succeededBy !== null) return `now …${succeededBy.slice(-6)}`
  if (state === 'accepted') return connected ? 'connected' : confirmed ? 'contact' : 'contact, not told yet'
  if (state === 'requested') return 'asked by you'
  if (state === 'received') return 'asks you'
  return state === 'blocked' ? 'blocked' : 'named'
}

export function inviteView({ invite, qr, expiresAt }: Result<'peers.invite.create'>, style: Style): string {
  return `${qr}\n${bold('On their node:', style)}\n  vivimd peers invite accept ${invite}\n\nThe invite is good for one person, until ${date(expiresAt)}.\n`
}

export function invitesView({ items }: Result<'peers.invite.list'>, style: Style): string {
  if (items.length === 0) return 'This device made no invites. `vivimd peers invite` makes one.\n'
  const rows = items.map(({ inviteId, name, state, expiresAt, usedBy }) => [
    inviteId,
    oneLine(name ?? '-'),
    state,
    date(expiresAt),
    usedBy ?? '-',
  ])
  return table(['ID', 'FOR', 'STATE', 'UNTIL', 'USED BY'], rows, style)
}

export function revokedInviteView({ inviteId }: Result<'peers.invite.revoke'>): string {
  return `The invite ${inviteId} is taken back.\n`
}

export function contactView(peer: PeerItem): string {
  if (peer.state !== 'accepted')
    return `The invite waits at the master until the node of ${nameOf(peer)} reads it.\n`
  return `You and ${nameOf(peer)} are contacts. Compare once: ${peer.safety}\n`
}

export function askedView({ delivered, posted, ...peer }: Result<'peers.request'>): string {
  if (peer.state === 'accepted') return contactView(peer)
  if (posted && !delivered)
    return `Asked by way of the master. Whether ${nameOf(peer)} sees it is theirs to decide.\n`
  return delivered
    ? `Asked. Whether ${nameOf(peer)} sees it is theirs to decide.\n`
    : `Noted; no node of ${nameOf(peer)} could be reached. It is tried again while you are signed in.\n`
}

export function acceptedView({ posted, ...peer }: Result<'peers.accept'>): string {
  if (peer.confirmed) return contactView(peer)
  return posted
    ? `Accepted. ${nameOf(peer)} is told by way of the master.\n`
    : `Accepted. ${nameOf(peer)} is told as soon as they are reached.\n`
}

export function removedView({ posted, ...peer }: Result<'peers.remove'>): string {
  return `${nameOf(peer)} is no contact of yours. They are ${posted ? '' : 'not '}told.\n`
}

export function blockedView(peer: PeerItem): string {
  return `${nameOf(peer)} is blocked. Take it back with: vivimd peers unblock ${peer.did}\n`
}

export function unblockedView(peer: PeerItem): string {
  return `${nameOf(peer)} is not blocked any more.\n`
}

export function trustedView(peer: PeerItem): string {
  return `${nameOf(peer)}: ${peer.trust ?? 'no contact'}.\n`
}

export function namedView(peer: PeerItem): string {
  return peer.petname === null
    ? `${peer.did} has no name any more.\n`
    : `${peer.did} is called ${oneLine(peer.petname)}.\n`
}

export function safetyView({ name, safety }: Result<'peers.safety'>, style: Style): string {
  return `${bold(safety, style)}\nThe same digits on the other side mean that you have the keys of ${oneLine(name)}, and nobody is in between.\n`
}

export function connectedView({ peerId }: Result<'peers.connect'>): string {
  return `Connected to ${peerId}.\n`
}

export function disconnectedView({ peerIds }: Result<'peers.disconnect'>): string {
  return peerIds.length === 0
    ? 'Nothing of theirs was connected.\n'
    : `Disconnected from ${count(peerIds.length, 'node')}.\n`
}

export function privacyView({ throughMaster, ...who }: Result<'peers.privacy.get'>): string {
  const carried =
    'What you and others say to each other waits at the master, which learns who writes to whom.\n'
  return whoView(who) + (throughMaster ? carried : '')
}

function whoView({
  whoMayContact,
  requestsPerDay,
}: Omit<Result<'peers.privacy.get'>, 'throughMaster'>): string {
  if (whoMayContact === 'anyone')
    return `Anybody may ask to be a contact: ${count(requestsPerDay, 'request')} a day are kept.\n`
  const mates =
    whoMayContact === 'circle_mates'
      ? 'Circle mates may ask; there are no circles yet, so: nobody'
      : 'Nobody may ask'
  return `${mates}. Who holds an invite of yours needs not ask.\n`
}
