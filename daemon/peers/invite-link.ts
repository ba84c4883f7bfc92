import { createHash } from 'node:crypto'
import { encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { decodeDid, encodeDid } from '../identity/did.ts'
import { isAcceptableKey } from '../identity/ed25519.ts'
import { publicKeyOfPeer } from '../identity/node-key.ts'
import { areAddresses } from './reach.ts'

const PREFIX = 'vivim://invite/'
const VERSION = 1
const CHECKSUM_BYTES = 4
export const INVITE_SECRET_BYTES = 16

/** What one person needs to get in contact with another one. */
export interface Invite {
  readonly did: string
  /** libp2p peer id of the node that made it. */
  readonly peerId: string
  /** Multiaddrs of that node, without the peer id. */
  readonly addresses: readonly string[]
  /** 16 bytes, good once. */
  readonly secret: Uint8Array
  /** Milliseconds UTC, whole seconds. */
  readonly expiresAt: number
}

/**
 * `vivim://invite/` and, as base64url, canonical CBOR [1, root key, peer id, addresses, secret, expiry in seconds]
 * followed by the first four bytes of its SHA-256.
 */
export function encodeInvite({ did, peerId, addresses, secret, expiresAt }: Invite): string {
  const seconds = Math.floor(expiresAt / 1000)
  const content = encodeCanonical([VERSION, decodeDid(did), peerId, [...addresses], secret, seconds])
  return PREFIX + Buffer.concat([content, checksum(content)]).toString('base64url')
}

export function isInvite(text: string): boolean {
  return text.trimStart().startsWith(PREFIX)
}

/** @throws VivimError `InvalidParams`, `Expired` */
export function decodeInvite(text: string, now: number): Invite {
  const invite = readInvite(text)
  if (now >= invite.expiresAt)
    throw new VivimError('Expired', 'That invite has expired.', {
      field: 'invite',
      hint: 'Ask for a new one: `vivimd peers invite create`. The clocks of both nodes must agree.',
    })
  return invite
}

/**
 * Whether it has expired or not. Line breaks and spaces somebody put into it do not matter.
 * @throws VivimError `InvalidParams`
 */
export function readInvite(text: string): Invite {
  const typed = text.replace(/\s+/g, '')
  if (!typed.startsWith(PREFIX)) throw invalid(`That is no invite: those begin with "${PREFIX}".`)
  const encoded = typed.slice(PREFIX.length)
  const bytes = Buffer.from(encoded, 'base64url')
  const content = bytes.subarray(0, -CHECKSUM_BYTES)
  const isWhole = bytes.toString('base64url') === encoded
  if (!isWhole || Buffer.compare(checksum(content), bytes.subarray(-CHECKSUM_BYTES)) !== 0) throw mistyped()
  const fields = tryDecodeArray(new Uint8Array(content))
  if (typeof fields?.[0] === 'number' && fields[0] !== VERSION)
    throw invalid('That invite was made by another version of vivimd.')
  const invite = fields && inviteIn(fields)
  if (!invite) throw mistyped()
  return invite
}

function inviteIn(fields: NonNullable<ReturnType<typeof tryDecodeArray>>): Invite | undefined {
  if (fields.length !== 6) return undefined
  const [, key, peerId, addresses, secret, seconds] = fields
  if (!(key instanceof Uint8Array) || !isAcceptableKey(key)) return undefined
  if (typeof peerId !== 'string' || !publicKeyOfPeer(peerId)) return undefined
  if (!areAddresses(addresses) || addresses.length === 0) return undefined
  if (addresses.length > LIMITS.contactAddresses) return undefined
  if (!(secret instanceof Uint8Array) || secret.length !== INVITE_SECRET_BYTES) return undefined
  if (typeof seconds !== 'number' || !Number.isSafeInteger(seconds * 1000)) return undefined
  return { did: encodeDid(key), peerId, addresses, secret: new Uint8Array(secret), expiresAt: seconds * 1000 }
}

function checksum(content: Uint8Array): Uint8Array {
  return createHash('sha256').update(content).digest().subarray(0, CHECKSUM_BYTES)
}

function mistyped(): VivimError {
  return invalid('That invite has a typing error, or its end is missing.')
}

function invalid(message: string): VivimError {
  return new VivimError('InvalidParams', message, { field: 'invite' })
}

/** What is kept of the secret of an invite. */
export function hashOfSecret(secret: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update('vivim/invite-secret/1').update(secret).digest())
}
