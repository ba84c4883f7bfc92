import { idOf } from '../../crdt/hash.ts'
import { TOMBSTONE } from '../../crdt/merge.ts'
import { unpackStamps } from '../../crdt/stamps.ts'
import type { Part } from '../../schema/capture.ts'
import { VivimError } from '../../schema/errors.ts'
import type { ConversationItem, MessageItem } from '../../schema/methods/conversations.ts'
import type { Params, Result } from '../../schema/methods/index.ts'
import { conversationCounts } from './conversation-counts.ts'
import {
  type ConversationRow,
  loadConversation,
  type StoredConversation,
  type StoredMessage,
  tagsOf,
} from './conversation-reader.ts'
import { rowsOfConversation } from './conversation-rows.ts'
import { forgetTraces } from './conversation-traces.ts'
import { type Json, maskJson } from './mask-json.ts'
import type { OpenVault } from './open-vault.ts'
import { decodeCursor, pageOf } from './paging.ts'
import type { VaultTransaction } from './vault.ts'

/** What the conversations of a vault need from the rest of the engine. */
export interface ConversationDependencies {
  /** Removes every derived row of a conversation. */
  forgetDerived(tx: VaultTransaction, conversationId: string): void
  /** Says that the derivation queue has something. */
  wakeDerivation(): void
  /** The text as it may be stored: secrets replaced by markers, characters no text may hold replaced. */
  storable(text: string): string
  /** Masks spans above a level. */
  mask(text: string, maxSecurityLevel: number): string
  /** Puts sealed level-5 text back into the parts of a message. */
  reveal(sealed: Uint8Array, parts: readonly Part[]): StoredMessage['parts']
  /** Names of the person's other devices. */
  readonly otherDevices: () => readonly string[]
}

/** Days a deleted conversation stays in the trash before it is erased. */
const TRASH_MS = 30 * 24 * 3_600_000
/** Conversations erased in one transaction: each transaction reads the log once. */
const ERASED_AT_ONCE = 100

/** Lists, reads and the person's own writes on conversations. */
export class Conversations {
  readonly #vault: OpenVault
  readonly #deps: ConversationDependencies

  constructor(vault: OpenVault, deps: ConversationDependencies) {
    this.#vault = vault
    this.#deps = deps
  }

  list(params: Params<'conversations.list'>, maxLevel: number): Result<'conversations.list'> {
    const { provider, state, tag, from, to, limit, cursor } = params
    const where = ['space = ?', 'deleted = 0']
    const values: (string | number)[] = [this.#vault.space]
    const and = (condition: string, ...more: (string | number)[]) => {
      where.push(condition)
      values.push(...more)
    }
    if (provider !== undefined) and('provider = ?', provider)
    if (state !== 'ANY') and('state = ?', state)
    if (from !== undefined) and('updated_at >= ?', from)
    if (to !== undefined) and('updated_at <= ?', to)
    if (tag !== undefined)
      and(
        'id IN (SELECT conversation_id FROM conversation_tags WHERE space = ? AND tag = ? AND deleted = 0)',
        this.#vault.space,
        this.#deps.storable(tag),
      )
    if (cursor !== undefined) {
      const [time, id] = decodeCursor(cursor, 2) as [number, string]
      and('(ifnull(updated_at, 0), id) < (?, ?)', time, id)
    }
    const rows = this.#vault.all<ConversationRow>(
      `SELECT * FROM conversations WHERE ${where.join(' AND ')} ORDER BY ifnull(updated_at, 0) DESC, id DESC LIMIT ?`,
      [...values, limit + 1],
    )
    return pageOf(
      rows,
      limit,
      (row) => this.#item(row, maxLevel),
      (row) => [row.updated_at ?? 0, row.id],
    )
  }

  get(params: Params<'conversations.get'>, maxLevel: number): Result<'conversations.get'> {
    if (params.reveal && maxLevel < 5)
      throw new VivimError('Forbidden', 'Sealed text is shown to a session of security level 5 only.')
    const conversation = loadConversation(this.#vault, params.id)
    if (!conversation) throw notFound()
    const chosen = params.branch
    const messages = chosen === undefined ? conversation.messages : branchWithTrunk(conversation, chosen)
    if (chosen !== undefined && chosen > 0 && !messages.some(({ branch }) => branch === chosen))
      throw new VivimError('NotFound', 'The conversation has no such branch.', { field: 'branch' })
    return {
      ...this.#item(this.#row(params.id), maxLevel),
      sourceUrl: this.#maskedOrNull(conversation.sourceUrl, maxLevel),
      model: this.#maskedOrNull(conversation.model, maxLevel),
      version: conversation.version,
      messages: messages.map((message) => this.#message(message, maxLevel, params.reveal)),
      branches: branchList(conversation),
    }
  }

  rename({ id, title: typed }: Params<'conversations.rename'>, maxLevel: number): ConversationItem {
    this.#row(id)
    const title = this.#deps.storable(typed)
    this.#vault.transact((tx) => {
      tx.write([{ kind: 'UPDATE', entity: 'Conversation', key: id, values: { custom_title: title } }])
      this.#queue(tx, id)
    })
    this.#deps.wakeDerivation()
    return this.#item(this.#row(id), maxLevel)
  }

  tag({ id, add, remove }: Params<'conversations.tag'>, maxLevel: number): ConversationItem {
    this.#row(id)
    const present = new Set(tagsOf(this.#vault, id))
    const leaving = new Set(remove.map((tag) => this.#deps.storable(tag)))
    const coming = add.map((tag) => this.#deps.storable(tag))
    const added = new Set(coming.filter((tag) => !present.has(tag) && !leaving.has(tag)))
    const removed = [...leaving].filter((tag) => present.has(tag))
    this.#vault.transact((tx) => {
      for (const tag of added) {
        const key = tagKey(id, tag)
        tx.write([{ kind: 'INSERT', entity: 'ConversationTag', key, values: { conversation_id: id, tag } }])
        if (this.#isDeleted('conversation_tags', key))
          tx.write([{ kind: 'UNDELETE', entity: 'ConversationTag', key }])
      }
      for (const tag of removed)
        tx.write([{ kind: 'DELETE', entity: 'ConversationTag', key: tagKey(id, tag) }])
    })
    return this.#item(this.#row(id), maxLevel)
  }

  setState(id: string, state: 'ACTIVE' | 'ARCHIVED', maxLevel: number): ConversationItem {
    if (this.#row(id).state !== state) {
      this.#vault.transact((tx) => {
        tx.write([{ kind: 'UPDATE', entity: 'Conversation', key: id, values: { state } }])
        this.#queue(tx, id)
      })
      this.#deps.wakeDerivation()
    }
    return this.#item(this.#row(id), maxLevel)
  }

  delete({ id, erase }: Params<'conversations.delete'>): Result<'conversations.delete'> {
    if (erase) {
      this.#erase([this.#anyRow(id).id])
      return { id, deleted: true, erased: true, purged: true, waitingFor: [...this.#deps.otherDevices()] }
    }
    this.#row(id)
    this.#vault.transact((tx) => {
      tx.write([{ kind: 'DELETE', entity: 'Conversation', key: id }])
      this.#deps.forgetDerived(tx, id)
    })
    this.#deps.wakeDerivation()
    return { id, deleted: true, erased: false, purged: false, waitingFor: [] }
  }

  restore({ id }: Params<'conversations.restore'>, maxLevel: number): ConversationItem {
    const row = this.#anyRow(id)
    if (this.#isDeleted('conversations', row.id)) {
      this.#vault.transact((tx) => {
        tx.write([{ kind: 'UNDELETE', entity: 'Conversation', key: id }])
        this.#queue(tx, id)
      })
      this.#deps.wakeDerivation()
    }
    return this.#item(this.#row(id), maxLevel)
  }

  trash({ limit, cursor }: Params<'conversations.trash'>, maxLevel: number): Result<'conversations.trash'> {
    const after = cursor === undefined ? '' : String(decodeCursor(cursor, 1)[0])
    const rows = this.#vault.all<ConversationRow>(
      'SELECT * FROM conversations WHERE space = ? AND deleted = 1 AND id > ? ORDER BY id LIMIT ?',
      [this.#vault.space, after, limit + 1],
    )
    return pageOf(
      rows,
      limit,
      (row) => ({ ...this.#item(row, maxLevel), deletedAt: deletedAt(row) }),
      (row) => [row.id],
    )
  }

  /** Erases what has been in the trash for 30 days; answers how many conversations went. */
  emptyOldTrash(): number {
    const old = this.#vault
      .all<ConversationRow>('SELECT * FROM conversations WHERE space = ? AND deleted = 1', [
        this.#vault.space,
      ])
      .filter((row) => deletedAt(row) < this.#vault.now() - TRASH_MS)
    for (let at = 0; at < old.length; at += ERASED_AT_ONCE)
      this.#eraseRows(old.slice(at, at + ERASED_AT_ONCE).map(({ id }) => id))
    if (old.length > 0) this.#purge()
    return old.length
  }

  stats(): Result<'conversations.stats'> {
    return conversationCounts(this.#vault, this.#vault.space)
  }

  #erase(ids: readonly string[]): void {
    this.#eraseRows(ids)
    this.#purge()
  }

  #eraseRows(ids: readonly string[]): void {
    const vault = this.#vault
    vault.transact((tx) => {
      for (const id of ids) this.#deps.forgetDerived(tx, id)
      vault.erase(
        tx,
        ids.flatMap((id) => rowsOfConversation(tx, vault.space, id)),
      )
      forgetTraces(tx, ids)
    })
  }

  #purge(): void {
    this.#vault.purge()
    this.#deps.wakeDerivation()
  }

  #queue(tx: VaultTransaction, id: string): void {
    tx.run('INSERT OR REPLACE INTO derivation_queue (conversation_id, queued_at) VALUES (?, ?)', [
      id,
      this.#vault.now(),
    ])
  }

  #row(id: string): ConversationRow {
    const row = this.#vault.get<ConversationRow>(
      'SELECT * FROM conversations WHERE space = ? AND id = ? AND deleted = 0',
      [this.#vault.space, id],
    )
    if (!row) throw notFound()
    return row
  }

  #anyRow(id: string): ConversationRow {
    const row = this.#vault.get<ConversationRow>('SELECT * FROM conversations WHERE space = ? AND id = ?', [
      this.#vault.space,
      id,
    ])
    if (!row) throw notFound()
    return row
  }

  #isDeleted(table: 'conversations' | 'conversation_tags', key: string): boolean {
    return (
      this.#vault.get(`SELECT 1 FROM ${table} WHERE space = ? AND id = ? AND deleted = 1`, [
        this.#vault.space,
        key,
      ]) !== undefined
    )
  }

  #item(row: ConversationRow, maxLevel: number): ConversationItem {
    return {
      id: row.id,
      provider: row.provider ?? 'unknown',
      title: this.#deps.mask(row.custom_title ?? row.title ?? '', maxLevel),
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      messageCount: this.#shownMessages(row),
      state: row.state ?? 'ACTIVE',
      tags: tagsOf(this.#vault, row.id).map((tag) => this.#deps.mask(tag, maxLevel)),
    }
  }

  #shownMessages({ id, current_message_id }: ConversationRow): number {
    const found = this.#vault.get<{ shown: number }>(
      `WITH RECURSIVE live (id, parent_id, hidden) AS (
         SELECT id, parent_id, hidden FROM messages WHERE space = ?1 AND id = ifnull(?3, (
           SELECT id FROM messages WHERE space = ?1 AND conversation_id = ?2 AND deleted = 0
           ORDER BY position DESC, id DESC LIMIT 1))
         UNION
         SELECT m.id, m.parent_id, m.hidden FROM messages m JOIN live ON m.space = ?1 AND m.id = live.parent_id
       ) SELECT count(*) AS shown FROM live WHERE hidden = 0`,
      [this.#vault.space, id, current_message_id],
    )
    return found?.shown ?? 0
  }

  #message(message: StoredMessage, maxLevel: number, reveal: boolean): MessageItem {
    const parts = reveal ? this.#revealed(message) : message.parts
    return {
      id: message.id,
      originalMessageId: this.#maskedOrNull(message.originalId, maxLevel),
      parentId: message.parentId,
      role: message.role,
      author: this.#maskedOrNull(message.author, maxLevel),
      model: this.#maskedOrNull(message.model, maxLevel),
      createdAt: message.createdAt,
      hidden: message.hidden,
      branch: message.branch,
      parts: parts.map((part) => this.#masked(part, maxLevel)),
    }
  }

  /** Text, and every text inside metadata: arguments of a tool hold addresses too. */
  #masked(part: Part, maxLevel: number): Part {
    const mask = (text: string) => this.#deps.mask(text, maxLevel)
    const { content, language, metadata } = part
    return {
      ...part,
      content: mask(content),
      ...(language === undefined ? {} : { language: mask(language) }),
      ...(metadata ? { metadata: maskJson(metadata, mask) as Record<string, Json> } : {}),
    }
  }

  #maskedOrNull(text: string | null, maxLevel: number): string | null {
    return text === null ? null : this.#deps.mask(text, maxLevel)
  }

  #revealed(message: StoredMessage): StoredMessage['parts'] {
    const row = this.#vault.get<{ sealed: Uint8Array | null }>(
      'SELECT sealed FROM message_versions WHERE space = ? AND id = ?',
      [this.#vault.space, `${message.id}:${message.versionHash}`],
    )
    return row?.sealed ? this.#deps.reveal(row.sealed, message.parts) : message.parts
  }
}

function notFound(): VivimError {
  return new VivimError('NotFound', 'There is no such conversation.', { field: 'id' })
}

function tagKey(conversationId: string, tag: string): string {
  return idOf(['vivim/tag/1', conversationId, tag])
}

function deletedAt({ clock }: ConversationRow): number {
  return unpackStamps(clock).get(TOMBSTONE)?.ms ?? 0
}

/** The messages of a branch from the root on: its own and those it grew from. */
function branchWithTrunk({ messages }: StoredConversation, branch: number): StoredMessage[] {
  const byId = new Map(messages.map((message) => [message.id, message]))
  const kept = new Set<string>()
  let at = messages.findLast((message) => message.branch === branch)
  while (at && !kept.has(at.id)) {
    kept.add(at.id)
    at = byId.get(at.parentId ?? '')
  }
  return messages.filter(({ id }) => kept.has(id))
}

function branchList({ messages }: StoredConversation): Result<'conversations.get'>['branches'] {
  const leaves = new Map<number, string>()
  for (const { branch, id } of messages) leaves.set(branch, id)
  const shown = shownUpTo(messages)
  return [...leaves]
    .sort(([a], [b]) => a - b)
    .map(([branch, leafMessageId]) => ({
      branch,
      leafMessageId,
      messageCount: shown.get(leafMessageId) ?? 0,
    }))
}

/** How many messages are shown from the root to each message; of a circle each counts once. */
function shownUpTo(messages: readonly StoredMessage[]): Map<string, number> {
  const byId = new Map(messages.map((message) => [message.id, message]))
  const shown = new Map<string, number>()
  for (const message of messages) {
    const path: StoredMessage[] = []
    const onPath = new Set<string>()
    let at: StoredMessage | undefined = message
    while (at && !shown.has(at.id) && !onPath.has(at.id)) {
      path.push(at)
      onPath.add(at.id)
      at = byId.get(at.parentId ?? '')
    }
    let count = (at && shown.get(at.id)) ?? 0
    for (const { id, hidden } of path.reverse()) {
      if (!hidden) count++
      shown.set(id, count)
    }
  }
  return shown
}
