import { z } from 'zod'
import { LIMITS } from '../limits.ts'
import { defineMethod, Id, listOf, Millis, Page } from './method.ts'
import { Erased, TextEdits } from './notebooks.ts'

const TYPES = ['comment', 'tag', 'rating', 'correction', 'question'] as const
const Type = z.enum(TYPES)
const Text = z.string().max(LIMITS.noteCharacters)
const Place = z.int().min(0)

export const AnnotationItem = z.object({
  id: z.string(),
  type: z.string(),
  conversationId: z.string().nullable(),
  messageId: z.string().nullable(),
  acuId: z.string().nullable(),
  /** The words it is about: UTF-16 units of the text of the message, or of the part the unit stands in. */
  start: z.int().nullable(),
  end: z.int().nullable(),
  text: z.string(),
  authorDid: z.string().nullable(),
  createdAt: Millis.nullable(),
})
export type AnnotationItem = z.infer<typeof AnnotationItem>

export const annotationsMethods = {
  'annotations.list': defineMethod({
    summary: 'List annotations, newest first: all, or those on a conversation, a message or a unit.',
    access: 'read',
    params: z.strictObject({
      conversationId: Id.optional(),
      messageId: Id.optional(),
      acuId: Id.optional(),
      type: Type.optional(),
      ...Page,
    }),
    result: listOf(AnnotationItem),
    errors: ['NotFound'],
    examples: [{ title: 'On a conversation', params: { conversationId: '$conversationId' } }],
    positional: ['conversationId'],
  }),
  'annotations.create': defineMethod({
    summary: 'Write an annotation on a conversation, a message or a unit.',
    access: 'write',
    params: z
      .strictObject({
        conversationId: Id.optional(),
        messageId: Id.optional(),
        acuId: Id.optional(),
        /** The words of a message it is about. */
        start: Place.optional(),
        end: Place.optional(),
        type: Type.default('comment'),
        text: Text.min(1),
      })
      .refine(({ conversationId, messageId, acuId }) => conversationId ?? messageId ?? acuId, {
        message: 'what is annotated has to be named',
        path: ['conversationId'],
      })
      .refine(({ start, end }) => (start === undefined) === (end === undefined) && !(start! >= end!), {
        message: 'words have a start and an end behind it',
        path: ['end'],
      }),
    result: AnnotationItem,
    errors: ['NotFound'],
    examples: [
      { title: 'A comment', params: { conversationId: '$conversationId', text: 'Ask again in spring.' } },
      { title: 'On a unit', params: { acuId: '$unitId', type: 'correction', text: 'It was 80 degrees.' } },
    ],
    positional: ['text'],
  }),
  'annotations.edit': defineMethod({
    summary:
      'Edit an annotation: by places, or by its whole new text. Edits of other devices at the same time stay.',
    access: 'write',
    params: z.strictObject({
      id: Id,
      edits: TextEdits.optional(),
      /** The whole new text; only what differs is changed. */
      text: Text.optional(),
      type: Type.optional(),
    }),
    result: AnnotationItem,
    errors: ['NotFound', 'Forbidden'],
    examples: [{ title: 'New text', params: { id: '$annotationId', text: 'Ask again in autumn.' } }],
    positional: ['id', 'text'],
  }),
  'annotations.delete': defineMethod({
    summary: 'Delete an annotation, or erase it for good on all your devices.',
    access: 'write',
    params: z.strictObject({ id: Id, erase: z.boolean().default(false) }),
    result: Erased,
    errors: ['NotFound'],
    examples: [{ title: 'Delete', params: { id: '$annotationId' } }],
    positional: ['id'],
    timeoutMs: 600_000,
  }),
}
