import type { CaptureMessage } from '../../../schema/capture.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { type MessageTree, messageTree, type TreeNode } from './message-tree.ts'

/** A message before it knows its place; `id` is the provider's own. */
export type PlacelessMessage = Omit<CaptureMessage, 'parentId' | 'createdAt'> & { readonly id: string }

export interface TreeMessages {
  readonly messages: CaptureMessage[]
  readonly notes: string[]
  /** The provider's id of the message a node carries, or of the nearest one above. */
  idAt(key: string | undefined): string | undefined
}

/** Ids longer than the canonical form takes are cut; none that is real is. */
export const MAX_ID = 500

/** Messages of a tree in the canonical form. */
export function treeMessages(nodes: readonly TreeNode<PlacelessMessage>[]): TreeMessages {
  const tree = messageTree(nodes)
  const ids = new Map(tree.messages.map(({ key, message }) => [key, message.id]))
  const noParent = idOfNothing(new Set(ids.values()))
  const messages = tree.messages
    .slice(0, LIMITS.conversationMessages)
    .map((placed, index): CaptureMessage => {
      const parentId = placed.parent === undefined ? (index === 0 ? null : noParent) : ids.get(placed.parent)!
      const { metadata, ...message } = placed.message
      const said = placed.timeInherited ? { ...metadata, timePrecision: 'inherited' } : metadata
      return {
        ...message,
        parentId,
        ...(placed.at === undefined ? {} : { createdAt: placed.at }),
        ...(said === undefined ? {} : { metadata: said }),
      }
    })
  return {
    messages,
    notes: notesOf(tree),
    idAt: (key) => (key === undefined ? undefined : ids.get(tree.carrier(key) ?? '')),
  }
}

/** In the canonical form a parent that names no message makes a root; absent would mean the message before. */
function idOfNothing(ids: ReadonlySet<string>): string {
  let id = 'root'
  while (ids.has(id)) id += '.'
  return id
}

function notesOf({ cycles, orphans, messages }: MessageTree<unknown>): string[] {
  const notes: string[] = []
  if (cycles > 0) notes.push('messages that follow each other in a circle')
  if (orphans > 0) notes.push('messages that follow a missing one')
  if (messages.length > LIMITS.conversationMessages) notes.push('messages beyond the limit of a conversation')
  return notes
}
