import { type Cbor, encodeCanonical, tryDecodeArray } from './cbor.ts'
import { hashOf } from './hash.ts'

/** The statement of an entry begins with it, and nothing else that the root key signs does. */
const DOMAIN = 'vivim/did-log/1'
const RESOLUTION_DOMAIN = 'vivim/did-log-resolution/1'

/** What a device may do with rows: a `reader`'s operations change nothing. */
const ROLES = ['writer', 'reader'] as const
export type Role = (typeof ROLES)[number]

/** Names of capabilities in one entry, and spaces whose cut-offs one revocation commits to. */
const CAPABILITIES_MAX = 16
const CUT_OFFS_MAX = 1_024

export type MembershipChange =
  /** The root itself vouches for a device, whoever enrolled it. */
  | {
      readonly kind: 'admit'
      /** Ed25519 public key, 32 bytes. */
      readonly device: Uint8Array
      readonly role: Role
      readonly capabilities: readonly string[]
    }
  /** For good. One hash for each space the device wrote in: of its cut-offs there. */
  | { readonly kind: 'revoke'; readonly device: Uint8Array; readonly cutOffs: readonly Uint8Array[] }
  | { readonly kind: 'role'; readonly device: Uint8Array; readonly role: Role }
  /** Of two entries with one number that one counts, with what follows it; a device that was there before says so too. */
  | {
      readonly kind: 'resolve'
      /** The device that says so. */
      readonly device: Uint8Array
      readonly number: number
      /** Hash of the entry that counts. */
      readonly chosen: Uint8Array
      /** Of the device, over `resolutionMessage`. */
      readonly signature: Uint8Array
    }

/** One entry of a person's DID log. */
export interface MembershipEntry {
  /** Of the person whose log it is. */
  readonly did: string
  /** From 1, without gaps. */
  readonly number: number
  /** Hash of the entry before; 32 zero bytes before the first. */
  readonly previous: Uint8Array
  /** Milliseconds UTC, for people: nothing is decided by it. */
  readonly at: number
  readonly change: MembershipChange
}

/** An entry whose signature verified. */
export interface SignedEntry extends MembershipEntry {
  /** SHA-256 of CBOR ['vivim/did-log-entry/1', statement]. */
  readonly hash: Uint8Array
  /** Canonical CBOR [statement, signature]. */
  readonly bytes: Uint8Array
}

/** Whether the root key of that DID signed the message, or that device. */
export type VerifyRoot = (message: Uint8Array, signature: Uint8Array, device?: Uint8Array) => boolean

const KIND = { admit: 1, revoke: 2, role: 3, resolve: 4 } as const satisfies Record<
  MembershipChange['kind'],
  number
>

/** `sign` is the root key's. */
export function signMembershipEntry(
  { did, number, previous, at, change }: MembershipEntry,
  sign: (message: Uint8Array) => Uint8Array,
): Uint8Array {
  const statement = encodeCanonical([
    DOMAIN,
    did,
    number,
    previous,
    at,
    KIND[change.kind],
    ...partsOf(change),
  ])
  return encodeCanonical([statement, sign(statement)])
}

/** The entry, or undefined for bytes that are none of this person's or that their root key did not sign. */
export function readMembershipEntry(
  bytes: Uint8Array,
  did: string,
  verify: VerifyRoot,
): SignedEntry | undefined {
  const outer = tryDecodeArray(bytes)
  if (outer?.length !== 2) return undefined
  const [statement, signature] = outer
  if (!(statement instanceof Uint8Array && signature instanceof Uint8Array)) return undefined
  const fields = tryDecodeArray(statement)
  if (!fields || fields[0] !== DOMAIN || fields[1] !== did) return undefined
  const [, , number, previous, at, kind, ...parts] = fields
  const change = readChange(kind, parts)
  if (!change || !isCount(number) || number < 1 || !isCount(at) || !isBytes(previous, 32)) return undefined
  if (!verify(statement, signature)) return undefined
  if (change.kind === 'resolve') {
    const message = resolutionMessage({ did, previous, number: change.number, chosen: change.chosen })
    if (!verify(message, change.signature, change.device)) return undefined
  }
  const hash = hashOf(['vivim/did-log-entry/1', statement])
  return { did, number, previous, at, change, hash, bytes }
}

/** What a device signs to have one of two versions count; `previous`: the entry that the resolution follows. */
export function resolutionMessage(of: {
  readonly did: string
  readonly previous: Uint8Array
  readonly number: number
  readonly chosen: Uint8Array
}): Uint8Array {
  return encodeCanonical([RESOLUTION_DOMAIN, of.did, of.previous, of.number, of.chosen])
}

function partsOf(change: MembershipChange): Cbor[] {
  switch (change.kind) {
    case 'admit':
      return [change.device, change.role, [...change.capabilities]]
    case 'revoke':
      return [change.device, [...change.cutOffs]]
    case 'role':
      return [change.device, change.role]
    case 'resolve':
      return [change.device, change.number, change.chosen, change.signature]
  }
}

function readChange(kind: Cbor | undefined, parts: readonly Cbor[]): MembershipChange | undefined {
  const [device, second, third] = parts
  if (!isBytes(device, 32)) return undefined
  if (kind === KIND.admit && parts.length === 3 && isRole(second) && isTexts(third))
    return { kind: 'admit', device, role: second, capabilities: third }
  if (kind === KIND.revoke && parts.length === 2 && isHashes(second))
    return { kind: 'revoke', device, cutOffs: second }
  if (kind === KIND.role && parts.length === 2 && isRole(second))
    return { kind: 'role', device, role: second }
  if (kind === KIND.resolve && parts.length === 4) {
    const signature = parts[3]
    if (isCount(second) && isBytes(third, 32) && isBytes(signature, 64))
      return { kind: 'resolve', device, number: second, chosen: third, signature }
  }
  return undefined
}

function isRole(value: Cbor | undefined): value is Role {
  return ROLES.includes(value as Role)
}

function isTexts(value: Cbor | undefined): value is string[] {
  return (
    Array.isArray(value) &&
    value.length <= CAPABILITIES_MAX &&
    value.every((item) => typeof item === 'string' && item.length <= 32)
  )
}

function isHashes(value: Cbor | undefined): value is Uint8Array[] {
  return Array.isArray(value) && value.length <= CUT_OFFS_MAX && value.every((item) => isBytes(item, 32))
}

function isBytes(value: Cbor | undefined, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length
}

function isCount(value: Cbor | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
