import { LIMITS } from '../../schema/limits.ts'
import { readConnectionRecord } from '../identity/connection-record.ts'
import { readMemberDocument } from '../identity/member-document.ts'
import { isEnded } from '../master/ended-accounts.ts'
import type { CheckedRecord, RecordKind } from '../master/record-kinds.ts'
import type { OwedLetter } from '../vault/peer-letters.ts'
import { type LetterKind, writeLetter } from './letter.ts'
import type { PeersOptions } from './options.ts'
import { addressesToTell } from './reach.ts'
import { isRevoked } from './revoked-devices.ts'

export interface LetterWriterOptions
  extends Pick<
    PeersOptions,
    'network' | 'keysOf' | 'userOf' | 'find' | 'vault' | 'now' | 'random' | 'count' | 'log'
  > {
  /** Resolves when it is sure to reach the master, if ever that can be reached. */
  readonly publish: (kind: RecordKind, bytes: Uint8Array) => Promise<void>
}

interface Failure {
  readonly times: number
  /** On the monotonic clock, ms. */
  readonly due: number
}

/** Writes to others what a person has to say to them, and again when the master has lost it. */
export class LetterWriter {
  readonly #options: LetterWriterOptions
  /** `<from> <to>`: nobody is registered there who could read it. */
  readonly #failures = new Map<string, Failure>()

  constructor(options: LetterWriterOptions) {
    this.#options = options
  }

  /** A person asked for it: nobody waits for another try. */
  again(did: string, to: string): void {
    this.#failures.delete(`${did} ${to}`)
  }

  /**
   * `there`: all that the master has of this person's; undefined when only a part is known.
   * @throws VivimError `Unavailable` when the master does not answer
   */
  async writeAll(did: string, there: readonly CheckedRecord[] | undefined): Promise<void> {
    const letters = await this.#options.vault(did)('letters', { limit: LIMITS.contactsTold })
    const good = there && (await this.#believed(did, there))
    for (const letter of letters) {
      const kind = letter.owed ?? (good && lost(did, letter, good))
      const to = letter.contact.did
      if (!kind || (this.#failures.get(`${did} ${to}`)?.due ?? 0) > performance.now()) continue
      await this.write(did, to, kind, null)
    }
  }

  /**
   * False: nobody is registered there who could read it.
   * @throws VivimError `Unavailable` when the master does not answer, `StorageFull`
   */
  async write(did: string, to: string, kind: LetterKind, secret: Uint8Array | null): Promise<boolean> {
    const { network, keysOf, userOf, vault, now, random, count, publish } = this.#options
    const receiveKeys = await this.#receiveKeys(to)
    const name = `${did} ${to}`
    if (receiveKeys.length === 0) {
      const times = (this.#failures.get(name)?.times ?? 0) + 1
      const wait = Math.min(LIMITS.connectionAllMs, LIMITS.connectionPollMs * 2 ** (times - 1))
      this.#failures.set(name, { times, due: performance.now() + wait })
      count('peers.letters.nobody')
      return false
    }
    this.#failures.delete(name)
    const keys = await keysOf(did)
    const { saidAt } = (await vault(did)('letterTo', { did: to })) ?? {}
    // What is dated further ahead nobody acts upon: it was not said by a device that means well.
    const isAhead = (saidAt ?? 0) > now() + LIMITS.clockAheadMs
    const sequence = isAhead ? now() : Math.max(now(), (saidAt ?? 0) + 1)
    const isOver = kind === 'ended'
    const addresses = isOver ? [] : addressesToTell(network.multiaddrs())
    const displayName = isOver ? null : (userOf(did)?.displayName?.slice(0, LIMITS.nameCharacters) ?? null)
    const reach = addresses.length > 0 ? { peerId: network.peerId, addresses } : null
    const letter = { kind, displayName, reach, secret }
    await publish('connection', writeLetter(keys, { to, receiveKeys, sequence, letter }, random))
    await vault(did)('saidInLetter', { did: to, said: kind, at: sequence })
    count('peers.letters.written')
    return true
  }

  /** Those of this person that whoever they are for believes: of no device that was taken out. */
  async #believed(did: string, there: readonly CheckedRecord[]): Promise<CheckedRecord[]> {
    const own = there.filter((record) => record.did === did)
    if (own.length === 0) return own
    const entry = await this.#options.find(did, AbortSignal.timeout(LIMITS.registryCallMs))
    return own.filter(({ bytes }) => !isRevoked(readConnectionRecord(bytes)!.document, entry))
  }

  /** Of the devices that a master knows of somebody, those first that were there last. */
  async #receiveKeys(to: string): Promise<Uint8Array[]> {
    const entry = await this.#options.find(to, AbortSignal.timeout(LIMITS.registryCallMs))
    if (!entry || isEnded(entry.records)) return []
    return entry.devices
      .flatMap((bytes) => readMemberDocument(bytes) ?? [])
      .filter((document) => document.did === to && !isRevoked(document, entry))
      .sort((a, b) => b.sequence - a.sequence)
      .slice(0, LIMITS.connectionDevices)
      .map(({ receiveKey }) => receiveKey)
  }
}

/** What was said last, when the master has not got it any more. */
function lost(did: string, { contact, said, saidAt }: OwedLetter, there: readonly CheckedRecord[]) {
  const isDone = contact.blocked || (contact.state === 'accepted' && contact.confirmedAt !== null)
  if (said === null || saidAt === null || isDone) return undefined
  const present = there.find((record) => record.did === did && record.subject === contact.did)
  return present && present.sequence >= saidAt ? undefined : said
}
