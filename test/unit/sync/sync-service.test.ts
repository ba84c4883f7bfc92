import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { type EpochKey, sealMessage } from '../../../crdt/sealed-message.ts'
import { issueMemberDocument, readMemberDocument } from '../../../daemon/identity/member-document.ts'
import { createNetwork } from '../../../daemon/network/libp2p-network.ts'
import type { Network } from '../../../daemon/network/network.ts'
import { openRendezvous } from '../../../daemon/sync/rendezvous.ts'
import { SyncService } from '../../../daemon/sync/sync-service.ts'
import type { Replicate, ReplicateIfOpen } from '../../../daemon/sync/sync-session.ts'
import { CommitNews } from '../../../daemon/users/commit-news.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import type { FactChange } from '../../../daemon/vault/vault.ts'
import { VivimError } from '../../../schema/errors.ts'
import { type PairedVault, type PairedVaults, pairedVaults } from '../../support/paired-vaults.ts'

const random = (bytes: number) => new Uint8Array(randomBytes(bytes))
const silent = { info: () => {}, warn: () => {}, error: () => {} }

interface Device {
  readonly vault: PairedVault
  readonly network: Network
  readonly sync: SyncService
  readonly warnings: object[]
  readonly counts: Map<string, number>
  /** Called before every action of replication; what it throws is what the vault would throw. */
  before: (action: string) => void
}

const open: Device[] = []
const opened: Disposable[] = []
afterEach(async () => {
  for (const { sync } of open) sync.stop()
  await Promise.all(open.map(({ network }) => network.stop()))
  open.length = 0
  for (const thing of opened.splice(0)) thing[Symbol.dispose]()
})

function paired(count: number, options?: Parameters<typeof pairedVaults>[1]): PairedVaults {
  const vaults = pairedVaults(count, options)
  opened.push(vaults)
  return vaults
}

/** A node of one device: real network, real vault, in this thread. */
async function device(vault: PairedVault): Promise<Device> {
  const network = createNetwork({
    seed: random(32),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    mdns: false,
    log: silent,
  })
  const warnings: object[] = []
  const counts = new Map<string, number>()
  const replicate = (async (action, params) => {
    await null
    made.before(action)
    return (vault.replica[action] as (params: unknown) => unknown)(params)
  }) as Replicate
  const sync = new SyncService({
    network,
    replicate: () => replicate,
    openVault: () => replicate,
    ifOpen: () =>
      (async (action, params) => replicate(action, params).catch(() => undefined)) as ReplicateIfOpen,
    now: Date.now,
    random,
    log: {
      info: () => {},
      warn: (details, message) => warnings.push({ ...details, message }),
    },
    count: (name, by = 1) => counts.set(name, (counts.get(name) ?? 0) + by),
    lookUp: async () => [],
    onDocument: () => {},
    onMembers: () => {},
    onRenewed: () => {},
    deviceNamed: async () => undefined,
  })
  const made: Device = { vault, network, sync, warnings, counts, before: () => {} }
  open.push(made)
  const news = new CommitNews(vault.vault, (frontier, written) => {
    if (open.includes(made)) sync.committed(vault.keys.did, frontier, written)
  })
  vault.vault.onCommit = () => news.schedule()
  opened.unshift({ [Symbol.dispose]: () => news.flush() })
  sync.start()
  await network.start()
  await sync.add(vault.keys)
  return made
}

const put = ({ vault }: Device, ...changes: FactChange[]) => vault.vault.transact((tx) => tx.write(changes))
const insert = (key: string, title = 'a title'): FactChange => ({
  kind: 'INSERT',
  entity: 'Conversation',
  key,
  values: { title, state: 'ACTIVE', version: 1 },
})
const digestOf = ({ vault: { vault } }: Device) => stateDigest(vault, vault.logs, vault.space)

/** Each learns the documents the others signed, as pairing brings them. */
async function introduce(...devices: Device[]): Promise<void> {
  for (const one of devices)
    for (const { document } of documentsOf(...devices)) await one.sync.addMember(one.vault.keys.did, document)
}

function documentsOf(...devices: Device[]): { document: Uint8Array }[] {
  return devices.flatMap(({ vault }) =>
    vault.vault.members
      .list()
      .filter(({ deviceDid }) => deviceDid === vault.deviceDid)
      .map(({ document }) => ({ document: new Uint8Array(document) })),
  )
}

async function until(what: string, condition: () => boolean, ms = 20_000): Promise<void> {
  const end = performance.now() + ms
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
    await wait(10)
  }
}

/** Both hold the same operations; the rows are then the same too, which costs more to ask. */
const alike = (a: Device, b: Device) => () => frontierOf(a) === frontierOf(b) && digestOf(a) === digestOf(b)
const frontierOf = ({ vault: { vault } }: Device) => vault.logs.frontierDigest(vault.space)

describe('devices of one person', () => {
  test('find each other once introduced, and what one writes the other has', async () => {
    const [one, two] = paired(2, { introduced: false }).vaults as [PairedVault, PairedVault]
    const a = await device(one)
    const b = await device(two)
    put(a, insert('c1', 'from a'))
    await introduce(a, b)
    await until('b has it', alike(a, b))
    const began = performance.now()
    put(b, insert('c2', 'from b'))
    await until('a has it', alike(a, b))
    console.log(`written to there: ${(performance.now() - began).toFixed(0)} ms`)
    expect(await a.sync.syncNow(one.keys.did, {})).toMatchObject({ devices: [{ state: 'in-sync' }] })
  })

  test('five thousand operations each way while apart', async () => {
    const [one, two] = paired(2, { introduced: false }).vaults as [PairedVault, PairedVault]
    const a = await device(one)
    const b = await device(two)
    await introduce(a, b)
    await until('a session', () => (a.counts.get('sync.rounds') ?? 0) > 0)
    await a.network.stop()
    for (const [index, each] of [a, b].entries())
      for (let n = 0; n < 5_000; n += 500)
        put(
          each,
          ...Array.from({ length: 500 }, (_, k) => insert(`c${n + k}`, `title ${index} ${'x'.repeat(80)}`)),
        )
    expect(digestOf(a)).not.toBe(digestOf(b))
    const began = performance.now()
    await a.network.start()
    await a.sync.networkChanged()
    await until('alike', alike(a, b), 60_000)
    console.log(`10,000 operations: ${(performance.now() - began).toFixed(0)} ms`)
    expect(await b.sync.syncNow(one.keys.did, {})).toMatchObject({ devices: [{ state: 'in-sync' }] })
    for (const { vault } of [one, two])
      await until('the other has acknowledged it all', () => leastOf(vault) === 5_000)
  })

  test('three devices in a row: what the first writes reaches the last by way of the middle one', async () => {
    const vaults = paired(3, { introduced: false }).vaults
    const [a, b, c] = (await Promise.all(vaults.map(device))) as [Device, Device, Device]
    await introduce(a, b)
    put(a, insert('c1'))
    await until('b has it', alike(a, b))
    await a.network.stop()
    await introduce(b, c)
    await until('c has it', alike(b, c))
    put(c, insert('c2'))
    await until('b has that', alike(b, c))
    await a.network.start()
    await a.sync.networkChanged()
    await until('a has that', alike(a, c))
    expect(one(a).members.list()).toHaveLength(3)
  })

  test('a peer with the key but without a certificate is given nothing, and takes nothing in', async () => {
    const person = paired(2, { introduced: false })
    const [one, thief] = person.vaults as [PairedVault, PairedVault]
    const other = paired(1, { introduced: false }).vaults[0]!
    const a = await device(one)
    put(a, insert('c1', 'a secret'))
    // Another person's certified device that got hold of this person's epoch key.
    const stolen: PairedVault = Object.assign(Object.create(other), {
      keys: { ...other.keys, did: one.keys.did, epochs: one.keys.epochs },
    })
    const b = await device(stolen).catch(() => undefined)
    void thief
    const stream = await b!.network.open(
      { peerId: a.network.peerId, addresses: [...a.network.multiaddrs()] },
      '/vivim/sync/1',
      { maxFrameBytes: 300_000 },
    )
    stream.abort()
    await b!.sync.addMember(one.keys.did, documentsOf(a)[0]!.document)
    await wait(1_500)
    expect(other.vault.get('SELECT count(*) AS n FROM sync_operations')).toEqual({ n: 0 })
    expect(a.counts.get('sync.rounds') ?? 0).toBe(0)
  })

  test('a vault that fails in the middle ends the session, and the next one goes on', async () => {
    const [one, two] = paired(2, { introduced: false }).vaults as [PairedVault, PairedVault]
    const a = await device(one)
    const b = await device(two)
    for (let n = 0; n < 3_000; n += 500) put(a, ...Array.from({ length: 500 }, (_, k) => insert(`c${n + k}`)))
    let applies = 0
    b.before = (action) => {
      if (action === 'apply' && ++applies === 2) throw new Error('the disk is full')
    }
    await introduce(a, b)
    await until('alike all the same', alike(a, b))
    expect(applies).toBeGreaterThan(2)
    expect(b.warnings).toContainEqual(expect.objectContaining({ reason: 'the disk is full' }))
  })

  test('a device paired in the middle of a session is known to that session', async () => {
    const vaults = paired(3, { introduced: false }).vaults
    const [a, b, c] = (await Promise.all(vaults.map(device))) as [Device, Device, Device]
    await introduce(a, b)
    put(a, insert('c1'))
    await until('b has it', alike(a, b))
    await introduce(a, c)
    put(c, insert('c2'))
    await until('b has what c wrote', alike(b, c))
    expect([...a.warnings, ...b.warnings, ...c.warnings]).toEqual([])
  })

  test('what a device says of itself that makes no sense harms nobody', async () => {
    const [first, second] = paired(2, { introduced: false }).vaults as [PairedVault, PairedVault]
    const a = await device(first)
    const b = await device(second)
    await introduce(a, b)
    const { did, deviceDid, deviceKey, chain, receiveKey, epochs } = second.keys
    const nonsense = issueMemberDocument(deviceKey, {
      did,
      deviceDid,
      chain,
      receiveKey,
      sequence: Date.now() + 60_000,
      rendezvous: sealMessage(epochs[0]!, 'rendezvous', Uint8Array.of(0xff)),
    })
    await a.sync.addMember(did, nonsense)
    expect(first.vault.members.list()).toHaveLength(2)
    put(a, insert('c1'))
    expect(await a.sync.syncNow(did, {})).toMatchObject({ devices: [] })
  })

  test('a device that cannot store is asked again less and less often', async () => {
    const [first, second] = paired(2, { introduced: false }).vaults as [PairedVault, PairedVault]
    const a = await device(first)
    const b = await device(second)
    let applies = 0
    b.before = (action) => {
      if (action !== 'apply') return
      applies++
      throw new VivimError('StorageFull')
    }
    put(a, insert('c1'))
    await introduce(a, b)
    await until('a first try', () => applies > 0)
    await wait(5_000)
    // At half a second each it would be ten from either side.
    expect(applies).toBeLessThan(8)
    b.before = () => {}
    const devices = [{ state: 'in-sync' }]
    expect(await b.sync.syncNow(second.keys.did, {})).toMatchObject({ devices })
    expect(digestOf(a)).toBe(digestOf(b))
  })

  test('a message of two megabytes follows as a blob', async () => {
    const [first, second] = paired(2, { introduced: false }).vaults as [PairedVault, PairedVault]
    const a = await device(first)
    const b = await device(second)
    await introduce(a, b)
    const long = Buffer.from(JSON.stringify([{ type: 'text', content: 'long '.repeat(400_000) }]))
    let hash = ''
    first.vault.transact((tx) => {
      hash = tx.putBlob(long, 'c1')
      const values = { message_id: 'm1', content_hash: 'h', parts_blob: hash }
      tx.write([
        insert('c1'),
        {
          kind: 'INSERT',
          entity: 'Message',
          key: 'm1',
          values: { conversation_id: 'c1', role: 'user', hidden: 0 },
        },
        { kind: 'INSERT', entity: 'MessageVersion', key: 'm1:h', values },
      ])
    })
    await until('b has the blob', () => second.vault.getBlob(hash) !== undefined)
    expect(second.vault.getBlob(hash)).toEqual(long)
    expect(second.vault.get('SELECT count(*) AS n FROM blob_pieces')).toEqual({ n: 0 })
  })

  test('a removed user is kept in step no more', async () => {
    const [one, two] = paired(2, { introduced: false }).vaults as [PairedVault, PairedVault]
    const a = await device(one)
    const b = await device(two)
    await introduce(a, b)
    put(a, insert('c1'))
    await until('b has it', alike(a, b))
    b.sync.remove(two.keys.did)
    put(a, insert('c2'))
    await wait(500)
    expect(digestOf(a)).not.toBe(digestOf(b))
    await expect(b.sync.syncNow(two.keys.did, {})).rejects.toMatchObject({ code: 'Unavailable' })
  })
})

describe('a device that is taken out', () => {
  test('gets nothing more and counts for nothing, and the others go on under another key', async () => {
    const all = paired(3, { introduced: false })
    const [first, second, third] = all.vaults as [PairedVault, PairedVault, PairedVault]
    const a = await device(first)
    const b = await device(second)
    const lost = await device(third)
    const { did } = first.keys
    await introduce(a, b, lost)
    put(lost, insert('early'))
    await until('all have it', () => alike(a, lost)() && alike(b, lost)())
    await lost.network.stop()
    put(lost, insert('late'))
    expect(a.sync.currentKeys(first.keys).epochs).toHaveLength(1)
    const { epoch } = await a.sync.revoke(did, all.rootKey, third.deviceDid)
    put(a, insert('after'))
    await until('b has it', alike(a, b))
    const [old, ...newer] = b.sync.currentKeys(second.keys).epochs
    expect(old).toEqual(second.keys.epochs[0])
    expect(newer).toEqual(a.sync.currentKeys(first.keys).epochs.slice(1))
    expect(newer.map((key) => key.epoch)).toEqual([epoch])
    // Where the others are is under the new key: it opens with no key the lost device has.
    const addresses = first.vault.members.list().find(({ deviceDid }) => deviceDid === first.deviceDid)
    expect(readMemberDocument(addresses!.document)?.rendezvous.length).toBeGreaterThan(0)
    await until('b knows where a is under the new key', () =>
      second.vault.members.list().some(({ document }) => {
        const read = readMemberDocument(document)!
        return (
          read.deviceDid === first.deviceDid &&
          openRendezvous(newer, read.rendezvous) !== undefined &&
          openRendezvous([old!], read.rendezvous) === undefined
        )
      }),
    )

    const before = frontierOf(a)
    await lost.network.start()
    await lost.sync.networkChanged()
    await until('it learns of it', () => third.replica.members({}).excluded.includes(third.deviceDid))
    expect(keysIn(lost)).toEqual(['early'])
    expect(lost.sync.currentKeys(third.keys).epochs).toHaveLength(1)
    // Of the others it is told nothing new: only what the root key signed.
    const underNewKey = ({ replica }: PairedVault) =>
      replica.members({}).documents.filter(openedBy(newer)).length
    expect(underNewKey(third)).toBe(0)
    await until('b has both under the new key', () => underNewKey(second) === 2)
    await wait(1_000)
    expect(frontierOf(a)).toBe(before)
    for (const each of [a, b]) expect(keysIn(each)).toEqual(['after', 'early'])
    put(b, insert('further'))
    await until('a has it', alike(a, b))
    expect(keysIn(lost)).toEqual(['early'])
  })

  test('on two others at once: both versions are seen, and nobody is let in', async () => {
    const all = paired(3, { introduced: false })
    const [first, second, third] = all.vaults as [PairedVault, PairedVault, PairedVault]
    const a = await device(first)
    const b = await device(second)
    await introduce(a, b)
    for (const each of [a, b]) await each.sync.addMember(first.keys.did, third.document)
    await until('a session', () => (a.counts.get('sync.rounds') ?? 0) > 0)
    await b.network.stop()
    await a.sync.revoke(first.keys.did, all.rootKey, third.deviceDid)
    expect(a.sync.enrollingKeys(first.keys).epochs).toHaveLength(2)
    await b.sync.revoke(first.keys.did, all.rootKey, third.deviceDid)
    await b.network.start()
    await b.sync.networkChanged()
    for (const [each, { keys }] of [
      [a, first],
      [b, second],
    ] as const) {
      await until('the fork is seen', () => each.counts.get('sync.membership.forks') === 1)
      expect(() => each.sync.enrollingKeys(keys)).toThrow('two versions')
    }
    put(a, insert('goes on'))
    await until('b has it', alike(a, b))

    // Settled on one version by the root key and a device that was there: both follow, and somebody may be let in.
    const { did } = first.keys
    const [version, other] = a.vault.vault.records.entries.map(({ hash }) =>
      Buffer.from(hash).toString('hex'),
    )
    const settle = (at: number, hash: string) => a.sync.resolve(did, all.rootKey, at, hash)
    await expect(settle(2, version!)).rejects.toMatchObject({ code: 'Conflict' })
    await expect(settle(1, '00000000')).rejects.toMatchObject({ code: 'NotFound' })
    await expect(a.sync.resolve(did, first.keys.deviceKey, 1, version!)).rejects.toMatchObject({
      code: 'Unauthorized',
    })
    await settle(1, version!.slice(0, 12))
    for (const each of [a, b]) {
      const { records } = each.vault.vault
      await until('it is settled', () => records.log.forkedAt === undefined)
      expect(records.log.isSetAside(Buffer.from(other!, 'hex'))).toBe(true)
    }
    await until('the other lets in again', () => {
      try {
        return b.sync.enrollingKeys(second.keys) !== undefined
      } catch {
        return false
      }
    })
    await expect(settle(1, version!)).rejects.toMatchObject({ code: 'Conflict' })
    put(b, insert('goes on there'))
    await until('a has it', alike(a, b))
  })

  test('goes by the root key alone, and once', async () => {
    const all = paired(2, { introduced: false })
    const [first, second] = all.vaults as [PairedVault, PairedVault]
    const a = await device(first)
    const b = await device(second)
    await introduce(a, b)
    const { did } = first.keys
    await expect(a.sync.revoke(did, first.keys.deviceKey, second.deviceDid)).rejects.toMatchObject({
      code: 'Unauthorized',
    })
    await a.sync.revoke(did, all.rootKey, second.deviceDid)
    await expect(a.sync.revoke(did, all.rootKey, second.deviceDid)).rejects.toMatchObject({
      code: 'Conflict',
    })
  })
})

/** Documents of devices whose addresses open with one of these keys. */
const openedBy = (epochs: readonly EpochKey[]) => (document: Uint8Array) =>
  openRendezvous(epochs, readMemberDocument(document)?.rendezvous ?? new Uint8Array(0)) !== undefined
const keysIn = ({ vault: { vault } }: Device) =>
  vault.all<{ id: string }>('SELECT id FROM conversations ORDER BY id').map(({ id }) => id)
const leastOf = (vault: PairedVault['vault']) =>
  vault.get<{ least: number }>('SELECT min(sequence) AS least FROM sync_cursors')?.least
const one = ({ vault }: Device) => vault.vault
