import { createHash } from 'node:crypto'
import { base32nopad } from '@scure/base'
import { encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import { VivimError } from '../../schema/errors.ts'

const PREFIX = 'vivim'
const VERSION = '1'
const CHECKSUM_BYTES = 4
export const SECRET_BYTES = 16
const ADDRESSES = 3

/** What a new device needs to reach the one that made the code, and to be let in. */
export interface PairingCode {
  /** libp2p peer id of the node that made it. */
  readonly peerId: string
  /** Multiaddrs of that node, three at most. */
  readonly addresses: readonly string[]
  /** 16 bytes, used for this pairing alone. */
  readonly secret: Uint8Array
  /** Milliseconds UTC, whole seconds. */
  readonly expiresAt: number
}

/**
 * `vivim1` and, as lower-case base32 (RFC 4648, no padding), canonical CBOR [peer id, addresses, secret, expiry in
 * seconds] followed by the first four bytes of its SHA-256.
 */
export function encodePairingCode({ peerId, addresses, secret, expiresAt }: PairingCode): string {
  const seconds = Math.floor(expiresAt / 1000)
  const content = encodeCanonical([peerId, addresses.slice(0, ADDRESSES), secret, seconds])
  const bytes = Buffer.concat([content, checksum(content)])
  return `${PREFIX}${VERSION}${base32nopad.encode(bytes).toLowerCase()}`
}

/**
 * Reads a code as people pass it on: capitals, spaces, line breaks and hyphens do not matter.
 * @throws VivimError `InvalidParams` for anything else, `Expired`
 */
export function decodePairingCode(text: string, now: number): PairingCode {
  const typed = text.toLowerCase().replace(/[\s-]+/g, '')
  if (!typed.startsWith(PREFIX)) throw invalid('That is not a pairing code: those begin with "vivim1".')
  if (typed[PREFIX.length] !== VERSION)
    throw invalid('That pairing code was made by another version of vivimd.')
  const code = fieldsOf(contentOf(typed.slice(PREFIX.length + VERSION.length)))
  if (now >= code.expiresAt)
    throw new VivimError('Expired', 'That pairing code has expired.', {
      field: 'code',
      hint: 'Make a new one with `vivimd device pair`; the clocks of both devices must agree.',
    })
  return code
}

/** The addresses worth a place: those that others can dial come before the machine's own. */
export function addressesForCode(multiaddrs: readonly string[]): string[] {
  const own = (address: string) => /^\/ip4\/127\.|^\/ip6\/::1\//.test(address)
  const plain = multiaddrs.map((address) => address.replace(/\/p2p\/[^/]+$/, ''))
  const known = [...new Set(plain)]
  return [...known.filter((address) => !own(address)), ...known.filter(own)].slice(0, ADDRESSES)
}

function contentOf(digits: string): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = base32nopad.decode(digits.toUpperCase())
  } catch {
    throw mistyped()
  }
  const content = bytes.slice(0, -CHECKSUM_BYTES)
  if (Buffer.compare(checksum(content), bytes.subarray(-CHECKSUM_BYTES)) !== 0) throw mistyped()
  return content
}

function fieldsOf(content: Uint8Array): PairingCode {
  const fields = tryDecodeArray(content)
  if (fields?.length !== 4) throw mistyped()
  const [peerId, addresses, secret, seconds] = fields
  if (typeof peerId !== 'string' || !Array.isArray(addresses) || addresses.length > ADDRESSES)
    throw mistyped()
  if (!addresses.every((address): address is string => typeof address === 'string')) throw mistyped()
  if (!(secret instanceof Uint8Array) || secret.length !== SECRET_BYTES) throw mistyped()
  if (typeof seconds !== 'number' || !Number.isSafeInteger(seconds * 1000)) throw mistyped()
  return { peerId, addresses, secret: new Uint8Array(secret), expiresAt: seconds * 1000 }
}

function checksum(content: Uint8Array): Uint8Array {
  return createHash('sha256').update(content).digest().subarray(0, CHECKSUM_BYTES)
}

function mistyped(): VivimError {
  return invalid('That pairing code has a typing error, or its end is missing.')
}

function invalid(message: string): VivimError {
  return new VivimError('InvalidParams', message, { field: 'code' })
}
