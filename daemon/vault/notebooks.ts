import { idOf } from '../../crdt/hash.ts'
import type { TextEdit } from '../../crdt/text.ts'
import { NotebookEntry } from '../../schema/entities/index.ts'
import { VivimError } from '../../schema/errors.ts'
import type { Params, Result } from '../../schema/methods/index.ts'
import type { NotebookEntryItem, NotebookItem } from '../../schema/methods/notebooks.ts'
import { type NotesErased, rowsOfNotebook } from './erase-notes.ts'
import type { RowName } from './erasure.ts'
import { noteEdits } from './note-texts.ts'
import { notebookMarkdown } from './notebook-export.ts'
import { decodeCursor, pageOf } from './paging.ts'
import type { AddingChange, FactChange, Vault } from './vault.ts'

export interface NotebookDependencies {
  /** The text as it may be stored: secrets replaced by markers. */
  storable(text: string): string
  /** Masks spans above a level. */
  mask(text: string, maxSecurityLevel: number): string
  /** A unit's text as a session of that level sees it; undefined when it is not here. */
  unitText(id: string, maxSecurityLevel: number): string | undefined
  /** A UUIDv7. */
  newId(): string
  /** Erases rows for good, on all devices. */
  erase(id: string, rows: readonly RowName[]): NotesErased
}

interface NotebookRow {
  readonly id: string
  readonly name: string | null
  readonly description: string | null
  readonly created_at: number | null
  readonly entries: number
}

interface EntryRow {
  readonly id: string
  readonly notebook_id: string
  readonly acu_id: string | null
  readonly title: string | null
  readonly body: string | null
  readonly tally: number | null
  readonly sort_order: number | null
  readonly added_at: number | null
}

const NOTEBOOKS = `SELECT n.*, (SELECT count(*) FROM notebook_entries e
  WHERE e.space = n.space AND e.notebook_id = n.id AND e.deleted = 0) AS entries
  FROM notebooks n WHERE n.space = ? AND n.deleted = 0`

/** A person's notebooks. An entry is there as long as its notebook is. */
export class Notebooks {
  readonly #vault: Vault
  readonly #deps: NotebookDependencies

  constructor(vault: Vault, deps: NotebookDependencies) {
    this.#vault = vault
    this.#deps = deps
  }

  list({ limit, cursor }: Params<'notebooks.list'>, level: number): Result<'notebooks.list'> {
    const after = cursor === undefined ? [] : decodeCursor(cursor, 2)
    const rows = this.#vault.all<NotebookRow>(
      `${NOTEBOOKS} ${after.length > 0 ? 'AND (ifnull(created_at, 0), id) < (?, ?)' : ''}
       ORDER BY ifnull(created_at, 0) DESC, id DESC LIMIT ?`,
      [this.#vault.space, ...after, limit + 1],
    )
    return pageOf(
      rows,
      limit,
      (row) => this.#item(row, level),
      (row) => [row.created_at ?? 0, row.id],
    )
  }

  get(id: string, level: number): Result<'notebooks.get'> {
    return {
      ...this.#item(this.#notebook(id), level),
      entries: this.#entryRows(id).map((row) => this.#entryItem(row, level)),
    }
  }

  create({ name, description }: Params<'notebooks.create'>, level: number): NotebookItem {
    const key = this.#deps.newId()
    const values = {
      name: this.#deps.storable(name),
      created_at: this.#vault.now(),
      ...(description !== undefined && { description: this.#deps.storable(description) }),
    }
    this.#vault.transact((tx) => tx.write([{ kind: 'INSERT', entity: 'Notebook', key, values }]))
    return this.#item(this.#notebook(key), level)
  }

  update({ id, name, description }: Params<'notebooks.update'>, level: number): NotebookItem {
    this.#notebook(id)
    const text = (value: string | null) => (value === null ? null : this.#deps.storable(value))
    const values = {
      ...(name !== undefined && { name: text(name) }),
      ...(description !== undefined && { description: text(description) }),
    }
    if (Object.keys(values).length > 0)
      this.#vault.transact((tx) => tx.write([{ kind: 'UPDATE', entity: 'Notebook', key: id, values }]))
    return this.#item(this.#notebook(id), level)
  }

  delete({ id, erase }: Params<'notebooks.delete'>): Result<'notebooks.delete'> {
    if (!erase) {
      this.#notebook(id)
      this.#vault.transact((tx) => tx.write([{ kind: 'DELETE', entity: 'Notebook', key: id }]))
      return { id, deleted: true, erased: false, purged: false, waitingFor: [] }
    }
    const { space } = this.#vault
    if (!this.#vault.get('SELECT 1 FROM notebooks WHERE space = ? AND id = ?', [space, id]))
      throw new VivimError('NotFound', 'There is no such notebook.')
    return this.#deps.erase(id, rowsOfNotebook(this.#vault, space, id))
  }

  export(id: string, level: number): Result<'notebooks.export'> {
    const { entries, ...notebook } = this.get(id, level)
    return notebookMarkdown(this.#vault, this.#vault.space, notebook, entries, {
      mask: (text) => this.#deps.mask(text, level),
      unitText: (unit) => this.#deps.unitText(unit, level),
    })
  }

  add(params: Params<'notebooks.entries.add'>, level: number): NotebookEntryItem {
    const { notebookId, acuId, title, text } = params
    this.#notebook(notebookId)
    const key = acuId === undefined ? this.#deps.newId() : entryKey(notebookId, acuId)
    const now = this.#vault.now()
    const values = {
      notebook_id: notebookId,
      added_at: now,
      sort_order: now,
      ...(acuId !== undefined && { acu_id: acuId }),
      ...(title !== undefined && { title: this.#deps.storable(title) }),
    }
    this.#vault.transact((tx) => {
      const present = this.#row(key)
      tx.write([{ kind: 'INSERT', entity: 'NotebookEntry', key, values }])
      if (present?.deleted === 1) tx.write([{ kind: 'UNDELETE', entity: 'NotebookEntry', key }])
      const body = present?.body ?? ''
      const made = noteEdits({
        text: body,
        edits: [{ at: body.length, delete: 0, insert: text }],
        storable: (whole) => this.#deps.storable(whole),
        visible: (whole) => whole,
      })
      if (text !== '') tx.write([edited(key, made)])
    })
    return this.#entryItem(this.#entry(key), level)
  }

  edit(
    { id, edits, text, title, tally }: Params<'notebooks.entries.edit'>,
    level: number,
  ): NotebookEntryItem {
    const made = noteEdits({
      text: this.#entry(id).body ?? '',
      edits,
      whole: text,
      storable: (whole) => this.#deps.storable(whole),
      visible: (whole) => this.#deps.mask(whole, level),
    })
    const changes: (FactChange | AddingChange)[] = []
    if (title !== undefined) {
      const values = { title: title === null ? null : this.#deps.storable(title) }
      changes.push({ kind: 'UPDATE', entity: 'NotebookEntry', key: id, values })
    }
    if (made.length > 0) changes.push(edited(id, made))
    if (tally) changes.push({ kind: 'COUNTER', entity: 'NotebookEntry', key: id, amounts: { tally } })
    this.#vault.transact((tx) => tx.write(changes))
    return this.#entryItem(this.#entry(id), level)
  }

  /** Puts an entry behind another one of its notebook, or first. */
  move({ id, after }: Params<'notebooks.entries.move'>, level: number): NotebookEntryItem {
    const { notebook_id: notebook } = this.#entry(id)
    const others = this.#entryRows(notebook).filter((row) => row.id !== id)
    const at = after === undefined ? 0 : others.findIndex((row) => row.id === after) + 1
    if (after !== undefined && at === 0)
      throw new VivimError('NotFound', 'There is no such entry in that notebook.', { field: 'after' })
    const place = placeBetween(others[at - 1]?.sort_order ?? undefined, others[at]?.sort_order ?? undefined)
    const order: FactChange[] =
      place === undefined
        ? others
            .toSpliced(at, 0, { ...others[0]!, id })
            .map((row, index) => ordered(row.id, (index + 1) * STEP))
        : [ordered(id, place)]
    this.#vault.transact((tx) => tx.write(order))
    return this.#entryItem(this.#entry(id), level)
  }

  remove({ id, erase }: Params<'notebooks.entries.remove'>): Result<'notebooks.entries.remove'> {
    if (!erase) {
      this.#entry(id)
      this.#vault.transact((tx) => tx.write([{ kind: 'DELETE', entity: 'NotebookEntry', key: id }]))
      return { id, deleted: true, erased: false, purged: false, waitingFor: [] }
    }
    if (!this.#row(id)) throw new VivimError('NotFound', 'There is no such entry.')
    return this.#deps.erase(id, [{ entity: NotebookEntry, key: id }])
  }

  #notebook(id: string): NotebookRow {
    const row = this.#vault.get<NotebookRow>(`${NOTEBOOKS} AND n.id = ?`, [this.#vault.space, id])
    if (!row) throw new VivimError('NotFound', 'There is no such notebook.')
    return row
  }

  #entry(id: string): EntryRow {
    const row = this.#row(id)
    if (!row || row.deleted === 1) throw new VivimError('NotFound', 'There is no such entry.')
    this.#notebook(row.notebook_id)
    return row
  }

  #entryRows(notebook: string): EntryRow[] {
    return this.#vault.all<EntryRow>(
      `SELECT * FROM notebook_entries WHERE space = ? AND notebook_id = ? AND deleted = 0
       ORDER BY sort_order, added_at, id`,
      [this.#vault.space, notebook],
    )
  }

  #row(id: string): (EntryRow & { readonly deleted: number }) | undefined {
    return this.#vault.get('SELECT * FROM notebook_entries WHERE space = ? AND id = ?', [
      this.#vault.space,
      id,
    ])
  }

  #item({ id, name, description, created_at, entries }: NotebookRow, level: number): NotebookItem {
    const mask = (text: string) => this.#deps.mask(text, level)
    return {
      id,
      name: mask(name ?? ''),
      description: description === null ? null : mask(description),
      createdAt: created_at,
      entryCount: entries,
    }
  }

  #entryItem(row: EntryRow, level: number): NotebookEntryItem {
    const mask = (text: string) => this.#deps.mask(text, level)
    return {
      id: row.id,
      notebookId: row.notebook_id,
      acuId: row.acu_id,
      title: row.title === null ? null : mask(row.title),
      body: mask(row.body ?? ''),
      tally: row.tally ?? 0,
      addedAt: row.added_at,
    }
  }
}

function ordered(key: string, place: number): FactChange {
  return { kind: 'UPDATE', entity: 'NotebookEntry', key, values: { sort_order: place } }
}

function edited(key: string, body: readonly TextEdit[]): AddingChange {
  return { kind: 'TEXT', entity: 'NotebookEntry', key, edits: { body } }
}

/** A notebook is a set of units: one entry of each, whoever adds it. */
function entryKey(notebookId: string, acuId: string): string {
  return idOf(['vivim/notebook-entry/1', notebookId, acuId])
}

/** A place between two neighbours in an order of numbers; undefined when they stand too close. */
function placeBetween(before: number | undefined, after: number | undefined): number | undefined {
  if (before === undefined) return after === undefined ? 0 : after - STEP
  if (after === undefined) return before + STEP
  const middle = (before + after) / 2
  return middle > before && middle < after ? middle : undefined
}

const STEP = 1_000
