import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { privateKeyOfSeed, publicKeyBytes } from '../../../../daemon/identity/ed25519.ts'
import { peerIdOf } from '../../../../daemon/identity/node-key.ts'
import { MasterDatabase } from '../../../../daemon/master/database.ts'
import { EmbeddedPostgres } from '../../../../daemon/master/embedded-postgres.ts'
import { LogReader } from '../../../../daemon/master/log/log-reader.ts'
import { readHead, signHead } from '../../../../daemon/master/log/signed-head.ts'
import { append, beginGeneration, readState } from '../../../../daemon/master/log/stored-log.ts'
import { PostgresRegistry } from '../../../../daemon/master/postgres-registry.ts'
import { believable } from '../../../../daemon/master/record-check.ts'
import { checkedRecord, leafOf, type RecordKind } from '../../../../daemon/master/record-kinds.ts'
import type { Registry } from '../../../../daemon/master/registry.ts'
import { LIMITS } from '../../../../schema/limits.ts'
import { Person } from '../people.ts'
import { type RecordingLog, recordingLog, Temporary } from '../temporary.ts'

const KEY = privateKeyOfSeed(new Uint8Array(32).fill(9))
const INSTANCE = { publicKey: publicKeyBytes(KEY), peerId: peerIdOf(publicKeyBytes(KEY)) }

const forGood = new Temporary()
let postgres: EmbeddedPostgres
let people = 0
beforeAll(async () => {
  postgres = await EmbeddedPostgres.start({ folder: forGood.folder(), log: recordingLog() })
  forGood.after(() => postgres.stop())
})
afterAll(() => forGood.undo())

let temporary: Temporary
let database: MasterDatabase
let registry: PostgresRegistry
let clock: number
let log: RecordingLog
let ann: Person
let bob: Person
beforeEach(async () => {
  temporary = new Temporary()
  log = recordingLog()
  database = new MasterDatabase({ connection: postgres.connection, log })
  temporary.after(() => database.close())
  clock = 1_800_000_000_000
  registry = new PostgresRegistry({ database, instanceKey: KEY, now: () => clock })
  await registry.ping()
  await database.query('DELETE FROM users')
  await database.query('DELETE FROM devices')
  await database.query('DELETE FROM signed_records')
  await database.query('DELETE FROM registry_log')
  await database.query('UPDATE registry_head SET generation = 0, size = 0')
  ann = new Person(`Ann ${people}`)
  bob = new Person(`Bob ${people++}`)
})
afterEach(() => temporary.undo())

interface Reader {
  readonly reader: LogReader
  readonly file: string
  readonly generations: { count: number }
  kinds(): string[]
}

function readerOf(over: Partial<Registry> = {}, file = join(temporary.folder(), 'reader.json')): Reader {
  const generations = { count: 0 }
  const counted: string[] = []
  const from: Pick<Registry, 'find' | 'connections' | 'witness'> = {
    find: async (did, signal) => {
      const entry = await (over.find ?? registry.find.bind(registry))(did, signal)
      const kept = entry && believable(entry)
      if (entry && kept?.devices.length !== entry.devices.length) reader.forged(did)
      return kept
    },
    connections: over.connections ?? registry.connections.bind(registry),
    witness: over.witness ?? registry.witness.bind(registry),
  }
  const reader: LogReader = new LogReader({
    file,
    instance: INSTANCE,
    registry: from,
    now: () => clock,
    log,
    count: (name) => void counted.push(name),
    onGeneration: () => void generations.count++,
  })
  return { reader, file, generations, kinds: () => reader.report().findings.map(({ kind }) => kind) }
}

async function publish(kind: RecordKind, bytes: Uint8Array, ...readers: Reader[]): Promise<void> {
  expect(await registry.put(kind, bytes)).toBe('stored')
  for (const { reader } of readers) reader.published(checkedRecord({ kind, bytes }))
}

/** Ann with two devices and Bob with one: five records, all of which the reader has seen. */
async function registered(): Promise<Reader> {
  const mine = readerOf()
  await publish('device', ann.document({ sequence: 1 }), mine)
  await publish('device', ann.document({ device: 'phone', sequence: 1 }), mine)
  await publish('user', bob.record(1), mine)
  await publish('device', bob.document(), mine)
  await publish('device', ann.document({ sequence: 2 }), mine)
  await mine.reader.find(ann.did)
  await mine.reader.find(bob.did)
  expect(mine.kinds()).toEqual([])
  expect(mine.reader.head).toMatchObject({ generation: 1, size: 5 })
  return mine
}

/** Writes another log into the table, as whoever has the database and the key can. */
async function rewriteLog(leaves: readonly Uint8Array[]): Promise<void> {
  await database.transaction(async (query) => {
    const { generation } = await readState(query, true)
    await append(query, await beginGeneration(query, Math.max(1, generation)), leaves)
  })
}

const allLeaves = () => [
  leafOf({ kind: 'device', bytes: ann.document({ sequence: 1 }) }),
  leafOf({ kind: 'device', bytes: ann.document({ device: 'phone', sequence: 1 }) }),
  leafOf({ kind: 'user', bytes: bob.record(1) }),
  leafOf({ kind: 'device', bytes: bob.document() }),
  leafOf({ kind: 'device', bytes: ann.document({ sequence: 2 }) }),
]

describe('a reader of an honest master', () => {
  it('believes it while it grows, across restarts, and has nothing to report', async () => {
    const mine = await registered()
    for (let sequence = 3; sequence < 12; sequence++) {
      await publish('device', ann.document({ sequence }), mine)
      expect((await mine.reader.find(ann.did))?.devices).toHaveLength(2)
    }
    const again = readerOf({}, mine.file)
    expect(again.reader.head).toEqual(mine.reader.head)
    await publish('device', bob.document({ sequence: 5 }))
    await again.reader.find(bob.did)
    expect(again.reader.head?.size).toBe(15)
    expect([...again.kinds(), ...mine.kinds()]).toEqual([])
    expect(log.text()).not.toContain('kind')
  })

  it('does not miss in an answer what was published while that was on its way', async () => {
    let meanwhile = async () => {}
    const slow = readerOf({
      find: async (did, signal) => {
        const entry = await registry.find(did, signal)
        await meanwhile()
        return entry
      },
    })
    await publish('device', ann.document({ sequence: 1 }), slow)
    meanwhile = async () => {
      await publish('device', ann.document({ sequence: 2 }), slow)
      await publish('device', ann.document({ device: 'phone', sequence: 1 }), slow)
    }
    await slow.reader.find(ann.did)
    expect(slow.kinds()).toEqual([])
    meanwhile = async () => {}
    await database.query('DELETE FROM devices')
    await slow.reader.find(ann.did)
    expect(slow.kinds()).toEqual(['dropped'])
  })

  it('is not misled by a sequence that a device claimed before it was taken out', async () => {
    const mine = await registered()
    await publish('device', ann.document({ device: 'stolen' }), mine)
    await publish('user', ann.record(Number.MAX_SAFE_INTEGER, 'Hijacked', { device: 'stolen' }), mine)
    expect((await mine.reader.find(ann.did))?.user).toBeDefined()
    await publish('entry', ann.revocation(1, 'stolen'), mine)
    // Nothing of what it said is shown, also before somebody said otherwise.
    expect((await mine.reader.find(ann.did))?.user).toBeUndefined()
    await publish('user', ann.record(7), mine)
    expect((await mine.reader.find(ann.did))?.user).toEqual(ann.record(7))
    expect(mine.kinds()).toEqual([])
    await database.query('UPDATE users SET sequence = 6, record = $2 WHERE did = $1', [
      ann.did,
      Buffer.from(ann.record(6)),
    ])
    await mine.reader.find(ann.did)
    expect(mine.kinds()).toContain('replayed')
  })

  it('asks for the head with each answer, many records among them', async () => {
    const mine = readerOf()
    for (let n = 0; n < LIMITS.witnessLeaves + 3; n++)
      await registry.put('device', ann.document({ device: `d${n}` }))
    expect((await mine.reader.find(ann.did))?.devices).toHaveLength(LIMITS.witnessLeaves + 3)
    expect(mine.kinds()).toEqual([])
    expect(mine.reader.head?.size).toBe(LIMITS.witnessLeaves + 3)
  })

  it('is unconfirmed until another device saw the same log, and again a day later', async () => {
    const one = await registered()
    const two = readerOf()
    expect(two.reader.report().trust).toBe('none')
    await two.reader.refresh()
    expect([one, two].map(({ reader }) => reader.report().trust)).toEqual(['unconfirmed', 'unconfirmed'])
    expect(await two.reader.compare(one.reader.head!.bytes)).toBe('same')
    expect(two.reader.report()).toMatchObject({ trust: 'confirmed', confirmedAt: clock })
    expect(one.reader.report().trust).toBe('unconfirmed')
    clock += LIMITS.headFreshMs + 1
    expect(two.reader.report().trust).toBe('unconfirmed')
    await two.reader.refresh()
    expect(two.reader.report().trust).toBe('unconfirmed')
  })

  it('finds heads alike that are older or newer than its own', async () => {
    const old = await registered()
    const oldHead = old.reader.head!.bytes
    await publish('device', bob.document({ sequence: 2 }))
    await publish('device', bob.document({ sequence: 3 }))
    const fresh = readerOf()
    await fresh.reader.refresh()
    expect(fresh.reader.head?.size).toBe(7)
    expect(await fresh.reader.compare(oldHead)).toBe('same')
    expect(await old.reader.compare(fresh.reader.head!.bytes)).toBe('same')
    expect(old.reader.head?.size).toBe(7)
    expect(await readerOf().reader.compare(oldHead)).toBe('same')
  })

  it('does not care for heads of other masters and noise', async () => {
    const mine = await registered()
    const head = { generation: 9, size: 9, root: new Uint8Array(32), time: clock }
    const other = signHead(privateKeyOfSeed(new Uint8Array(32).fill(1)), head)
    for (const bytes of [other, new Uint8Array(), mine.reader.head!.bytes.slice(1)])
      expect(await mine.reader.compare(bytes)).toBe('unknown')
    expect(mine.kinds()).toEqual([])
  })

  it('follows the operator into a new generation, says so, and has everything published again', async () => {
    const mine = await registered()
    await database.query('DELETE FROM devices WHERE did = $1', [ann.did])
    expect(await registry.newGeneration(1)).toEqual({ generation: 2, size: 2 })
    await mine.reader.refresh()
    expect(mine.generations.count).toBe(1)
    expect(mine.reader.report()).toMatchObject({ head: { generation: 2, size: 2 }, generationAt: clock })
    // What was there before the copy was made is not missed: its owner brings it.
    await mine.reader.find(ann.did)
    expect(mine.kinds()).toEqual([])
    expect(log.text()).toContain('began its log anew')
  })
})

describe('a master whose rows somebody edits', () => {
  it('drops a record: noticed', async () => {
    const mine = await registered()
    await database.query('DELETE FROM devices WHERE did = $1 AND device_did = $2', [
      ann.did,
      ann.deviceDid('phone'),
    ])
    await mine.reader.find(ann.did)
    expect(mine.kinds()).toEqual(['dropped'])
    await publish('device', ann.document({ device: 'phone', sequence: 2 }), mine)
    await mine.reader.find(ann.did)
    expect(mine.kinds()).toEqual([])
  })

  it('drops a whole person: noticed', async () => {
    const mine = await registered()
    await database.query('DELETE FROM devices WHERE did = $1', [ann.did])
    expect(await mine.reader.find(ann.did)).toBeUndefined()
    expect(mine.kinds()).toEqual(['dropped'])
  })

  it('replays an older record: noticed', async () => {
    const mine = await registered()
    const old = ann.document({ sequence: 1 })
    await database.query('UPDATE devices SET document = $1, sequence = 1 WHERE device_did = $2', [
      Buffer.from(old),
      ann.deviceDid(),
    ])
    await mine.reader.find(ann.did)
    expect(mine.kinds()).toEqual(['replayed'])
    expect(mine.reader.report().trust).toBe('suspect')
  })

  it('forges a record: not believed, and noticed', async () => {
    const mine = await registered()
    await database.query('UPDATE devices SET document = $1 WHERE device_did = $2', [
      Buffer.from(ann.document({ sequence: 9, signer: 'Eve/laptop' })),
      ann.deviceDid('phone'),
    ])
    expect((await mine.reader.find(ann.did))?.devices).toEqual([ann.document({ sequence: 2 })])
    expect(mine.kinds()).toContain('forged')
  })

  it('shows a record that is in no log: noticed', async () => {
    const mine = await registered()
    await database.query('UPDATE devices SET document = $1 WHERE device_did = $2', [
      Buffer.from(ann.document({ device: 'phone', sequence: 7 })),
      ann.deviceDid('phone'),
    ])
    await mine.reader.find(ann.did)
    expect(mine.kinds()).toEqual(['not-logged'])
  })

  it.each([
    ['drops the last entry of the log', 'rolled-back', (all: Uint8Array[]) => all.slice(0, -1)],
    [
      'drops an entry and adds another',
      'history-changed',
      (all: Uint8Array[]) => [...all.slice(1), all[0]!, all[1]!],
    ],
    ['reorders two entries', 'history-changed', ([a, b, ...rest]: Uint8Array[]) => [b!, a!, ...rest]],
    ['changes an entry', 'history-changed', ([, ...rest]: Uint8Array[]) => [new Uint8Array(32), ...rest]],
    ['empties the log', 'rolled-back', () => []],
  ])('%s: %s', async (_, kind, edit) => {
    const mine = await registered()
    const before = mine.reader.head
    await rewriteLog(edit(allLeaves()))
    await mine.reader.find(ann.did)
    expect(mine.kinds()).toEqual([kind])
    expect(mine.reader.head).toEqual(before)
    // It says so after a restart too, and until the log is as it was.
    const again = readerOf({}, mine.file)
    expect(again.kinds()).toEqual([kind])
    await rewriteLog(allLeaves())
    await again.reader.refresh()
    expect(again.kinds()).toEqual([])
  })

  it('edits the log without its inner nodes, or loses some of them: noticed, or it cannot answer', async () => {
    const mine = await registered()
    await database.query('UPDATE registry_log SET hash = $1 WHERE level = 0 AND position = 1', [
      Buffer.alloc(32),
    ])
    await mine.reader.find(ann.did)
    expect(mine.kinds()).toContain('not-logged')
    await database.query('UPDATE registry_log SET hash = $1 WHERE level = 2 AND position = 0', [
      Buffer.alloc(32),
    ])
    await mine.reader.find(ann.did)
    expect(mine.kinds()).toContain('history-changed')
    await database.query('DELETE FROM registry_log WHERE level = 2')
    await expect(mine.reader.refresh()).rejects.toMatchObject({ code: 'Unavailable' })
  })

  it('goes back to an older generation: noticed', async () => {
    const mine = await registered()
    await registry.newGeneration(4)
    await mine.reader.refresh()
    await database.query('UPDATE registry_head SET generation = 1')
    await mine.reader.refresh()
    expect(mine.kinds()).toEqual(['rolled-back'])
    expect(log.text()).toContain('restored from a copy')
  })

  it('signs with another key: noticed', async () => {
    const other = new PostgresRegistry({
      database,
      instanceKey: privateKeyOfSeed(new Uint8Array(32).fill(3)),
      now: () => clock,
    })
    const mine = readerOf({ witness: other.witness.bind(other) })
    await mine.reader.refresh()
    expect(mine.kinds()).toEqual(['forged'])
    expect(mine.reader.head).toBeUndefined()
  })

  it('shows two views: noticed as soon as two devices compare, by the one or the other, at any sizes', async () => {
    for (const [hidden, more] of [
      [0, 0],
      [1, 0],
      [4, 0],
      [2, 3],
      [0, 2],
    ] as const) {
      await rewriteLog(allLeaves())
      const one = readerOf()
      await one.reader.refresh()
      const oneHead = one.reader.head!
      // What the other device is shown: an entry is another one, and maybe some follow.
      const view = allLeaves().map((leaf, n) => (n === hidden ? new Uint8Array(32).fill(n + 1) : leaf))
      await rewriteLog([
        ...view,
        ...Array.from({ length: more }, (_, n) => new Uint8Array(32).fill(0x40 + n)),
      ])
      const two = readerOf()
      await two.reader.refresh()
      expect(two.kinds()).toEqual([])
      expect(await two.reader.compare(oneHead.bytes)).toBe('split')
      expect(two.kinds()).toEqual(['split-view'])
      expect(two.reader.report().trust).toBe('suspect')
      // The first device still sees its own view.
      const twoHead = two.reader.head!
      await rewriteLog(allLeaves())
      expect(await one.reader.compare(twoHead.bytes)).toBe('split')
    }
    expect(log.text()).toContain('another log')
  })

  it('shows one device less than the other: noticed', async () => {
    const one = await registered()
    const oneHead = one.reader.head!.bytes
    await rewriteLog(allLeaves().slice(0, 3))
    const two = readerOf()
    await two.reader.refresh()
    expect(await two.reader.compare(oneHead)).toBe('split')
  })

  it('is sound while the log grows under the comparison', async () => {
    const one = await registered()
    const oneHead = one.reader.head!.bytes
    let sequence = 10
    const two = readerOf({
      witness: async (since, leaves, signal) => {
        if (sequence < 13) await registry.put('device', bob.document({ sequence: sequence++ }))
        return registry.witness(since, leaves, signal)
      },
    })
    await two.reader.refresh()
    expect(await two.reader.compare(oneHead)).toBe('same')
    expect(two.kinds()).toEqual([])
  })
})

describe('heads', () => {
  it('are of the instance that signed them, and of nothing else', () => {
    const head = { generation: 2, size: 7, root: new Uint8Array(32).fill(4), time: clock }
    const bytes = signHead(KEY, head)
    expect(readHead(bytes, INSTANCE.publicKey)).toEqual({ ...head, bytes })
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes)
      changed[at]! ^= 1
      expect(readHead(changed, INSTANCE.publicKey)).toBeUndefined()
    }
    for (const wrong of [{ generation: 0 }, { size: 2 ** 41 }, { root: new Uint8Array(31) }])
      expect(readHead(signHead(KEY, { ...head, ...wrong }), INSTANCE.publicKey)).toBeUndefined()
  })
})
