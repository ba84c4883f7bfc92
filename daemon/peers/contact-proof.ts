import type { KeyObject } from 'node:crypto'
import { type Cbor, encodeCanonical } from '../../crdt/cbor.ts'
import { sha256 } from '../../crdt/hash.ts'
import { LIMITS } from '../../schema/limits.ts'
import { isDid } from '../identity/did.ts'
import { documentBehind } from '../identity/document-behind.ts'
import { sign, verify } from '../identity/ed25519.ts'
import type { MemberDocument } from '../identity/member-document.ts'
import type { UserKeys } from '../identity/user-keys.ts'
import { issueVouchedStatement, readVouchedStatement } from '../identity/vouched-statement.ts'
import { INVITE_SECRET_BYTES } from './invite-link.ts'
import { areAddresses } from './reach.ts'

const CONSENT = 'vivim/contact-consent/1'
const PROOF = 'vivim/contact-proof/1'

/** That one person wants to be in contact with another one, signed by one of their devices. Good for third parties. */
export interface ContactConsent {
  readonly from: string
  readonly to: string
  /** Milliseconds UTC. */
  readonly at: number
  readonly document: MemberDocument
}

export function issueConsent(keys: UserKeys, to: string, at: number): Uint8Array {
  return issueVouchedStatement(keys.deviceKey, documentBehind(keys), CONSENT, [keys.did, to, at])
}

/** Undefined unless a device of who it is from signed it. */
export function readConsent(bytes: Uint8Array): ContactConsent | undefined {
  const statement = readVouchedStatement(bytes, CONSENT, 2)
  if (!statement?.member.certificate.capabilities.includes('sign')) return undefined
  const { member: document, fields } = statement
  const [to, at] = fields
  if (typeof to !== 'string' || !isDid(to) || typeof at !== 'number') return undefined
  return { from: document.did, to, at, document }
}

/** The two nodes of an exchange, and the randomness of both. */
export interface ProofContext {
  readonly role: 'asks' | 'answers'
  readonly ownPeerId: string
  readonly otherPeerId: string
  readonly askerNonce: Uint8Array
  readonly answererNonce: Uint8Array
}

/** What one side shows the other. */
export interface ShownProof {
  /** As `issueConsent` makes it. */
  readonly consent: Uint8Array
  readonly addresses: readonly string[]
  readonly displayName: string | null
  /** Of an invite. */
  readonly secret: Uint8Array | null
  /** As `issueSuccession` makes them: whose place the person took, and who took theirs. */
  readonly successions: readonly Uint8Array[]
}

export interface ContactProof extends ShownProof {
  readonly who: ContactConsent
}

/**
 * [consent, addresses, name, secret, signature], and the successions where there are any: the device that signed the consent is on the node at this end, now,
 * and speaks to the node at the other end.
 */
export function issueProof(deviceKey: KeyObject, shown: ShownProof, context: ProofContext): Cbor[] {
  const { consent, addresses, displayName, secret, successions } = shown
  const signature = sign(deviceKey, statementOf(shown, context))
  const fields = [consent, [...addresses], displayName, secret, signature]
  return successions.length > 0 ? [...fields, [...successions]] : fields
}

/** `context` is that of the side that made it. Undefined for anything that does not hold. */
export function readProof(value: readonly Cbor[], context: ProofContext): ContactProof | undefined {
  if (value.length !== 5 && value.length !== 6) return undefined
  const [consent, addresses, displayName, secret, signature, successions = []] = value
  if (!(consent instanceof Uint8Array && signature instanceof Uint8Array)) return undefined
  if (!areAddresses(addresses) || addresses.length > LIMITS.contactAddresses) return undefined
  if (!isShownName(displayName) || !isSecretOrNone(secret) || !areSuccessions(successions)) return undefined
  if (value.length === 6 && successions.length === 0) return undefined
  const who = readConsent(consent)
  const shown = { consent, addresses, displayName, secret, successions }
  if (!who || !verify(who.document.device, statementOf(shown, context), signature)) return undefined
  return { ...shown, who }
}

function statementOf(shown: ShownProof, context: ProofContext): Uint8Array {
  const { role, ownPeerId, otherPeerId, askerNonce, answererNonce } = context
  const { consent, addresses, displayName, secret, successions } = shown
  return encodeCanonical([
    PROOF,
    role,
    ownPeerId,
    otherPeerId,
    askerNonce,
    answererNonce,
    sha256(consent),
    [...addresses],
    displayName,
    secret,
    ...(successions.length > 0 ? [successions.map(sha256)] : []),
  ])
}

/** What somebody calls themselves, as far as it can be shown. */
export function isShownName(value: Cbor | undefined): value is string | null {
  if (value === null) return true
  return (
    typeof value === 'string' &&
    value.length <= LIMITS.nameCharacters &&
    !value.includes('\0') &&
    value.isWellFormed()
  )
}

/** Of an invite, or null. */
export function isSecretOrNone(value: Cbor | undefined): value is Uint8Array | null {
  return value === null || (value instanceof Uint8Array && value.length === INVITE_SECRET_BYTES)
}

function areSuccessions(value: Cbor): value is readonly Uint8Array[] {
  if (!Array.isArray(value) || value.length > LIMITS.successionsShown) return false
  return value.every((each) => each instanceof Uint8Array && each.length <= LIMITS.successionBytes)
}
