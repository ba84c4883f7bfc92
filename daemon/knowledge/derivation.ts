import { setTimeout as wait } from 'node:timers/promises'
import { VivimError } from '../../schema/errors.ts'
import { loadConversation } from '../vault/conversation-reader.ts'
import { createPace, type Pace } from '../vault/pace.ts'
import type { Vault, VaultTransaction } from '../vault/vault.ts'
import { EXTRACTOR_VERSION } from './acu-generator.ts'
import { ConversationDeriver, type DerivedConversation } from './derive.ts'
import { derivedDigest } from './derived-digest.ts'
import { forgetConversation, storeConversation } from './derived-store.ts'
import { rebuildTopics } from './topics/topic-rows.ts'

/**
 * Topics are made of all units at once: at once for a caller who waits for them, else when nothing was derived for
 * this long, or for this many times as long as they took the last time.
 */
const TOPICS_AFTER_MS = 500
const TOPICS_AFTER_TIMES = 10

/** A place in the queue: a conversation that is queued again has another number. */
interface Queued {
  readonly number: number
  readonly id: string
}

interface Made {
  readonly queued: Queued
  /** undefined: the conversation is not there; what was derived from it goes. */
  readonly derived: DerivedConversation | undefined
}

/** What one transaction stores at most: enough to share pages, little enough to keep a caller waiting for less than 50 ms. */
const CONVERSATIONS_AT_ONCE = 16
const UNITS_AT_ONCE = 150

export interface DerivationOptions {
  readonly vault: Vault
  /** Something failed: one conversation, left out until a rebuild, or all of it, tried again later. */
  readonly onError: (part: string, error: unknown) => void
}

/**
 * Makes units, links, indexes and topics of what is captured, in the background: the queue is rows, so a crash loses
 * nothing, and what a conversation gives is stored whole or not at all.
 */
export class Derivation {
  readonly #vault: Vault
  readonly #onError: DerivationOptions['onError']
  readonly #pace: Pace = createPace()
  readonly #changed = new Set<() => void>()
  readonly #stopped = new AbortController()
  #running: Promise<void> | undefined
  #failure: unknown
  #waitingForTopics = 0
  /** Ends the wait before topics are made: there is something to do. */
  #hurry = new AbortController()
  #topicsTookMs = 0
  /** Counts conversations whose rows went. */
  #removals = 0

  constructor({ vault, onError }: DerivationOptions) {
    this.#vault = vault
    this.#onError = onError
    if (this.#meta('extractor_version') !== String(EXTRACTOR_VERSION)) this.#queueAll()
  }

  /** There are conversations to derive, or topics to make. */
  get busy(): boolean {
    return this.#waiting || this.#topicsDue
  }

  /** Goes on with the queue, if it does not already. */
  wake(): void {
    this.#hurry.abort()
    if (this.#stopped.signal.aborted || this.#running) return
    this.#running = this.#run()
      .then(
        () => true,
        (error) => {
          // A full disk, say: the queue stays, and the next capture or start tries again.
          this.#failure = error
          this.#onError('derivation', error)
          return false
        },
      )
      .then((finished) => {
        this.#running = undefined
        this.#tell()
        if (finished && this.#waiting) this.wake()
      })
  }

  /** Resolves when none of these conversations waits. @throws the signal's reason; `UserUnavailable` when closing */
  async derived(conversationIds: readonly string[], signal: AbortSignal): Promise<void> {
    const ids = JSON.stringify(conversationIds)
    await this.#until(
      () =>
        this.#vault.get(
          'SELECT 1 FROM derivation_queue WHERE conversation_id IN (SELECT value FROM json_each(?)) LIMIT 1',
          [ids],
        ) === undefined,
      signal,
    )
  }

  /** Resolves when nothing waits and the topics are made. @throws as `derived` */
  async settled(signal: AbortSignal): Promise<void> {
    this.#waitingForTopics++
    try {
      await this.#until(() => !this.busy, signal)
    } finally {
      this.#waitingForTopics--
    }
  }

  /** Drops every derived row and makes it again. */
  async rebuild(
    signal: AbortSignal,
  ): Promise<{ conversations: number; units: number; topics: number; derivedDigest: string }> {
    this.#queueAll()
    this.wake()
    await this.settled(signal)
    const count = (sql: string) => this.#vault.get<{ n: number }>(sql)!.n
    return {
      conversations: count('SELECT count(*) AS n FROM conversations WHERE deleted = 0'),
      units: count('SELECT count(*) AS n FROM atomic_chat_units'),
      topics: count('SELECT count(*) AS n FROM topic_profiles'),
      derivedDigest: derivedDigest(this.#vault),
    }
  }

  /** Removes what follows from a conversation, in the caller's transaction. */
  forget(tx: VaultTransaction, conversationId: string): void {
    this.#removals++
    forgetConversation(tx, this.#vault.space, conversationId)
    tx.run('DELETE FROM derivation_queue WHERE conversation_id = ?', [conversationId])
    setMeta(tx, 'topics_due', '1')
  }

  /** Ends at the next conversation. */
  async stop(): Promise<void> {
    this.#stopped.abort(new VivimError('UserUnavailable'))
    this.#tell()
    await this.#running
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#pace()
      if (this.#stopped.signal.aborted) return
      if (this.#waiting) {
        await this.#deriveSome()
        this.#tell()
      } else if (this.#topicsDue) {
        const quiet = await this.#quiet()
        if (this.#stopped.signal.aborted) return
        if (quiet && !this.#waiting) await this.#makeTopics()
      } else return
    }
  }

  /**
   * Derives a few conversations and stores them together: most of a commit is pages that neighbours share.
   * One that was queued again or removed meanwhile is not stored.
   */
  async #deriveSome(): Promise<void> {
    const made: Made[] = []
    let units = 0
    for (const queued of this.#queued()) {
      const derived = await this.#derive(queued)
      if (this.#stopped.signal.aborted) return
      if (derived === 'failed') continue
      made.push({ queued, derived })
      units += derived?.occurrences.length ?? 0
      if (units >= UNITS_AT_ONCE) break
    }
    try {
      this.#store(made)
    } catch (error) {
      if (isOutside(error)) throw error
      // One of them cannot be stored: the others must not wait for it.
      for (const item of made) this.#storeAlone(item)
    }
  }

  #storeAlone(item: Made): void {
    try {
      this.#store([item])
    } catch (error) {
      if (isOutside(error)) throw error
      this.#giveUp(item.queued, error)
    }
  }

  #store(made: readonly Made[]): void {
    const vault = this.#vault
    if (made.length === 0) return
    vault.transactDerived((tx) => {
      for (const { queued, derived } of made) {
        if (tx.run('DELETE FROM derivation_queue WHERE number = ?', [queued.number]) === 0) continue
        if (derived) storeConversation(tx, vault.space, derived)
        else forgetConversation(tx, vault.space, queued.id)
      }
      setMeta(tx, 'topics_due', '1')
    })
  }

  /** Leaves a conversation out until a rebuild. */
  #giveUp({ number }: Queued, error: unknown): void {
    this.#onError('derivation of a conversation', error)
    this.#vault.transactDerived((tx) => tx.run('DELETE FROM derivation_queue WHERE number = ?', [number]))
  }

  /** Message by message, so that a long conversation keeps nobody waiting; undefined for one that is not there. */
  async #derive(queued: Queued): Promise<DerivedConversation | undefined | 'failed'> {
    try {
      const conversation = loadConversation(this.#vault, queued.id)
      if (!conversation) return undefined
      const deriver = new ConversationDeriver(conversation)
      for (const message of conversation.messages) {
        deriver.add(message)
        await this.#pace()
        if (this.#stopped.signal.aborted) return 'failed'
      }
      return deriver.result()
    } catch (error) {
      if (isOutside(error)) throw error
      this.#giveUp(queued, error)
      return 'failed'
    }
  }

  async #makeTopics(): Promise<void> {
    const before = this.#generation()
    const removals = this.#removals
    const start = performance.now()
    await rebuildTopics(this.#vault, this.#pace, (tx) => {
      // Words of what was removed meanwhile must not come back.
      if (this.#removals !== removals) return false
      if (this.#generation() === before) setMeta(tx, 'topics_due', '0')
      return true
    })
    this.#topicsTookMs = performance.now() - start
  }

  /** Changes with every write, so that topics of an older state do not count as made. */
  #generation(): string {
    return JSON.stringify([
      this.#vault.get('SELECT sum(head_seq) FROM logs'),
      this.#vault.get('SELECT count(*) FROM derivation_queue'),
    ])
  }

  /** True when nothing came for a while, or somebody waits for topics; false when there is something to derive. */
  async #quiet(): Promise<boolean> {
    if (this.#waitingForTopics > 0) return true
    this.#hurry = new AbortController()
    const signal = AbortSignal.any([this.#stopped.signal, this.#hurry.signal])
    const ms = Math.max(TOPICS_AFTER_MS, this.#topicsTookMs * TOPICS_AFTER_TIMES)
    return await wait(ms, true, { signal }).catch(() => this.#waitingForTopics > 0)
  }

  get #topicsDue(): boolean {
    return this.#meta('topics_due') === '1'
  }

  get #waiting(): boolean {
    return this.#vault.get('SELECT 1 FROM derivation_queue LIMIT 1') !== undefined
  }

  #queued(): Queued[] {
    return this.#vault.all<Queued>(
      `SELECT number, conversation_id AS id FROM derivation_queue
       ORDER BY queued_at, conversation_id LIMIT ${CONVERSATIONS_AT_ONCE}`,
    )
  }

  /** Every conversation again, those in the trash included: their rows go. */
  #queueAll(): void {
    const vault = this.#vault
    vault.transactDerived((tx) => {
      for (const table of ['acu_occurrences', 'acu_links', 'atomic_chat_units', 'conversation_unit_counts'])
        tx.run(`DELETE FROM ${table}`)
      for (const index of ['unit_index', 'unit_trigram_index'])
        tx.run(`INSERT INTO ${index} (${index}) VALUES ('rebuild')`)
      tx.run(
        'INSERT OR REPLACE INTO derivation_queue (conversation_id, queued_at) SELECT id, ? FROM conversations WHERE deleted = 0',
        [vault.now()],
      )
      setMeta(tx, 'extractor_version', String(EXTRACTOR_VERSION))
      setMeta(tx, 'topics_due', '1')
    })
  }

  #meta(name: string): string | undefined {
    return this.#vault.get<{ value: string }>('SELECT value FROM meta WHERE name = ?', [name])?.value
  }

  async #until(done: () => boolean, signal: AbortSignal): Promise<void> {
    const ended = AbortSignal.any([signal, this.#stopped.signal])
    this.#failure = undefined
    while (!done()) {
      ended.throwIfAborted()
      if (this.#failure) throw this.#failure
      this.wake()
      await new Promise<void>((resolve) => {
        const go = () => {
          this.#changed.delete(go)
          ended.removeEventListener('abort', go)
          resolve()
        }
        this.#changed.add(go)
        ended.addEventListener('abort', go, { once: true })
      })
    }
  }

  #tell(): void {
    for (const go of [...this.#changed]) go()
  }
}

/** The disk or the file failed, not this conversation. */
function isOutside(error: unknown): boolean {
  return error instanceof VivimError && error.code !== 'Corrupt'
}

function setMeta(tx: VaultTransaction, name: string, value: string): void {
  tx.run('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)', [name, value])
}
