import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesBelow } from '../../support/byte-search.ts'
import { join as joinDevice, untilAlike, untilDerived } from '../../support/device-pair.ts'
import { seededRandom } from '../../support/seed.ts'
import { TestNode } from '../../support/test-node.ts'
import { madeConversation } from '../conversation.ts'
import type { Measurement } from '../measurement.ts'

/** Two real nodes: what a person waits for when they bring a new device in. */
export async function pairing(conversations: number): Promise<Measurement> {
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
