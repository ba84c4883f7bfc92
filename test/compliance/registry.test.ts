import { createHash, type KeyObject } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { readMembershipEntry } from '../../crdt/membership-entry.ts'
import { encodeDid } from '../../daemon/identity/did.ts'
import { privateKeyOfSeed, publicKeyBytes } from '../../daemon/identity/ed25519.ts'
import { issuePalette, NO_CHANGES } from '../../daemon/identity/palette-record.ts'
import { issueProviderStats } from '../../daemon/identity/provider-stats.ts'
import { provesConsistency, provesInclusion } from '../../daemon/master/log/merkle-proof.ts'
import { readHead } from '../../daemon/master/log/signed-head.ts'
import { leafOf } from '../../daemon/master/record-kinds.ts'
import type { Registry, Since } from '../../daemon/master/registry.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { SystemCommand } from '../../schema/system-palette.ts'
import {
  INSTANCE,
  inPostgresNow,
  type Made,
  postgresPid,
  REGISTRIES,
  startPostgres,
  stopPostgres,
} from '../support/registries.ts'
import { Person } from '../unit/master/people.ts'
import { eventually, failureOf } from '../unit/master/temporary.ts'

let people = 0

beforeAll(startPostgres)
afterAll(stopPostgres)

describe.each(REGISTRIES)('a registry %s', (_, make) => {
  let made: Made
  let registry: Registry
  /** Nobody has registered them before. */
  let ann: Person
  beforeEach(async () => {
    made = await make()
    registry = made.registry
    ann = new Person(`Ann ${people++}`)
  })
  afterEach(() => made.close())

  async function headOf(since: Since | null) {
    return readHead((await registry.witness(since, [])).head, publicKeyBytes(INSTANCE))!
  }

  it('keeps what devices signed, byte for byte, and answers for one DID', async () => {
    const record = ann.record(5)
    const documents = ['laptop', 'phone'].map((device) => ann.document({ device }))
    expect(await registry.put('user', record)).toBe('stored')
    for (const document of documents) expect(await registry.put('device', document)).toBe('stored')
    await registry.put('user', new Person(`Bob ${people++}`).record(1))
    const entry = await registry.find(ann.did)
    expect(entry).toMatchObject({ did: ann.did, user: record })
    expect(new Set(entry!.devices.map(hexOf))).toEqual(new Set(documents.map(hexOf)))
    await registry.ping()
  })

  it('knows nothing of others, also when asked for nonsense', async () => {
    expect(await registry.find(ann.did)).toBeUndefined()
    expect(await registry.find('')).toBeUndefined()
    expect(await registry.find("'; DROP TABLE users; --")).toBeUndefined()
    expect(await registry.put('user', ann.record(1))).toBe('stored')
  })

  it('answers with devices of somebody without a record, and with a record without devices', async () => {
    await registry.put('device', ann.document())
    expect((await registry.find(ann.did))?.user).toBeUndefined()
    const bob = new Person(`Bob ${people++}`)
    await registry.put('user', bob.record(1, null))
    expect((await registry.find(bob.did))?.devices).toEqual([])
  })

  it('takes only what is newer', async () => {
    expect(await registry.put('user', ann.record(5, 'Ann'))).toBe('stored')
    expect(await registry.put('user', ann.record(5, 'Other'))).toBe('stale')
    expect(await registry.put('user', ann.record(4, 'Other'))).toBe('stale')
    expect((await registry.find(ann.did))?.user).toEqual(ann.record(5, 'Ann'))
    expect(await registry.put('user', ann.record(6, 'Anna', { device: 'phone' }))).toBe('stored')
    expect((await registry.find(ann.did))?.user).toEqual(ann.record(6, 'Anna', { device: 'phone' }))

    expect(await registry.put('device', ann.document({ sequence: Date.now() }))).toBe('stored')
    expect(await registry.put('device', ann.document({ sequence: 7 }))).toBe('stale')
    expect(await registry.put('device', ann.document({ device: 'phone', sequence: 7 }))).toBe('stored')
  })

  it('keeps the highest of fifty written at once', async () => {
    const sequences = Array.from({ length: 50 }, (_, n) => ((n * 37) % 50) + 1)
    const outcomes = await Promise.all(
      sequences.map((sequence) => registry.put('device', ann.document({ sequence }))),
    )
    expect(outcomes[sequences.indexOf(50)]).toBe('stored')
    expect((await registry.find(ann.did))?.devices).toEqual([ann.document({ sequence: 50 })])
  })

  it('refuses what nobody signed, or somebody else, or for another purpose', async () => {
    const changed = Uint8Array.from(ann.record(1))
    changed[changed.length - 1]! ^= 1
    const eve = new Person('Eve')
    const forged = [
      changed,
      ann.record(1, 'Ann', { signer: 'Eve/laptop' }),
      ann.document(),
      new Uint8Array(),
      Uint8Array.of(0xff),
    ]
    for (const record of forged)
      expect(await failureOf(registry.put('user', record))).toMatchObject({ code: 'InvalidParams' })
    for (const document of [ann.document({ signer: 'Eve/laptop' }), eve.record(1), changed])
      expect(await failureOf(registry.put('device', document))).toMatchObject({ code: 'InvalidParams' })
    expect(await registry.find(ann.did)).toBeUndefined()
  })

  it('keeps the DID log and what is sealed beside it, both versions of a forked one', async () => {
    const entries = [ann.entry(1), ann.entry(2), ann.entry(2, new Uint8Array(32).fill(1))]
    const sealed = [1, 2, 3].map((n) => ann.sealed(new Uint8Array(2_000).fill(n)))
    for (const entry of entries) expect(await registry.put('entry', entry)).toBe('stored')
    for (const record of sealed) expect(await registry.put('sealed', record)).toBe('stored')
    expect(await registry.put('entry', entries[1]!)).toBe('stale')
    // Another device may vouch for the same.
    expect(await registry.put('sealed', ann.sealed(new Uint8Array(2_000).fill(2), { device: 'phone' }))).toBe(
      'stale',
    )
    const found = (await registry.find(ann.did))!.records
    const of = (kind: string) => found.filter((each) => each.kind === kind).map(({ bytes }) => hexOf(bytes))
    expect(of('entry').sort()).toEqual(entries.map(hexOf).sort())
    expect(of('sealed').sort()).toEqual(sealed.map(hexOf).sort())
  })

  it('refuses entries that the root key did not sign, and what no device of theirs vouches for', async () => {
    for (const entry of [
      ann.entry(1, undefined, `${ann.name}/laptop`),
      ann.document(),
      ann.sealed(new Uint8Array(9)),
    ])
      expect(await failureOf(registry.put('entry', entry))).toMatchObject({ code: 'InvalidParams' })
    for (const record of [
      ann.sealed(new Uint8Array(9), { signer: 'Eve/laptop' }),
      ann.entry(1),
      ann.record(1),
    ])
      expect(await failureOf(registry.put('sealed', record))).toMatchObject({ code: 'InvalidParams' })
    expect(await registry.find(ann.did)).toBeUndefined()
  })

  it('takes nothing more of a device that was taken out, and what others say comes before what it had said', async () => {
    const highest = Number.MAX_SAFE_INTEGER
    await registry.put('user', ann.record(highest, 'Hijacked', { device: 'stolen' }))
    await registry.put('device', ann.document({ device: 'stolen', sequence: 5 }))
    expect(await registry.put('user', ann.record(6, 'Ann'))).toBe('stale')
    await registry.put('entry', ann.revocation(1, 'stolen'))

    const refused = [
      ['user', ann.record(highest, 'Again', { device: 'stolen' })],
      ['device', ann.document({ device: 'stolen', sequence: 6 })],
      ['sealed', ann.sealed(new Uint8Array(9), { device: 'stolen' })],
    ] as const
    for (const [kind, bytes] of refused)
      expect(await failureOf(registry.put(kind, bytes))).toMatchObject({ code: 'Forbidden' })
    expect(await registry.put('user', ann.record(6, 'Ann'))).toBe('stored')
    expect(await registry.put('user', ann.record(5, 'Older'))).toBe('stale')
    expect(await registry.put('sealed', ann.sealed(new Uint8Array(9)))).toBe('stored')
    const found = (await registry.find(ann.did))!
    expect(found.user).toEqual(ann.record(6, 'Ann'))
    expect(found.devices).toEqual([ann.document({ device: 'stolen', sequence: 5 })])
  })

  it('takes nothing of a device that one let in which was taken out, unless the root lets it in itself', async () => {
    await registry.put('entry', ann.revocation(1, 'stolen'))
    const enrolled = ann.document({ device: 'laptop', enrolledBy: 'stolen' })
    expect(await failureOf(registry.put('device', enrolled))).toMatchObject({ code: 'Forbidden' })
    const bob = new Person(`Bob ${people++}`)
    await registry.put('entry', bob.entry(1))
    const previous = readMembershipEntry(bob.entry(1), bob.did, () => true)!.hash
    await registry.put('entry', bob.revocation(2, 'stolen', previous))
    expect(await registry.put('device', bob.document({ device: 'laptop', enrolledBy: 'stolen' }))).toBe(
      'stored',
    )
    // What others did is no business of theirs.
    expect(await registry.put('device', new Person('stolen').document({ sequence: Date.now() }))).toBe(
      'stored',
    )
  })

  it('proves that each record it took is in its log, and that the log only grows', async () => {
    const first = await headOf(null)
    const records = [
      { kind: 'user', bytes: ann.record(1) },
      { kind: 'device', bytes: ann.document() },
      { kind: 'entry', bytes: ann.entry(1) },
      { kind: 'sealed', bytes: ann.sealed(new Uint8Array(9)) },
    ] as const
    for (const { kind, bytes } of records) await registry.put(kind, bytes)
    await registry.put('user', ann.record(1, 'Again'))
    const leaves = [...records, { kind: 'device', bytes: ann.document({ sequence: 77 }) } as const].map(
      leafOf,
    )
    const witness = await registry.witness(first, leaves)
    const head = readHead(witness.head, publicKeyBytes(INSTANCE))!
    expect(head).toMatchObject({ generation: first.generation, size: first.size + records.length })
    expect(provesConsistency(first, head, witness.consistency!)).toBe(true)
    const proven = witness.inclusions.map(
      (inclusion, n) => inclusion !== null && provesInclusion(leaves[n]!, inclusion, head.size, head.root),
    )
    expect(proven).toEqual([true, true, true, true, false])
    const later = { generation: head.generation, size: head.size + 1 }
    expect((await registry.witness(later, [])).consistency).toBeNull()
    expect((await registry.witness({ ...later, generation: 99 }, [])).consistency).toBeNull()
  })

  it('keeps the newest counts of a node, which hold nothing but counts', async () => {
    const node = privateKeyOfSeed(new Uint8Array(createHash('sha256').update(`node ${people++}`).digest()))
    const did = encodeDid(publicKeyBytes(node))
    const of = (sequence: number, provider = 'chatgpt', attempts = 3) => {
      const counts = [{ provider, attempts, created: 2, updated: 1, unchanged: 0, failed: 0 }]
      return issueProviderStats(node, { sequence, counts })
    }
    expect(await registry.put('stats', of(2))).toBe('stored')
    expect(await registry.put('stats', of(1, 'claude'))).toBe('stale')
    expect(await registry.put('stats', of(3, 'chatgpt', 4))).toBe('stored')
    expect((await registry.find(did))?.records).toEqual([{ kind: 'stats', bytes: of(3, 'chatgpt', 4) }])
    const many = Array.from({ length: LIMITS.statsProviders + 1 }, (_, n) => ({
      ...{ provider: `p${n}`, attempts: 1, created: 1, updated: 0, unchanged: 0, failed: 0 },
    }))
    const changed = Uint8Array.from(of(4))
    changed[changed.length - 1]! ^= 1
    for (const bytes of [
      of(4, 'https://chatgpt.com/share/1'),
      of(4, 'A Title'),
      of(4, 'chatgpt', -1),
      of(4, 'chatgpt', LIMITS.statsCount + 1),
      issueProviderStats(node, { sequence: 4, counts: many }),
      issueProviderStats(node, { sequence: 4, counts: [many[0]!, many[0]!] }),
      changed,
    ])
      expect(await failureOf(registry.put('stats', bytes))).toMatchObject({ code: 'InvalidParams' })
    const summed = await inPostgresNow(({ registry: local }) => local.providerStats())
    expect(summed.find(({ provider }) => provider === 'chatgpt')).toMatchObject({
      attempts: expect.any(Number),
    })
    expect(summed.map(({ provider }) => provider)).not.toContain('claude')
  })

  it('forgets a person whose root key ended the account, but for what it signed, and takes nothing more of them', async () => {
    await registry.put('user', ann.record(1))
    await registry.put('device', ann.document())
    await registry.put('sealed', ann.sealed(new Uint8Array(9)))
    await registry.put('entry', ann.entry(1))
    for (const bytes of [new Person('Eve').tombstone(ann.did), ann.tombstone(ann.did).slice(1), ann.entry(1)])
      expect(await failureOf(registry.put('tombstone', bytes))).toMatchObject({ code: 'InvalidParams' })
    expect(await registry.put('tombstone', ann.tombstone())).toBe('stored')
    expect(await registry.put('tombstone', ann.tombstone())).toBe('stale')
    const found = (await registry.find(ann.did))!
    expect(found).toEqual({
      did: ann.did,
      devices: [],
      records: [
        { kind: 'entry', bytes: ann.entry(1) },
        { kind: 'tombstone', bytes: ann.tombstone() },
      ],
    })
    for (const [kind, bytes] of [
      ['user', ann.record(9)],
      ['device', ann.document({ sequence: 9 })],
      ['sealed', ann.sealed(new Uint8Array(9))],
    ] as const)
      expect(await failureOf(registry.put(kind, bytes))).toMatchObject({ code: 'Forbidden' })
    expect(await registry.put('entry', ann.revocation(2, 'phone'))).toBe('stored')
  })

  it('keeps the successor of a root key that both keys signed, and a second one as proof, in any state of the account', async () => {
    const next = new Person(`Anna ${people++}`)
    const other = new Person(`Other ${people++}`)
    const third = new Person(`Third ${people++}`)
    const half = ann.successor(next).slice()
    half[half.length - 1]! ^= 1
    for (const bytes of [half, ann.tombstone(), next.record(1)])
      expect(await failureOf(registry.put('successor', bytes))).toMatchObject({ code: 'InvalidParams' })
    expect(await registry.put('successor', ann.successor(next))).toBe('stored')
    expect(await registry.put('successor', ann.successor(next, 9_000))).toBe('stale')
    expect(await registry.put('tombstone', ann.tombstone())).toBe('stored')
    expect(await registry.put('successor', ann.successor(other))).toBe('stored')
    expect(await failureOf(registry.put('successor', ann.successor(third)))).toMatchObject({
      code: 'Exhausted',
    })
    const kept = (await registry.find(ann.did))!.records.filter(({ kind }) => kind === 'successor')
    expect(kept.map(({ bytes }) => hexOf(bytes)).sort()).toEqual(
      [ann.successor(next), ann.successor(other)].map(hexOf).sort(),
    )
    expect(await registry.find(next.did)).toBeUndefined()
  })

  it('keeps the palette that the instance itself signed, the newest alone, and no other', async () => {
    const of = (key: KeyObject, sequence: number, label: string, actionCode = 'search') => {
      const command = { trigger: 'find', label, actionCode, scope: 'global' } as SystemCommand
      return issuePalette(key, { sequence, changes: { ...NO_CHANGES, commands: [command] } })
    }
    const sequence = Date.now() + people++
    const own = encodeDid(publicKeyBytes(INSTANCE))
    const other = privateKeyOfSeed(new Uint8Array(32).fill(77))
    expect(await registry.put('palette', of(INSTANCE, sequence, 'Find'))).toBe('stored')
    expect(await registry.put('palette', of(INSTANCE, sequence, 'Other'))).toBe('stale')
    expect(await failureOf(registry.put('palette', of(other, sequence + 9, 'Evil')))).toMatchObject({
      code: 'Forbidden',
    })
    for (const bytes of [
      of(INSTANCE, sequence + 9, ''),
      of(INSTANCE, sequence + 9, 'x', 'node.shutdown'),
      of(INSTANCE, sequence + 9, 'x', 'constructor'),
    ])
      expect(await failureOf(registry.put('palette', bytes))).toMatchObject({ code: 'InvalidParams' })
    expect((await registry.find(own))?.records).toEqual([
      { kind: 'palette', bytes: of(INSTANCE, sequence, 'Find') },
    ])
  })

  it('refuses what is too large', async () => {
    const large = new Uint8Array(LIMITS.registryRecordBytes + 1)
    expect(await failureOf(registry.put('user', large))).toMatchObject({ code: 'TooLarge' })
    expect(await failureOf(registry.put('device', large))).toMatchObject({ code: 'TooLarge' })
    await registry.ping()
  })

  it('takes any display name', async () => {
    for (const [n, name] of ['\0', "Robert'); DROP TABLE users; --", '😀'.repeat(100), '', null].entries()) {
      expect(await registry.put('user', ann.record(n, name))).toBe('stored')
      expect((await registry.find(ann.did))?.user).toEqual(ann.record(n, name))
    }
  })

  it(`keeps ${LIMITS.registryDevices} devices of one person, all of which it finds, and no more`, async () => {
    const documentOf = (n: number) => ann.document({ device: `d${n}`, size: 5_000 })
    for (let n = 0; n < LIMITS.registryDevices; n++) await registry.put('device', documentOf(n))
    expect(await failureOf(registry.put('device', documentOf(-1)))).toMatchObject({ code: 'Exhausted' })
    expect(await registry.put('device', ann.document({ device: 'd3', sequence: 9 }))).toBe('stored')
    expect((await registry.find(ann.did))?.devices).toHaveLength(LIMITS.registryDevices)
  })

  it('stops waiting when told to', async () => {
    const reason = new Error('enough')
    expect(await failureOf(registry.find(ann.did, AbortSignal.abort(reason)))).toBe(reason)
    await registry.ping()
  })

  it('is Unavailable while PostgreSQL is away, and comes back with what it had', async () => {
    await registry.put('user', ann.record(1))
    process.kill(postgresPid(), 'SIGKILL')
    const away = () => registry.ping().then(undefined, (error) => error.code === 'Unavailable')
    await eventually('it is away', away)
    await eventually('it is back', () =>
      registry
        .ping()
        .then(() => true)
        .catch(() => false),
    )
    expect((await registry.find(ann.did))?.user).toEqual(ann.record(1))
  })

  it('says how long it takes', async () => {
    const putMs: number[] = []
    const findMs: number[] = []
    for (let sequence = 1; sequence <= 200; sequence++) {
      putMs.push(await timed(() => registry.put('device', ann.document({ sequence }))))
      findMs.push(await timed(() => registry.find(ann.did)))
    }
    console.log(`put p50 ${medianOf(putMs)} ms, find p50 ${medianOf(findMs)} ms`)
    expect(medianOf(putMs)).toBeLessThan(500)
  })
})

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

function medianOf(values: readonly number[]): number {
  return Math.round([...values].sort((a, b) => a - b)[values.length >> 1]! * 100) / 100
}
