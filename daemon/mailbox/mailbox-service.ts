import { setTimeout as delay } from 'node:timers/promises'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Network } from '../network/network.ts'
import type { SyncParty } from '../sync/party.ts'
import type { Replicate } from '../sync/sync-session.ts'
import { collect } from './collect.ts'
import { LeftFor, leaveFor } from './leave.ts'
import { type Keeper, type MailboxToken, MailboxVisit } from './mailbox-visit.ts'

export interface MailboxServiceOptions {
  readonly network: Pick<Network, 'peerId' | 'open' | 'onPeer' | 'running'>
  readonly keeper: Keeper
  /** Users that are kept in step. */
  readonly dids: () => readonly string[]
  readonly party: (did: string) => SyncParty | undefined
  readonly learn: (did: string, documents: readonly Uint8Array[]) => Promise<void>
  readonly replicate: (did: string) => Replicate
  /** Milliseconds UTC. */
  readonly now: () => number
  readonly random: (bytes: number) => Uint8Array
  readonly log: { info(details: object, message: string): void }
  readonly count: (name: string, by?: number) => void
}

interface User {
  readonly did: string
  readonly left: Map<string, LeftFor>
  token: MailboxToken | undefined
  timer: NodeJS.Timeout | undefined
  /** When the timer is due, on the monotonic clock. */
  due: number
  running: Promise<void> | undefined
  /** Something was committed since the last round. */
  dirty: boolean
  failures: number
}

const FIRST_RETRY_MS = 2_000

/**
 * Leaves what was written here at a keeper, for devices that are away, and takes what they left. A hint: what does not
 * go this way goes when two devices meet.
 */
export class MailboxService {
  readonly #options: MailboxServiceOptions
  readonly #users = new Map<string, User>()
  readonly #stopping = new AbortController()
  #every: NodeJS.Timeout | undefined
  #stopListening: () => void = () => {}

  constructor(options: MailboxServiceOptions) {
    this.#options = options
  }

  start(): void {
    const { network, keeper, dids, random } = this.#options
    const all = () => {
      for (const did of dids()) this.soon(did, 0)
    }
    this.#stopListening = network.onPeer((peerId, connected) => {
      if (connected && peerId === keeper.peerId) all()
    })
    this.#every = setInterval(all, LIMITS.mailboxEveryMs * (0.8 + (0.4 * random(1)[0]!) / 255))
    this.#every.unref()
    all()
  }

  /** A user is kept in step from now on, or wrote something. */
  soon(did: string, ms: number = LIMITS.mailboxSoonMs): void {
    if (this.#stopping.signal.aborted) return
    const user = this.#userOf(did)
    const due = performance.now() + ms
    if (user.timer && user.due <= due) return
    clearTimeout(user.timer)
    user.due = due
    user.timer = setTimeout(() => {
      user.timer = undefined
      void this.#round(user)
    }, ms)
    user.timer.unref()
  }

  committed(did: string): void {
    // Devices that are there are told over their sessions.
    if (this.#options.party(did)?.others.every(({ connected }) => connected) ?? true) return
    this.#userOf(did).dirty = true
    this.soon(did)
  }

  /** What was written last is left first, within bounds. Never throws. */
  async stop(): Promise<void> {
    this.#stopListening()
    clearInterval(this.#every)
    const users = [...this.#users.values()]
    for (const { timer } of users) clearTimeout(timer)
    const last = users.filter(({ dirty }) => dirty).map((user) => this.#round(user))
    await Promise.race([Promise.all(last), delay(LIMITS.mailboxStopMs, undefined, { ref: false })])
    this.#stopping.abort(new VivimError('Unavailable', 'The node stops.'))
    for (const { timer } of users) clearTimeout(timer)
    await Promise.allSettled(users.map(({ running }) => running))
  }

  #userOf(did: string): User {
    let user = this.#users.get(did)
    if (!user) {
      const fresh = { token: undefined, timer: undefined, running: undefined }
      user = { did, left: new Map(), ...fresh, due: 0, dirty: false, failures: 0 }
      this.#users.set(did, user)
    }
    return user
  }

  /** One after another. */
  async #round(user: User): Promise<void> {
    while (user.running) await user.running
    const { network, party, count, log } = this.#options
    if (!network.running || this.#stopping.signal.aborted) return
    // Whoever has one device leaves nothing and is left nothing.
    if ((party(user.did)?.others.length ?? 0) === 0) return
    user.running = this.#visit(user)
      .then(() => {
        user.failures = 0
      })
      .catch((error: unknown) => {
        count('mailbox.rounds.failed')
        user.dirty = true
        const waitMs = Math.min(LIMITS.mailboxEveryMs, FIRST_RETRY_MS * 2 ** user.failures++)
        log.info({ reason: (error as Error).message }, 'the keeper of mailboxes is not reached')
        this.soon(user.did, waitMs)
      })
      .finally(() => {
        user.running = undefined
      })
    await user.running
  }

  async #visit(user: User): Promise<void> {
    const { network, keeper, random, now, count } = this.#options
    const { did } = user
    const visit = await MailboxVisit.begin(network, keeper, random, this.#stopping.signal)
    try {
      const replicate = this.#options.replicate(did)
      const party = () => this.#options.party(did)
      const learn = (documents: readonly Uint8Array[]) => this.#options.learn(did, documents)
      const came = await collect({ visit, party, replicate, learn, count })
      user.dirty = false
      const present = party()
      if (!present) return
      if (visit.time !== undefined && present.others.some(({ connected }) => !connected))
        await replicate('keeperTime', { time: visit.time })
      for (const device of present.others) {
        const left = user.left.get(device.deviceDid) ?? new LeftFor()
        user.left.set(device.deviceDid, left)
        left.owesProgress ||= came
        // It is told over its session.
        if (device.connected) left.owesProgress = false
        else {
          const token = () => this.#token(user, visit, present)
          await leaveFor({ visit, party: present, replicate, token, now, count }, device, left)
        }
      }
      count('mailbox.rounds')
      await visit.end()
    } catch (error) {
      user.token = undefined
      throw error
    } finally {
      visit.abort()
    }
  }

  async #token(user: User, visit: MailboxVisit, { document, keys }: SyncParty): Promise<Uint8Array> {
    if (!user.token || user.token.until - LIMITS.mailboxEveryMs < this.#options.now())
      user.token = await visit.token(document, keys.deviceKey)
    return user.token.token
  }
}
