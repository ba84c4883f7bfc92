import { z } from 'zod'
import { LIMITS } from '../limits.ts'
import { defineMethod, Id, listOf, Millis, Page } from './method.ts'

export const NotebookItem = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  createdAt: Millis.nullable(),
  entryCount: z.int(),
})
export type NotebookItem = z.infer<typeof NotebookItem>

export const NotebookEntryItem = z.object({
  id: z.string(),
  notebookId: z.string(),
  /** The unit it holds; null: a note of its own. */
  acuId: z.string().nullable(),
  title: z.string().nullable(),
  /** The note. */
  body: z.string(),
  /** What was counted by hand, on all devices together. */
  tally: z.int(),
  addedAt: Millis.nullable(),
})
export type NotebookEntryItem = z.infer<typeof NotebookEntryItem>

const Name = z.string().trim().min(1).max(LIMITS.titleCharacters)
const Text = z.string().max(LIMITS.noteCharacters)
const Edit = z.strictObject({
  /** UTF-16 units from the beginning of the text that the edit before it left. */
  at: z.int().min(0),
  delete: z.int().min(0).default(0),
  insert: Text.default(''),
})

/** One after the other, each in the text that the one before it left. */
export const TextEdits = z.array(Edit).min(1).max(1_000)

export const Erased = z.object({
  id: z.string(),
  deleted: z.boolean(),
  erased: z.boolean(),
  /** True once no byte of it is left in the database on this device. */
  purged: z.boolean(),
  /** Names of your other devices that have not said so yet. */
  waitingFor: z.array(z.string()),
})

export const notebooksMethods = {
  'notebooks.list': defineMethod({
    summary: 'List notebooks, newest first.',
    access: 'read',
    params: z.strictObject(Page),
    result: listOf(NotebookItem),
    errors: [],
    examples: [{ title: 'All', params: {} }],
  }),
  'notebooks.get': defineMethod({
    summary: 'Give a notebook with its entries.',
    access: 'read',
    params: z.strictObject({ id: Id }),
    result: NotebookItem.extend({ entries: z.array(NotebookEntryItem) }),
    errors: ['NotFound'],
    examples: [{ title: 'One', params: { id: '$notebookId' } }],
    positional: ['id'],
  }),
  'notebooks.create': defineMethod({
    summary: 'Make a notebook.',
    access: 'write',
    params: z.strictObject({ name: Name, description: Name.optional() }),
    result: NotebookItem,
    errors: [],
    examples: [{ title: 'New', params: { name: 'Tea' } }],
    positional: ['name'],
  }),
  'notebooks.update': defineMethod({
    summary: 'Change the name or description of a notebook.',
    access: 'write',
    params: z.strictObject({ id: Id, name: Name.optional(), description: Name.nullable().optional() }),
    result: NotebookItem,
    errors: ['NotFound'],
    examples: [{ title: 'Rename', params: { id: '$notebookId', name: 'Green tea' } }],
    positional: ['id'],
  }),
  'notebooks.delete': defineMethod({
    summary: 'Delete a notebook with its entries, or erase both for good on all your devices.',
    access: 'write',
    params: z.strictObject({ id: Id, erase: z.boolean().default(false) }),
    result: Erased,
    errors: ['NotFound'],
    examples: [{ title: 'Delete', params: { id: '$notebookId' } }],
    positional: ['id'],
    timeoutMs: 600_000,
  }),
  'notebooks.export': defineMethod({
    summary: 'Give a notebook as Markdown: notes, and units quoted with footnotes to their sources.',
    access: 'read',
    params: z.strictObject({ id: Id }),
    result: z.object({ id: z.string(), fileName: z.string(), markdown: z.string() }),
    errors: ['NotFound'],
    examples: [{ title: 'One', params: { id: '$notebookId' } }],
    positional: ['id'],
  }),
  'notebooks.entries.add': defineMethod({
    summary: 'Add a note, or a unit, to a notebook. A unit is there once, wherever it was added.',
    access: 'write',
    params: z.strictObject({
      notebookId: Id,
      acuId: Id.optional(),
      title: Name.optional(),
      text: Text.default(''),
    }),
    result: NotebookEntryItem,
    errors: ['NotFound'],
    examples: [{ title: 'A note', params: { notebookId: '$notebookId', text: 'Steep for two minutes.' } }],
    positional: ['notebookId', 'text'],
  }),
  'notebooks.entries.edit': defineMethod({
    summary:
      'Edit a note: by places, or by its whole new text. Edits of other devices at the same time stay.',
    access: 'write',
    params: z.strictObject({
      id: Id,
      edits: TextEdits.optional(),
      /** The whole new text; only what differs is changed. */
      text: Text.optional(),
      title: Name.nullable().optional(),
      /** Adds so much to what is counted with this entry. */
      tally: z.int().min(-1_000_000).max(1_000_000).optional(),
    }),
    result: NotebookEntryItem,
    errors: ['NotFound', 'Forbidden'],
    examples: [{ title: 'New text', params: { id: '$entryId', text: 'Steep for three minutes.' } }],
    positional: ['id', 'text'],
  }),
  'notebooks.entries.move': defineMethod({
    summary: 'Put an entry behind another one of its notebook; without `after`, first.',
    access: 'write',
    params: z.strictObject({ id: Id, after: Id.optional() }),
    result: NotebookEntryItem,
    errors: ['NotFound'],
    examples: [{ title: 'To the beginning', params: { id: '$entryId' } }],
    positional: ['id', 'after'],
  }),
  'notebooks.entries.remove': defineMethod({
    summary: 'Take an entry out of its notebook, or erase it for good on all your devices.',
    access: 'write',
    params: z.strictObject({ id: Id, erase: z.boolean().default(false) }),
    result: Erased,
    errors: ['NotFound'],
    examples: [{ title: 'Remove', params: { id: '$entryId' } }],
    positional: ['id'],
    timeoutMs: 600_000,
  }),
}
