import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { FactChange } from '../../daemon/vault/vault.ts'
import { LIMITS } from '../../schema/limits.ts'
import { filesBelow } from '../support/byte-search.ts'
import { join as joinDevice, untilAlike, untilDerived } from '../support/device-pair.ts'
import { type PairedVault, pairedVaults } from '../support/paired-vaults.ts'
import { seededRandom } from '../support/seed.ts'
import { TestNode } from '../support/test-node.ts'
import { madeConversation } from './conversation.ts'
import { type Bench, type Measurement, median } from './measurement.ts'

const PAYLOAD_BYTES = 160
/** Bytes of the JSON around a message's text. */
const JSON_AROUND = '[{"type":"text","content":""}]'.length
/** Operations of one transaction on the device that writes: a person's import. */
const WRITTEN_TOGETHER = 100

/** What another device has written, taken in; and a whole new device, from its code to the same state. */
export const replicationBench: Bench = {
  prefix: 'replication',
  async run({ quick }) {
    return [await applying(quick ? 2_000 : 20_000, quick ? 2 : 5), await pairing(quick ? 100 : 1_000)]
  },
}

/** Verify, authorise, merge and commit, as the worker of a user does for another device of theirs. */
async function applying(operations: number, runs: number): Promise<Measurement> {
  const random = seededRandom('replication')
  const text = () => Buffer.from(random.bytes(PAYLOAD_BYTES * 0.75)).toString('base64')
  // The first ones are warm-up: a worker that is new runs at some two thirds of this.
  await rateOf(operations, (n) => message(n, text()))
  const rates: number[] = []
  let shipped = 0
  for (let run = 0; run < runs; run++) {
    const measured = await rateOf(operations, (n) => message(n, text()))
    rates.push(measured.rate)
    shipped = measured.bytes / operations
  }
  const tags = await rateOf(operations, (n) => tag(n, text()))
  const titles = await rateOf(operations, (n) => title(n, text()))
  const thousands = (rate: number) => (rate / 1_000).toFixed(1)
  return {
    name: 'replication.apply_ops_per_s',
    value: median(rates),
    unit: 'ops/s',
    goal: 60_000,
    better: 'higher',
    runs,
    note:
      `${operations} messages of ${PAYLOAD_BYTES} B, each a new row; a signature per 256, a hash chain over all; operation and row ` +
      `stored, durable per ${LIMITS.syncApplyBytes / 1024} KiB; ${shipped.toFixed(0)} B shipped per operation; each run: ` +
      `${rates.map(thousands).join(', ')} k/s; tags ${thousands(tags.rate)}, titles ${thousands(titles.rate)} k/s`,
  }
}

async function rateOf(operations: number, change: (n: number) => FactChange) {
  using pair = pairedVaults(2)
  const [from, to] = pair.vaults as [PairedVault, PairedVault]
  for (let n = 0; n < operations; n += WRITTEN_TOGETHER)
    from.vault.transact((tx) => tx.write(Array.from({ length: WRITTEN_TOGETHER }, (_, k) => change(n + k))))
  const batches = shippedBy(from)
  // What was written before is on the disk and out of the way.
  await pause(100)
  let applied = 0
  const start = performance.now()
  for (const segments of batches) applied += to.replica.apply({ segments }).operations
  const seconds = (performance.now() - start) / 1_000
  if (applied !== operations) throw new Error(`${applied} of ${operations} operations were applied`)
  return { rate: applied / seconds, bytes: batches.flat().reduce((sum, { length }) => sum + length, 0) }
}

const message = (n: number, content: string): FactChange => ({
  kind: 'INSERT',
  entity: 'MessageVersion',
  key: `message-${n}:0`,
  values: { parts_json: JSON.stringify([{ type: 'text', content: content.slice(JSON_AROUND) }]) },
})
const tag = (n: number, text: string): FactChange => ({
  kind: 'INSERT',
  entity: 'ConversationTag',
  key: `tag-${n}`,
  values: { tag: text },
})
const title = (n: number, text: string): FactChange => ({
  kind: 'INSERT',
  entity: 'Conversation',
  key: `conversation-${n}`,
  values: { title: text },
})

/** All segments of a device, in the pieces a session would hand to the worker. */
function shippedBy({ replica, device }: PairedVault): Uint8Array[][] {
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

/** Two real nodes: what a person waits for when they bring a new device in. */
async function pairing(conversations: number): Promise<Measurement> {
  await using old = await TestNode.start()
  await using fresh = await TestNode.start()
  const { client } = await old.user()
  const random = seededRandom('pairing')
  const path = join(old.folder, 'export.json')
  const made = Array.from({ length: conversations }, (_, n) => madeConversation(random, `p${n}`, 4))
  writeFileSync(path, JSON.stringify(made))
  await client.call('capture.import', { path, wait: 'indexed' }, { timeoutMs: 600_000 })
  await untilDerived({ client })
  const { pairingId, code } = await client.call('devices.pair.start')
  const start = performance.now()
  const joined = await joinDevice({ client, pairingId, code }, fresh, 'second')
  const paired = performance.now() - start
  await untilAlike([{ client }, joined], 600_000)
  const seconds = (performance.now() - start) / 1_000
  await untilDerived(joined)
  const derived = (performance.now() - start) / 1_000
  const [space] = (await joined.client.call('sync.status')).spaces
  return {
    name: 'replication.pair_to_synced_s',
    value: seconds,
    unit: 's',
    goal: null,
    better: 'lower',
    runs: 1,
    note:
      `${conversations} conversations of 4 messages, ${space!.operations} operations, ${megabytesOf(fresh)} MB of database there; ` +
      `from the code to equal state digests, ${(paired / 1_000).toFixed(1)} s of it pairing; units made after ${derived.toFixed(1)} s`,
  }
}

function megabytesOf({ home }: TestNode): string {
  const files = filesBelow(join(home, 'users'))
  return (files.reduce((sum, file) => sum + statSync(file).size, 0) / 1e6).toFixed(1)
}
