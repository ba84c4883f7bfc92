import type { Client } from '../../rpc/client/index.ts'
import type { Result } from '../../schema/methods/index.ts'

/**
 * What two devices must show, worked out from their flight recorders alone. A second implementation of the rule on
 * purpose: it shares no code with the product.
 */

export type ShownOperation = Result<'sync.operations'>['items'][number]

/** Every operation a device has, oldest arrival first. */
export async function allOperations(client: Client): Promise<ShownOperation[]> {
  const all: ShownOperation[] = []
  for (let cursor: string | null = null; ; ) {
    const page: Result<'sync.operations'> = await client.call('sync.operations', {
      limit: 200,
      ...(cursor === null ? {} : { cursor }),
    })
    all.push(...page.items)
    cursor = page.nextCursor
    if (cursor === null) return all
  }
}

/** A cell is one column of one row; `deleted` is one too. */
type Cells = Map<string, { stamp: string; deviceDid: string; value: unknown }>
/** `table row` to its cells. */
export type Fold = ReadonlyMap<string, ReadonlyMap<string, unknown>>

/** Per cell the write with the highest (stamp, device) wins, whatever order they come in. */
export function foldByStamp(operations: readonly ShownOperation[]): Fold {
  return foldWith(operations, (next, present) =>
    next.stamp === present.stamp ? next.deviceDid > present.deviceDid : next.stamp > present.stamp,
  )
}

/** The last to arrive wins: what a device that ignores the stamps would show. */
export function foldByArrival(operations: readonly ShownOperation[]): Fold {
  return foldWith(operations, () => true)
}

function foldWith(
  operations: readonly ShownOperation[],
  beats: (
    next: { stamp: string; deviceDid: string },
    present: { stamp: string; deviceDid: string },
  ) => boolean,
): Fold {
  const rows = new Map<string, Cells>()
  for (const { operation, tableName, recordId, payload, hlcTimestamp, deviceDid } of operations) {
    if (hlcTimestamp === null) throw new Error('a hollow operation has no place in this fold')
    const writes =
      operation === 'DELETE' || operation === 'UNDELETE' ? { deleted: operation === 'DELETE' } : payload
    const name = `${tableName} ${recordId}`
    const cells: Cells = rows.get(name) ?? new Map()
    rows.set(name, cells)
    for (const [column, value] of Object.entries(writes ?? {})) {
      const next = { stamp: hlcTimestamp, deviceDid, value }
      const present = cells.get(column)
      if (!present || beats(next, present)) cells.set(column, next)
    }
  }
  return new Map(
    [...rows].map(([name, cells]) => [
      name,
      new Map([...cells].map(([column, { value }]) => [column, value])),
    ]),
  )
}

/** What a person sees of one conversation. */
export interface ShownConversation {
  readonly id: string
  readonly title: unknown
  readonly state: unknown
  readonly deleted: boolean
  readonly tags: readonly string[]
}

/** The conversations of a fold, by id. */
export function conversationsOf(fold: Fold): ShownConversation[] {
  const rows = [...fold].map(([name, cells]) => {
    const [table, id] = name.split(' ') as [string, string]
    return { table, id, cells }
  })
  const tagsOf = (conversation: string) =>
    rows
      .filter(
        ({ table, cells }) =>
          table === 'ConversationTag' &&
          cells.get('conversation_id') === conversation &&
          cells.get('deleted') !== true,
      )
      .map(({ cells }) => String(cells.get('tag')))
  return rows
    .filter(({ table }) => table === 'Conversation')
    .map(({ id, cells }) => ({
      id,
      title: cells.get('custom_title') ?? cells.get('title'),
      state: cells.get('state'),
      deleted: cells.get('deleted') === true,
      tags: tagsOf(id).sort(),
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** The same from what a device answers. */
export async function conversationsShown(client: Client): Promise<ShownConversation[]> {
  const live = await allPages(client, 'conversations.list')
  const trash = await allPages(client, 'conversations.trash')
  const shown = [
    ...live.map((item) => ({ item, deleted: false })),
    ...trash.map((item) => ({ item, deleted: true })),
  ]
  return shown
    .map(({ item: { id, title, state, tags }, deleted }) => ({
      id,
      title,
      state,
      deleted,
      tags: tags.toSorted(),
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
}

type Item = Result<'conversations.list'>['items'][number]
type Items = { readonly items: readonly Item[]; readonly nextCursor: string | null }

export async function allPages(
  client: Client,
  method: 'conversations.list' | 'conversations.trash',
): Promise<Item[]> {
  const all: Item[] = []
  for (let cursor: string | null = null; ; ) {
    const page: { limit: number; cursor?: string } = {
      limit: 200,
      ...(cursor === null ? {} : { cursor }),
    }
    const { items, nextCursor }: Items =
      method === 'conversations.list'
        ? await client.call('conversations.list', { ...page, state: 'ANY' })
        : await client.call('conversations.trash', page)
    all.push(...items)
    cursor = nextCursor
    if (cursor === null) return all
  }
}
