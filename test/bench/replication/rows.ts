import type { FactChange } from '../../../daemon/vault/vault.ts'
import { LIMITS } from '../../../schema/limits.ts'
import type { PairedVault } from '../../support/paired-vaults.ts'
import type { SeededRandom } from '../../support/seed.ts'

/** Operations of one transaction on the device that writes: a person's import. */
const WRITTEN_TOGETHER = 100
/** JSON around a message's text. */
const JSON_AROUND = '[{"type":"text","content":""}]'.length

export type RowMaker = (n: number, body: string) => FactChange

/** The row every system is compared with: a title, 95 bytes of body, a time; here a message, the commonest row. */
export const message: RowMaker = (n, body) => ({
  kind: 'INSERT',
  entity: 'MessageVersion',
  key: `row-${n}:0`,
  values: {
    message_id: `Row ${n}`,
    parts_json: JSON.stringify([{ type: 'text', content: body.slice(JSON_AROUND) }]),
    captured_at: 1_700_000_000_000 + n,
  },
})
export const tag: RowMaker = (n, body) => ({
  kind: 'INSERT',
  entity: 'ConversationTag',
  key: `row-${n}`,
  values: { conversation_id: `Row ${n}`, tag: body },
})
export const conversation: RowMaker = (n, body) => ({
  kind: 'INSERT',
  entity: 'Conversation',
  key: `row-${n}`,
  values: { title: `Row ${n}`, custom_title: body, updated_at: 1_700_000_000_000 + n },
})

/** Writes rows from number `first` on, a hundred per transaction: one operation each. */
export function writeRows(
  { vault }: PairedVault,
  random: SeededRandom,
  count: number,
  { first = 0, make = message }: { readonly first?: number; readonly make?: RowMaker } = {},
): void {
  const body = () => Buffer.from(random.bytes(72)).toString('base64').slice(0, 95)
  for (let n = first; n < first + count; n += WRITTEN_TOGETHER) {
    const together = Math.min(WRITTEN_TOGETHER, first + count - n)
    vault.transact((tx) => tx.write(Array.from({ length: together }, (_, k) => make(n + k, body()))))
  }
}

/** All segments of a device, in the pieces a session would hand to the worker. */
export function shippedBy({ replica, device }: PairedVault): Uint8Array[][] {
  const head = replica.frontier({}).find((log) => Buffer.compare(log.device, device) === 0)
  if (!head) throw new Error('a device without a log')
  const batches: Uint8Array[][] = []
  for (let sequence = 1; sequence <= head.sequence; ) {
    const read = replica.read({ log: { ...head, sequence }, maxBytes: LIMITS.syncApplyBytes })
    batches.push([...read.segments])
    sequence = read.upTo + 1
  }
  return batches
}

/** Bytes of the operations themselves: what any log has to keep and to ship. */
export function payloadBytes({ vault }: PairedVault): number {
  return vault.all<{ bytes: number }>('SELECT sum(length(body)) AS bytes FROM sync_operations')[0]!.bytes
}
