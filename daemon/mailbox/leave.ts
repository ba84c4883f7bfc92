import { encodeCanonical } from '../../crdt/cbor.ts'
import { logName } from '../../crdt/frontier.ts'
import { sha256 } from '../../crdt/hash.ts'
import {
  encodeProgress,
  itemDigest,
  type MailboxItem,
  mailboxAccessSeed,
  mailboxId,
  sealItem,
} from '../../crdt/mailbox.ts'
import type { EpochKey } from '../../crdt/sealed-message.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { sign } from '../identity/ed25519.ts'
import type { PartyDevice, SyncParty } from '../sync/party.ts'
import type { Replicate } from '../sync/sync-session.ts'
import type { LogBeyond } from '../vault/mailbox-actions.ts'
import type { MailboxVisit } from './mailbox-visit.ts'

/** What this process left for one device. Forgotten with it: the keeper lists what is there. */
export class LeftFor {
  /** Per log, the last operation left. */
  readonly done = new Map<string, number>()
  /** Names of sets of documents. */
  readonly members = new Set<string>()
  /** What lay in a mailbox when this process first looked. */
  readonly present = new Map<string, ReadonlySet<string>>()
  /** Per log, what the device had said that it holds when this was last looked at. */
  #said = new Map<string, number>()
  /** When what is above began; milliseconds UTC. */
  #since: number | undefined
  /** Something came from a mailbox: whoever left it may want to know. */
  owesProgress = false
  full = false
  /** Digest of the last word about what is held here. */
  progress: string | undefined

  /**
   * What was left may be gone from the keeper without being of use: it lay too long, the keeper lost it, or the device took
   * it when it had no place for it yet. After a day, and when the device says that it holds more, the mailbox is
   * looked into and what is neither there nor acknowledged is left again.
   */
  lookAgain(logs: readonly LogBeyond[], now: number): void {
    const holdsMore = logs.some((log) => log.sequence > (this.#said.get(logName(log)) ?? log.sequence))
    this.#said = new Map(logs.map((log) => [logName(log), log.sequence]))
    this.#since ??= now
    if (!holdsMore && Math.abs(now - this.#since) < LIMITS.mailboxAgainMs) return
    this.#since = now
    for (const each of [this.done, this.members, this.present]) each.clear()
  }
}

export interface LeaveOptions {
  readonly visit: MailboxVisit
  readonly party: SyncParty
  readonly replicate: Replicate
  readonly token: () => Promise<Uint8Array>
  /** Milliseconds UTC. */
  readonly now: () => number
  readonly count: (name: string, by?: number) => void
}

/** Leaves for a device that is away what it has not said that it holds. A keeper without room is no error. */
export async function leaveFor(options: LeaveOptions, device: PartyDevice, left: LeftFor): Promise<void> {
  const { replicate, party, now, count } = options
  const logs = await replicate('beyond', { device: device.device })
  left.lookAgain(logs, now())
  const wanted = logs.filter((log) => nextOf(log, left) <= log.head)
  left.full = false
  try {
    const epochs = party.keys.epochs
    // Who does not know the newest epoch yet finds the key to it in the mailbox of one that it knows.
    for (const epoch of epochs.slice(0, -1))
      await leaveMembers(options, epoch, device, left, party.signedByRoot)
    const newest = epochs.at(-1)!
    if (wanted.length > 0 || party.signedByRoot.length > 0)
      await leaveMembers(options, newest, device, left, [...party.signedByRoot, ...party.saidByDevices])
    for (const log of wanted) await leaveLog(options, newest, device, left, log)
    if (left.owesProgress) {
      const positions = await replicate('frontier', {})
      const statement = encodeProgress({ device: party.device, positions }, now())
      const signature = sign(party.keys.deviceKey, statement)
      const before = left.progress
      left.progress = await leaveItem(options, newest, device, left, {
        type: 'progress',
        statement,
        signature,
      })
      left.owesProgress = false
      // Who is away for long needs the last one alone: all of them would fill its mailbox.
      if (before !== undefined && before !== left.progress) await takeOut(options.visit, before)
    }
  } catch (error) {
    if (!(error instanceof VivimError) || !['TooLarge', 'StorageFull'].includes(error.code)) throw error
    count('mailbox.full')
    left.full = true
  }
  const operations = logs.reduce((sum, log) => sum + Math.max(0, nextOf(log, left) - 1 - log.sequence), 0)
  await replicate('leftAtKeeper', {
    device: device.device,
    left: { operations, full: left.full, at: now() },
  })
}

/** The first operation of a log that has not been left. */
function nextOf(log: LogBeyond, left: LeftFor): number {
  const done = left.done.get(logName(log)) ?? 0
  // Beyond the head: the log was taken back to a place before.
  return (done > log.head ? log.sequence : Math.max(log.sequence, done)) + 1
}

async function leaveLog(
  options: LeaveOptions,
  epoch: EpochKey,
  device: PartyDevice,
  left: LeftFor,
  log: LogBeyond,
): Promise<void> {
  for (let sequence = nextOf(log, left); sequence <= log.head; ) {
    const { segments, upTo } = await options.replicate('read', {
      log: { ...log, sequence },
      maxBytes: LIMITS.syncReadBytes,
    })
    if (upTo < sequence) return
    for (const bytes of segments)
      await leaveItem(options, epoch, device, left, { type: 'segment', bytes: new Uint8Array(bytes) })
    left.done.set(logName(log), upTo)
    sequence = upTo + 1
  }
}

async function leaveMembers(
  options: LeaveOptions,
  epoch: EpochKey,
  device: PartyDevice,
  left: LeftFor,
  documents: readonly Uint8Array[],
): Promise<void> {
  if (documents.length === 0) return
  const sorted = [...documents].sort(Buffer.compare)
  const name = `${epoch.epoch}:${Buffer.from(sha256(encodeCanonical(sorted))).toString('hex')}`
  if (left.members.has(name)) return
  let chunk: Uint8Array[] = []
  let bytes = 0
  for (const document of sorted) {
    if (chunk.length > 0 && bytes + document.length > LIMITS.mailboxMembersBytes) {
      await leaveItem(options, epoch, device, left, { type: 'members', documents: chunk })
      chunk = []
      bytes = 0
    }
    chunk.push(document)
    bytes += document.length
  }
  await leaveItem(options, epoch, device, left, { type: 'members', documents: chunk })
  left.members.add(name)
}

/** Numbers begin anew in a mailbox that was empty: an item is known by its digest. */
async function takeOut(visit: MailboxVisit, digest: string): Promise<void> {
  const items = await visit.list()
  const gone = items.filter((item) => Buffer.from(item.digest).toString('hex') === digest)
  await visit.delete(gone.map(({ number }) => number))
}

/** Answers its digest. @throws VivimError `TooLarge`, `StorageFull` when there is no room */
async function leaveItem(
  { visit, count, token }: LeaveOptions,
  epoch: EpochKey,
  { device }: PartyDevice,
  left: LeftFor,
  item: MailboxItem,
): Promise<string> {
  const id = mailboxId(epoch, device)
  const name = Buffer.from(id).toString('hex')
  const sealed = sealItem(epoch, id, item)
  if (visit.opened !== name) await visit.open(id, mailboxAccessSeed(epoch, device), await token())
  let present = left.present.get(name)
  if (!present) {
    present = new Set((await visit.list()).map(({ digest }) => Buffer.from(digest).toString('hex')))
    left.present.set(name, present)
  }
  const digest = Buffer.from(itemDigest(sealed)).toString('hex')
  if (present.has(digest)) return digest
  await visit.deposit(sealed)
  count('mailbox.left')
  return digest
}
