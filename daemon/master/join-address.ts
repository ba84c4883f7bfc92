import { VivimError } from '../../schema/errors.ts'
import { isInvite, readInvite } from '../peers/invite-link.ts'

/** A bootstrap node as members find it. */
export interface JoinAddress {
  readonly peerId: string
  readonly addresses: readonly string[]
  /** As it was given. */
  readonly text: string
}

const ADDRESS = /^\/(?:ip4|ip6|dns|dns4|dns6)\/[^/\s]{1,253}\/tcp\/\d{1,5}(?:\/ws)?\/p2p\/([^/\s]+)$/
/** Of an Ed25519 key, which is what our nodes have: an identity multihash of 36 bytes in base58. */
const PEER_ID = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/

/**
 * Reads `/ip4/…/tcp/…/p2p/<peer id>`, or where an invite of somebody on that node leads; joining uses it up for nobody.
 * @throws VivimError `InvalidParams` that says what is missing
 */
export function readJoinAddress(text: string, field = 'network.join'): JoinAddress {
  if (isInvite(text)) return inviteAddress(text)
  const peerId = ADDRESS.exec(text)?.[1]
  if (peerId !== undefined && PEER_ID.test(peerId)) return { peerId, addresses: [text], text }
  const missing = text.includes('/p2p/') ? 'it is no multiaddr of a node' : 'it lacks the peer id, /p2p/…'
  throw new VivimError('InvalidParams', `That is not where a bootstrap node is: ${missing}.`, {
    field,
    hint: '`vivimd master` on the bootstrap node shows the whole address: /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW….',
  })
}

/** The secret in it is nobody's business here: only the address is kept. */
function inviteAddress(invite: string): JoinAddress {
  const { peerId, addresses } = readInvite(invite)
  const all = addresses.map((address) => `${address}/p2p/${peerId}`)
  return { peerId, addresses: all, text: all[0]! }
}
