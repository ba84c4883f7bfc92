import { setTimeout as wait } from 'node:timers/promises'
import { VivimError } from '../../schema/errors.ts'
import { loadConversation } from '../vault/conversation-reader.ts'
import { createPace, type Pace } from '../vault/pace.ts'
import type { Vault, VaultTransaction } from '../vault/vault.ts'
import { EXTRACTOR_VERSION } from './acu-generator.ts'
import { deriveConversation } from './derive.ts'
import { derivedDigest } from './derived-digest.ts'
import { forgetConversation, storeConversation } from './derived-store.ts'
import { rebuildTopics } from './topics/topic-rows.ts'

/** Topics follow when nothing was derived for this long: they are made of all units at once. */
const TOPICS_AFTER_MS = 500

export interface DerivationOptions {
  readonly vault: Vault
  /** A conversation that could not be derived; it is left out and tried again by a rebuild. */
  readonly onError: (conversationId: string, error: unknown) => void
}

/**
 * Makes units, links, indexes and topics of what is captured, in the background: the queue is rows, so a crash loses
 * nothing, and each conversation is one transaction.
 */
export class Derivation {
  readonly #vault: Vault
  readonly #onError: DerivationOptions['onError']
  readonly #pace: Pace = createPace()
  readonly #changed = new Set<() => void>()
  readonly #stopped = new AbortController()
  #running: Promise<void> | undefined

  constructor({ vault, onError }: DerivationOptions) {
    this.#vault = vault
    this.#onError = onError
    if (this.#meta('extractor_version') !== String(EXTRACTOR_VERSION)) this.#queueAll()
  }

  /** There are conversations to derive, or topics to make. */
  get busy(): boolean {
    return this.#next() !== undefined || this.#topicsDue
  }

  /** Goes on with the queue, if it does not already. */
  wake(): void {
    if (this.#stopped.signal.aborted) return
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      this.#tell()
      if (this.#next() !== undefined) this.wake()
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
    await this.#until(() => !this.busy, signal)
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
    forgetConversation(tx, this.#vault.space, conversationId)
    tx.run('DELETE FROM derivation_queue WHERE conversation_id = ?', [conversationId])
    setMeta(tx, 'topics_due', '1')
  }

  /** Ends at the next conversation. */
  async stop(): Promise<void> {
    this.#stopped.abort(new VivimError('UserUnavailable'))
    this.#tell()
    await this.#running?.catch(() => {})
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#pace()
      if (this.#stopped.signal.aborted) return
      const next = this.#next()
      if (next !== undefined) {
        this.#derive(next)
        this.#tell()
      } else if (this.#topicsDue) {
        await this.#quiet()
        if (this.#stopped.signal.aborted) return
        if (this.#next() === undefined) await this.#makeTopics()
      } else return
    }
  }

  #derive(id: string): void {
    const vault = this.#vault
    try {
      const conversation = loadConversation(vault, id)
      const derived = conversation && deriveConversation(conversation)
      vault.transactDerived((tx) => {
        if (derived) storeConversation(tx, vault.space, derived)
        else forgetConversation(tx, vault.space, id)
        tx.run('DELETE FROM derivation_queue WHERE conversation_id = ?', [id])
        setMeta(tx, 'topics_due', '1')
      })
    } catch (error) {
      if (error instanceof VivimError && error.code !== 'Corrupt') throw error
      this.#onError(id, error)
      vault.transactDerived((tx) => tx.run('DELETE FROM derivation_queue WHERE conversation_id = ?', [id]))
    }
  }

  async #makeTopics(): Promise<void> {
    const before = this.#generation()
    await rebuildTopics(this.#vault, this.#pace, (tx) => {
      if (this.#generation() === before) setMeta(tx, 'topics_due', '0')
    })
  }

  /** Changes with every write, so that topics of an older state do not count as made. */
  #generation(): string {
    return JSON.stringify([
      this.#vault.get('SELECT sum(head_seq) FROM logs'),
      this.#vault.get('SELECT count(*) FROM derivation_queue'),
    ])
  }

  async #quiet(): Promise<void> {
    await wait(TOPICS_AFTER_MS, undefined, { signal: this.#stopped.signal }).catch(() => {})
  }

  get #topicsDue(): boolean {
    return this.#meta('topics_due') === '1'
  }

  #next(): string | undefined {
    return this.#vault.get<{ conversation_id: string }>(
      'SELECT conversation_id FROM derivation_queue ORDER BY queued_at, conversation_id LIMIT 1',
    )?.conversation_id
  }

  /** Every conversation again, those in the trash included: their rows go. */
  #queueAll(): void {
    const vault = this.#vault
    vault.transactDerived((tx) => {
      for (const table of ['acu_occurrences', 'acu_links', 'atomic_chat_units'])
        tx.run(`DELETE FROM ${table}`)
      for (const index of ['unit_index', 'unit_trigram_index'])
        tx.run(`INSERT INTO ${index} (${index}) VALUES ('rebuild')`)
      tx.run('INSERT OR REPLACE INTO derivation_queue SELECT id, ? FROM conversations WHERE deleted = 0', [
        vault.now(),
      ])
      setMeta(tx, 'extractor_version', String(EXTRACTOR_VERSION))
      setMeta(tx, 'topics_due', '1')
    })
  }

  #meta(name: string): string | undefined {
    return this.#vault.get<{ value: string }>('SELECT value FROM meta WHERE name = ?', [name])?.value
  }

  async #until(done: () => boolean, signal: AbortSignal): Promise<void> {
    const ended = AbortSignal.any([signal, this.#stopped.signal])
    while (!done()) {
      ended.throwIfAborted()
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

function setMeta(tx: VaultTransaction, name: string, value: string): void {
  tx.run('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)', [name, value])
}
