import { createHmac } from 'node:crypto'
import { LIMITS } from '../schema/limits.ts'
import { type Cbor, encodeCanonical, tryDecodeArray } from './cbor.ts'
import type { LogPosition } from './frontier.ts'
import { sha256 } from './hash.ts'
import { type EpochKey, openMessage, purposeKey, sealMessage } from './sealed-message.ts'
import { secretKey } from './secret-key.ts'

/** What lies in a mailbox, once it is opened. */
export type MailboxItem =
  | { readonly type: 'segment'; readonly bytes: Uint8Array }
  /** What the root key signed of the devices, and what each says of itself. */
  | { readonly type: 'members'; readonly documents: readonly Uint8Array[] }
  /** What a device holds: its statement, and its signature over it. */
  | { readonly type: 'progress'; readonly statement: Uint8Array; readonly signature: Uint8Array }

/** What a device says in a mailbox that it holds. */
export interface Progress {
  /** Who says it. */
  readonly device: Uint8Array
  readonly positions: readonly LogPosition[]
}

const VERSION = 1
const SEGMENT = 1
const MEMBERS = 2
const PROGRESS = 3
const PROGRESS_DOMAIN = 'vivim/mailbox-progress/1'
export const MAILBOX_ID_BYTES = 32

/** The name of a device's mailbox in an epoch, 32 bytes: tells nobody else whose it is. */
export function mailboxId(epochKey: EpochKey, recipient: Uint8Array): Uint8Array {
  return macOf(epochKey, 'mailbox', recipient)
}

/** Seed of the Ed25519 key with which members of the epoch show a keeper that the mailbox is theirs. */
export function mailboxAccessSeed(epochKey: EpochKey, recipient: Uint8Array): Uint8Array {
  return macOf(epochKey, 'mailbox-access', recipient)
}

function macOf(epochKey: EpochKey, purpose: string, recipient: Uint8Array): Uint8Array {
  const mac = createHmac('sha256', secretKey(purposeKey(epochKey, purpose)))
  return new Uint8Array(mac.update(encodeCanonical([purpose, recipient])).digest())
}

/** Equal items give equal bytes in one mailbox, and bytes that have nothing in common in two. */
export function sealItem(epochKey: EpochKey, id: Uint8Array, item: MailboxItem): Uint8Array {
  // The id is inside too: what is sealed for two mailboxes must not share a key.
  return sealMessage(epochKey, topicOf(id), encodeCanonical([VERSION, id, ...fieldsOf(item)]))
}

/** Undefined when it does not open, was sealed for another mailbox, or says something else. */
export function openItem(
  epochKeys: readonly EpochKey[],
  id: Uint8Array,
  sealed: Uint8Array,
): MailboxItem | undefined {
  const bytes = openMessage(epochKeys, topicOf(id), sealed)
  const [version, inside, kind, ...rest] = (bytes && tryDecodeArray(bytes)) ?? []
  if (version !== VERSION || !(inside instanceof Uint8Array) || Buffer.compare(inside, id) !== 0)
    return undefined
  const [first, second] = rest
  if (kind === SEGMENT && first instanceof Uint8Array && rest.length === 1)
    return { type: 'segment', bytes: first }
  if (kind === MEMBERS && Array.isArray(first) && rest.length === 1 && first.every((each) => isBytes(each)))
    return { type: 'members', documents: first as readonly Uint8Array[] }
  if (kind === PROGRESS && isBytes(first) && isBytes(second) && rest.length === 2)
    return { type: 'progress', statement: first as Uint8Array, signature: second as Uint8Array }
  return undefined
}

/** What a keeper and a depositor call the bytes of an item: equal ones are kept once. 16 bytes. */
export function itemDigest(sealed: Uint8Array): Uint8Array {
  return sha256(sealed).slice(0, 16)
}

/** Canonical CBOR [domain, device, when in ms UTC, [[device, incarnation, sequence]]]. */
export function encodeProgress({ device, positions }: Progress, at: number): Uint8Array {
  return encodeCanonical([
    PROGRESS_DOMAIN,
    device,
    at,
    positions.map(({ device, incarnation, sequence }): Cbor => [device, incarnation, sequence]),
  ])
}

/** Undefined for what is none. Who signed it is the caller's to check. */
export function decodeProgress(statement: Uint8Array): Progress | undefined {
  const [domain, device, at, list, ...more] = tryDecodeArray(statement) ?? []
  if (domain !== PROGRESS_DOMAIN || !isBytes(device) || typeof at !== 'number' || more.length > 0)
    return undefined
  if (!Array.isArray(list) || list.length > LIMITS.spaceLogs) return undefined
  const positions: LogPosition[] = []
  for (const item of list as readonly Cbor[]) {
    if (!Array.isArray(item) || item.length !== 3) return undefined
    const [log, incarnation, sequence] = item as readonly Cbor[]
    if (!isBytes(log, 32) || !isBytes(incarnation, 8)) return undefined
    if (typeof sequence !== 'number' || !Number.isSafeInteger(sequence) || sequence < 0) return undefined
    positions.push({ device: log, incarnation, sequence })
  }
  return { device, positions }
}

function fieldsOf(item: MailboxItem): Cbor[] {
  if (item.type === 'segment') return [SEGMENT, item.bytes]
  if (item.type === 'members') return [MEMBERS, [...item.documents]]
  return [PROGRESS, item.statement, item.signature]
}

function topicOf(id: Uint8Array): string {
  return `mailbox/${Buffer.from(id).toString('hex')}`
}

function isBytes(value: Cbor | undefined, length?: number): value is Uint8Array {
  return value instanceof Uint8Array && (length === undefined || value.length === length)
}
