import { afterEach, describe, expect, test } from 'vitest'
import { sealMessage, topicOf } from '../../crdt/sealed-message.ts'
import { privateSpaceId } from '../../crdt/space.ts'
import { SharedText } from '../../crdt/text.ts'
import { encodeSaid } from '../../daemon/sync/announcement.ts'
import { SYNC_PROTOCOL } from '../../daemon/sync/handshake.ts'
import { stateDigest } from '../../daemon/vault/state-digest.ts'
import { LIMITS } from '../../schema/limits.ts'
import { HandLog } from '../support/hand-log.ts'
import { HostileNotes } from '../support/hostile-notes.ts'
import { alike, insert, introduce, type MeshDevice, meshDevice } from '../support/mesh-device.ts'
import { pairedVaults } from '../support/paired-vaults.ts'
import { until } from '../support/until.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack.disposeAsync()
  stack = new AsyncDisposableStack()
})

const YEAR = 365 * 24 * 3_600_000

describe('a certified device that writes what it must not', () => {
  test('two versions of its log: proven, told, both kept, the log frozen, and honest work goes on', async () => {
    const { devices, attacker, say } = await meshOf(3)
    const [a, b] = devices as [MeshDevice, MeshDevice]
    const log = new HandLog(attacker.vault.keys)
    const time = a.vault.vault.now()
    const shared = log.segment(['shared'], 'shared', time)
    const other = log.fork()
    for (const device of [a, b]) device.vault.replica.apply({ segments: [shared] })
    // Each of the two is told another branch; then they hear of each other's.
    a.vault.replica.apply({ segments: [log.segment(['one'], 'one', time + 10)] })
    b.vault.replica.apply({ segments: [other.segment(['two'], 'two', time + 20)] })
    attacker.sync.stop()
    await Promise.all([a, b].map(({ sync, vault }) => sync.syncNow(vault.keys.did, {}).catch(() => {})))
    await until('the fork is proven to both, and both branches are there', async () =>
      [a, b].every(
        (device) => device.vault.vault.forks.list().length === 1 && titles(device, 'one', 'two') === 2,
      ),
    )
    for (const device of [a, b]) {
      const [fork] = device.vault.vault.forks.list()
      expect(fork).toMatchObject({ sequence: 2, resolved: false })
      expect(fork!.branches).toHaveLength(2)
    }
    // What goes on under the frozen name is one more branch, never the log.
    say(log.segment(['three'], 'three', time + 30))
    a.write(insert('honest'))
    b.write(insert('honest too'))
    await until(
      'honest work arrives',
      async () => alike([a, b]) && titles(b, 'honest') + titles(a, 'honest too') === 2,
    )
    expect(shown(a)).toBe(shown(b))
  })

  test('under a time that is years ahead: held everywhere, applied nowhere, and nothing grows with it but the log', async () => {
    const { devices, attacker, say } = await meshOf(3)
    const [a, b] = devices as [MeshDevice, MeshDevice]
    const log = new HandLog(attacker.vault.keys)
    const before = process.memoryUsage.rss()
    const keys = Array.from({ length: 200 }, (_, index) => `future-${index}`)
    const clock = a.vault.vault.now()
    const segments = Array.from({ length: 50 }, (_, n) =>
      log.segment(keys, 'of another time', clock + YEAR + n * 1_000),
    )
    say(segments[0]!)
    for (const bytes of segments) a.vault.replica.apply({ segments: [bytes] })
    a.write(insert('honest'))
    await until('the other one holds it too', async () => alike([a, b]) && titles(b, 'honest') === 1)
    for (const { vault } of [a, b]) {
      expect(vault.vault.held.count()).toBe(10_000)
      expect(vault.vault.get("SELECT 1 FROM conversations WHERE id LIKE 'future-%'")).toBeUndefined()
      // Its time is not taken over: what is written now is of now.
      vault.vault.transact((tx) => tx.write([insert(`later-${vault.deviceDid}`)]))
    }
    await until('both hold the same', async () => alike([a, b]))
    expect(shown(a)).toBe(shown(b))
    const grown = (process.memoryUsage.rss() - before) / 2 ** 20
    console.log(`10,000 operations of the future: ${grown.toFixed(0)} MiB more in both devices together`)
    expect(grown).toBeLessThan(150)
  })

  test('after it was taken out, back-dated, by way of a device that has not heard: nothing of it counts', async () => {
    const { devices, attacker, rootKey } = await meshOf(4)
    const [a, b, c] = devices as [MeshDevice, MeshDevice, MeshDevice]
    attacker.write(insert('before', 'mine'))
    await until('all hold what it wrote', async () => alike([...devices, attacker]))
    const { did } = a.vault.keys
    // The third one hears of nothing for a while.
    await c.network.stop()
    await attacker.network.stop()
    const heads = attacker.vault.replica.frontier({})
    const own = heads.find(({ device }) => Buffer.compare(device, attacker.vault.device) === 0)!
    await a.sync.revoke(did, rootKey, attacker.vault.deviceDid)
    await until('the second one knows', async () => b.vault.replica.members({}).excluded.length === 1)
    // Stamped before the revocation, in its own log and in a new one.
    attacker.vault.time = Date.UTC(2026, 0, 1)
    attacker.write(insert('after', 'stolen'))
    const read = attacker.vault.replica.read({
      log: { ...own, sequence: own.sequence + 1 },
      maxBytes: 65_536,
    })
    const hand = new HandLog(attacker.vault.keys)
    const forged = hand.segment(['before', 'late'], 'stolen', Date.UTC(2026, 0, 1))
    c.vault.replica.apply({ segments: [...read.segments, forged] })
    expect(titles(c, 'after', 'late')).toBe(2)
    await c.network.start()
    await c.sync.networkChanged()
    await until('all three hold the same', async () => alike(devices), 60_000)
    for (const device of devices) {
      expect(titles(device, 'after', 'late')).toBe(0)
      expect(titleOf(device, 'before')).toBe('mine')
    }
    // Who passed it on is a friend.
    for (const device of [a, b]) expect(device.counts.has('network.peers.refused')).toBe(false)
    c.write(insert('honest'))
    await until('honest work arrives', async () => alike(devices) && titles(a, 'honest') === 1)
    expect(new Set(devices.map(shown)).size).toBe(1)
  })

  test('into a note as somebody else: its updates are passed on and change nothing, and honest edits arrive', async () => {
    const { devices, attacker, say } = await meshOf(3)
    const [a, b] = devices as [MeshDevice, MeshDevice]
    const edit = (at: number, insert: string) =>
      ({
        kind: 'TEXT',
        entity: 'NotebookEntry',
        key: 'e1',
        edits: { body: [{ at, delete: 0, insert }] },
      }) as const
    const noteOf = ({ vault }: MeshDevice) =>
      vault.vault.get<{ body: string }>('SELECT body FROM notebook_entries WHERE id = ?', ['e1'])?.body
    a.vault.vault.transact((tx) =>
      tx.write([
        { kind: 'INSERT', entity: 'NotebookEntry', key: 'e1', values: { title: 'Tea' } },
        edit(0, 'green tea'),
      ]),
    )
    await until('both have the note', async () => alike([...devices, attacker]) && noteOf(b) === 'green tea')
    const hostile = new HostileNotes(attacker.vault)
    const forged = (client: number, text: string) =>
      new SharedText().edit(client, [{ at: 0, delete: 0, insert: text }])[0]!
    const bytes = Array.from({ length: 20 }, (_, n) =>
      hostile.text(forged(hostile.client + 1 + n, 'stolen ')),
    )
    for (const one of bytes) say(one)
    b.vault.vault.transact((tx) => tx.write([edit(9, ' leaves')]))
    // What it may write under its own name is an edit like another.
    say(hostile.text(forged(hostile.client, 'my ')))
    await until('honest work arrives', async () => alike(devices) && (noteOf(a) ?? '').includes('leaves'))
    await until('its own edit counts', async () => (noteOf(b) ?? '').includes('my '))
    for (const device of devices) {
      expect(noteOf(device)).not.toContain('stolen')
      const own = device.vault.vault.logs.list(device.vault.vault.space)
      expect(own.some(({ head_seq }) => head_seq === bytes.length + 1)).toBe(true)
    }
    expect(shown(a)).toBe(shown(b))
  })

  test('with frames beyond the limit: the stream breaks, memory stays, and honest work goes on', async () => {
    const { devices, attacker } = await meshOf(3)
    const [a, b] = devices as [MeshDevice, MeshDevice]
    attacker.sync.stop()
    const before = process.memoryUsage.rss()
    const began = performance.now()
    let streams = 0
    for (; streams < 20 && a.network.peers().includes(attacker.network.peerId); streams++) {
      const stream = await attacker.network
        .open({ peerId: a.network.peerId }, SYNC_PROTOCOL, { maxFrameBytes: 64 * 1024 * 1024 })
        .catch(() => undefined)
      await stream?.send(new Uint8Array(32 * 1024 * 1024)).catch(() => {}) // it is cut before that is through
      await stream?.closed
    }
    a.write(insert('honest'))
    await until('honest work arrives', async () => alike([a, b]))
    const grown = (process.memoryUsage.rss() - before) / 2 ** 20
    console.log(
      `${streams} streams with 32 MiB frames in ${(performance.now() - began).toFixed(0)} ms, ${grown.toFixed(0)} MiB more with the attacker's own, frames are at most ${LIMITS.syncFrameBytes}`,
    )
    expect(grown).toBeLessThan(150)
  })
})

async function meshOf(count: number) {
  const all = stack.use(pairedVaults(count))
  const devices = await Promise.all(all.vaults.map(async (vault) => stack.use(await meshDevice(vault))))
  await introduce(devices)
  for (const device of devices) device.write(insert(`from ${device.vault.deviceDid}`))
  await until('all hold the same', async () => alike(devices))
  const attacker = devices.pop()!
  const { did, epochs } = attacker.vault.keys
  const epoch = epochs.at(-1)!
  const topic = topicOf(epoch, privateSpaceId(did))
  const publish = attacker.publish
  const say = (bytes: Uint8Array) =>
    publish(topic, sealMessage(epoch, topic, encodeSaid({ type: 'segment', bytes })))
  return { devices, attacker, say, rootKey: all.rootKey }
}

const titleOf = ({ vault }: MeshDevice, key: string) =>
  vault.vault.get<{ title: string }>('SELECT title FROM conversations WHERE id = ?', [key])?.title
const titles = (device: MeshDevice, ...keys: string[]) =>
  keys.filter((key) => titleOf(device, key) !== undefined).length
const shown = ({ vault: { vault } }: MeshDevice) => stateDigest(vault, vault.logs, vault.space)
