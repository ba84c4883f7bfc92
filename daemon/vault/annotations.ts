import { Annotation } from '../../schema/entities/index.ts'
import { VivimError } from '../../schema/errors.ts'
import type { AnnotationItem } from '../../schema/methods/annotations.ts'
import type { Params, Result } from '../../schema/methods/index.ts'
import { noteEdits } from './note-texts.ts'
import type { NotebookDependencies } from './notebooks.ts'
import type { OpenVault } from './open-vault.ts'
import { decodeCursor, pageOf } from './paging.ts'
import type { AddingChange } from './vault.ts'

interface AnnotationRow {
  readonly id: string
  readonly acu_id: string | null
  readonly conversation_id: string | null
  readonly message_id: string | null
  readonly start: number | null
  readonly end: number | null
  readonly type: string | null
  readonly note: string | null
  readonly author_did: string | null
  readonly created_at: number | null
}

/** Where something stands that is annotated. */
interface Anchor {
  readonly conversation_id: string
  readonly message_id?: string
  readonly acu_id?: string
  readonly start?: number
  readonly end?: number
}

/** What is annotated goes to the trash with its conversation, and comes back with it. */
const SHOWN = `FROM annotations a WHERE a.space = ?1 AND a.deleted = 0 AND NOT EXISTS (
  SELECT 1 FROM conversations c WHERE c.space = a.space AND c.id = a.conversation_id AND c.deleted = 1)`

/**
 * What stands on a unit: what was written on it, and on the same words when an older program had cut them otherwise.
 */
const ON_UNIT = `(a.acu_id = ?2 OR (
  NOT EXISTS (SELECT 1 FROM atomic_chat_units u WHERE u.id = a.acu_id)
  AND EXISTS (SELECT 1 FROM acu_occurrences o WHERE o.acu_id = ?2 AND o.message_id = a.message_id
    AND o.start < a.end AND a.start < o.end)))`

/** What a person says about conversations, messages and units. */
export class Annotations {
  readonly #vault: OpenVault
  readonly #deps: NotebookDependencies

  constructor(vault: OpenVault, deps: NotebookDependencies) {
    this.#vault = vault
    this.#deps = deps
  }

  list(params: Params<'annotations.list'>, level: number): Result<'annotations.list'> {
    const { conversationId, messageId, acuId, type, limit, cursor } = params
    const [on, id] =
      acuId !== undefined
        ? [ON_UNIT, acuId]
        : messageId !== undefined
          ? ['a.message_id = ?2', messageId]
          : conversationId !== undefined
            ? ['a.conversation_id = ?2', conversationId]
            : ['?2 IS NULL', null]
    if (id !== null) this.#insistOn(id)
    const [time, last] = cursor === undefined ? [null, null] : decodeCursor(cursor, 2)
    const rows = this.#vault.all<AnnotationRow>(
      `SELECT a.* ${SHOWN} AND ${on} AND (?3 IS NULL OR a.type = ?3)
         AND (?4 IS NULL OR (ifnull(a.created_at, 0), a.id) < (?4, ?5))
       ORDER BY ifnull(a.created_at, 0) DESC, a.id DESC LIMIT ?6`,
      [this.#vault.space, id, type ?? null, time ?? null, last ?? null, limit + 1],
    )
    return pageOf(
      rows,
      limit,
      (row) => this.#item(row, level),
      (row) => [row.created_at ?? 0, row.id],
    )
  }

  create(params: Params<'annotations.create'>, level: number): AnnotationItem {
    const { type, text } = params
    const anchor = this.#anchor(params)
    const key = this.#deps.newId()
    const values = { ...anchor, type, author_did: this.#vault.did, created_at: this.#vault.now() }
    const note = this.#deps.storable(text)
    this.#vault.transact((tx) =>
      tx.write([
        { kind: 'INSERT', entity: 'Annotation', key, values },
        noted(key, [{ at: 0, delete: 0, insert: note }]),
      ]),
    )
    return this.#item(this.#row(key), level)
  }

  edit({ id, edits, text, type }: Params<'annotations.edit'>, level: number): AnnotationItem {
    const { note } = this.#row(id)
    const made = noteEdits({
      text: note ?? '',
      edits,
      whole: text,
      storable: (whole) => this.#deps.storable(whole),
      visible: (whole) => this.#deps.mask(whole, level),
    })
    this.#vault.transact((tx) => {
      if (type !== undefined) tx.write([{ kind: 'UPDATE', entity: 'Annotation', key: id, values: { type } }])
      if (made.length > 0) tx.write([noted(id, made)])
    })
    return this.#item(this.#row(id), level)
  }

  delete({ id, erase }: Params<'annotations.delete'>): Result<'annotations.delete'> {
    if (!erase) {
      this.#row(id)
      this.#vault.transact((tx) => tx.write([{ kind: 'DELETE', entity: 'Annotation', key: id }]))
      return { id, deleted: true, erased: false, purged: false, waitingFor: [] }
    }
    const known = this.#vault.get('SELECT 1 FROM annotations WHERE space = ? AND id = ?', [
      this.#vault.space,
      id,
    ])
    if (!known) throw notFound()
    return this.#deps.erase(id, [{ entity: Annotation, key: id }])
  }

  /** @throws VivimError `NotFound` */
  #anchor({ conversationId, messageId, acuId, start, end }: Params<'annotations.create'>): Anchor {
    if (acuId !== undefined) {
      const place = this.#vault.get<{
        message_id: string
        conversation_id: string
        start: number
        end: number
      }>(
        `SELECT message_id, conversation_id, start, "end" FROM acu_occurrences
         WHERE acu_id = ?1 AND (?2 IS NULL OR message_id = ?2) ORDER BY conversation_id, message_id, start LIMIT 1`,
        [acuId, messageId ?? null],
      )
      if (!place) throw notFound('There is no such unit.')
      return { ...place, acu_id: acuId }
    }
    const words = { ...(start !== undefined && { start }), ...(end !== undefined && { end }) }
    if (messageId !== undefined) {
      const message = this.#vault.get<{ conversation_id: string | null }>(
        'SELECT conversation_id FROM messages WHERE space = ? AND id = ? AND deleted = 0',
        [this.#vault.space, messageId],
      )
      if (!message?.conversation_id) throw notFound('There is no such message.')
      return { conversation_id: message.conversation_id, message_id: messageId, ...words }
    }
    const conversation =
      conversationId !== undefined &&
      this.#vault.get('SELECT 1 FROM conversations WHERE space = ? AND id = ? AND deleted = 0', [
        this.#vault.space,
        conversationId,
      ])
    if (!conversation) throw notFound('There is no such conversation.')
    return { conversation_id: conversationId }
  }

  /** What is asked about is there, or was annotated when it was. @throws VivimError `NotFound` */
  #insistOn(id: string): void {
    const known = this.#vault.get(
      `SELECT 1 FROM conversations WHERE space = ?1 AND id = ?2 AND deleted = 0
       UNION ALL SELECT 1 FROM messages WHERE space = ?1 AND id = ?2 AND deleted = 0
       UNION ALL SELECT 1 FROM atomic_chat_units WHERE id = ?2
       UNION ALL SELECT 1 FROM annotations WHERE space = ?1 AND acu_id = ?2 LIMIT 1`,
      [this.#vault.space, id],
    )
    if (!known) throw notFound('There is nothing with that id.')
  }

  #row(id: string): AnnotationRow {
    const row = this.#vault.get<AnnotationRow>(`SELECT a.* ${SHOWN} AND a.id = ?2`, [this.#vault.space, id])
    if (!row) throw notFound()
    return row
  }

  #item(row: AnnotationRow, level: number): AnnotationItem {
    return {
      id: row.id,
      type: row.type ?? 'comment',
      conversationId: row.conversation_id,
      messageId: row.message_id,
      acuId: row.acu_id,
      start: row.start,
      end: row.end,
      text: this.#deps.mask(row.note ?? '', level),
      authorDid: row.author_did,
      createdAt: row.created_at,
    }
  }
}

function noted(key: string, note: Extract<AddingChange, { kind: 'TEXT' }>['edits'][string]): AddingChange {
  return { kind: 'TEXT', entity: 'Annotation', key, edits: { note } }
}

function notFound(message = 'There is no such annotation.'): VivimError {
  return new VivimError('NotFound', message)
}
