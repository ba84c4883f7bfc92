import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { encodeDid } from '../../daemon/identity/did.ts'
import { publicKeyBytes } from '../../daemon/identity/ed25519.ts'
import { provesInclusion } from '../../daemon/master/log/merkle-proof.ts'
import { readHead } from '../../daemon/master/log/signed-head.ts'
import { leafOf } from '../../daemon/master/record-kinds.ts'
import type { Registry } from '../../daemon/master/registry.ts'
import { LIMITS } from '../../schema/limits.ts'
import { INSTANCE, type Made, REGISTRIES, startPostgres, stopPostgres } from '../support/registries.ts'
import { Person } from '../unit/master/people.ts'
import { failureOf } from '../unit/master/temporary.ts'

const MASTER = encodeDid(publicKeyBytes(INSTANCE))
const HOUR_MS = 3_600_000
let people = 0
beforeAll(startPostgres)
afterAll(stopPostgres)

describe.each(REGISTRIES)('connections in a registry %s', (_, make) => {
  let made: Made
  let registry: Registry
  let ann: Person
  let ben: Person
  beforeEach(async () => {
    made = await make()
    registry = made.registry
    ann = new Person(`Ann ${people++}`)
    ben = new Person(`Ben ${people++}`)
    for (const person of [ann, ben]) await registry.put('device', person.document())
  })
  afterEach(() => made.close())

  const servedTo = async (person: Person, since = 0) =>
    (await registry.connections(person.question(MASTER, { since }))).map(({ kind, bytes }) => {
      expect(kind).toBe('connection')
      return bytes
    })
  const refusal = (bytes: Uint8Array) => failureOf(registry.put('connection', bytes)).then(({ code }) => code)

  it('are kept, the newest of each person alone, and served to the two of them and nobody else', async () => {
    expect(await registry.put('connection', ann.connection(ben, 5))).toBe('stored')
    expect(await registry.put('connection', ann.connection(ben, 5, { size: 7 }))).toBe('stale')
    expect(await registry.put('connection', ann.connection(ben, 4))).toBe('stale')
    expect(await servedTo(ben)).toEqual([ann.connection(ben, 5)])
    expect(await servedTo(ann)).toEqual([ann.connection(ben, 5)])
    expect(await registry.put('connection', ann.connection(ben, 6))).toBe('stored')
    expect(await registry.put('connection', ben.connection(ann, 1))).toBe('stored')
    expect(await servedTo(ben)).toEqual([ann.connection(ben, 6), ben.connection(ann, 1)])
    expect(await servedTo(new Person(`Eve ${people++}`))).toEqual([])
    // Whoever looks somebody up is told nothing of whom they know.
    expect((await registry.find(ann.did))?.records).toEqual([])
    expect(await servedTo(ben, Date.now() + HOUR_MS)).toEqual([])
    expect(await servedTo(ben, Date.now() - HOUR_MS)).toHaveLength(2)
  })

  it('are told to a device of that person alone, which asks this master, and now', async () => {
    await registry.put('connection', ann.connection(ben, 5))
    const late = LIMITS.connectionQuestionMs + 60_000
    for (const question of [
      ben.question(encodeDid(publicKeyBytes(INSTANCE)).slice(0, -1)),
      ben.question(ann.did),
      ben.question(MASTER, { at: Date.now() - late }),
      ben.question(MASTER, { at: Date.now() + late }),
      ben.question(MASTER, { signer: `${ann.name}/laptop` }),
      ann.question(MASTER, { signer: `${ben.name}/laptop` }),
      ann.connection(ben, 5),
      new Uint8Array(),
    ])
      expect(await failureOf(registry.connections(question))).toMatchObject({ code: 'Forbidden' })
    await registry.put('entry', ben.revocation(1, 'stolen'))
    const stolen = ben.question(MASTER, { device: 'stolen' })
    expect(await failureOf(registry.connections(stolen))).toMatchObject({ code: 'Forbidden' })
    expect(await servedTo(ben)).toHaveLength(1)
  })

  it('are refused when nobody signed them who may, and when nobody is there who could read them', async () => {
    const changed = Uint8Array.from(ann.connection(ben, 1))
    changed[changed.length - 100]! ^= 1
    for (const bytes of [
      changed,
      ann.connection(ben, 1, { signer: `${ben.name}/laptop` }),
      ann.connection(ben, 1, { from: ben.did }),
      ann.connection(ann, 1),
      ann.connection({ did: 'did:key:z6Mk' }, 1),
      ann.connection(ben, -1),
      ann.document(),
    ])
      expect(await refusal(bytes)).toBe('InvalidParams')
    expect(await refusal(ann.connection(new Person(`Nobody ${people++}`), 1))).toBe('Forbidden')
    expect(await refusal(ann.connection(ben, 1, { size: LIMITS.registryRecordBytes }))).toBe('TooLarge')
    expect(await servedTo(ben)).toEqual([])
  })

  it('of a device that was taken out are taken no more, and give way to any of another one', async () => {
    const highest = Number.MAX_SAFE_INTEGER
    await registry.put('connection', ann.connection(ben, highest, { device: 'stolen' }))
    expect(await registry.put('connection', ann.connection(ben, 6))).toBe('stale')
    await registry.put('entry', ann.revocation(1, 'stolen'))
    expect(await refusal(ann.connection(ben, highest, { device: 'stolen', size: 7 }))).toBe('Forbidden')
    expect(await registry.put('connection', ann.connection(ben, 6))).toBe('stored')
    expect(await registry.put('connection', ann.connection(ben, 5))).toBe('stale')
    expect(await servedTo(ben)).toEqual([ann.connection(ben, 6)])
  })

  it('go with an account that ends, whoever wrote them, and no more are taken of it or for it', async () => {
    await registry.put('connection', ann.connection(ben, 5))
    await registry.put('connection', ben.connection(ann, 5))
    await registry.put('tombstone', ann.tombstone())
    expect(await servedTo(ben)).toEqual([])
    expect(await refusal(ann.connection(ben, 6))).toBe('Forbidden')
    expect(await refusal(ben.connection(ann, 6))).toBe('Forbidden')
  })

  it('are in the log like everything else', async () => {
    await registry.put('connection', ann.connection(ben, 5))
    const leaves = [5, 6].map((sequence) =>
      leafOf({ kind: 'connection', bytes: ann.connection(ben, sequence) }),
    )
    const { head, inclusions } = await registry.witness(null, leaves)
    const { size, root } = readHead(head, publicKeyBytes(INSTANCE))!
    expect(
      inclusions.map((each, at) => each !== null && provesInclusion(leaves[at]!, each, size, root)),
    ).toEqual([true, false])
  })

  it(`of ${LIMITS.registryConnectionsTo + 20} strangers push out the oldest, and never those of who was written to`, async () => {
    await registry.put('connection', ann.connection(ben, 1))
    await registry.put('connection', ben.connection(ann, 1))
    const old = new Person(`Old ${people++}`)
    await registry.put('connection', old.connection(ben, 1))
    const eve = new Person(`Flood ${people++}`)
    const sent: Uint8Array[] = []
    for (let n = 0; n < LIMITS.registryConnectionsTo + 20; n++) {
      sent.push(new Person(`${eve.name}/${n}`).connection(ben, 1))
      await registry.put('connection', sent.at(-1)!)
    }
    const served = (await servedTo(ben)).map((bytes) => Buffer.from(bytes).toString('hex'))
    const isThere = (bytes: Uint8Array) => served.includes(Buffer.from(bytes).toString('hex'))
    expect(served).toHaveLength(LIMITS.registryConnectionsTo + 2)
    expect([ann.connection(ben, 1), ben.connection(ann, 1), sent.at(-1)!].map(isThere)).toEqual([
      true,
      true,
      true,
    ])
    expect(isThere(old.connection(ben, 1))).toBe(false)
    // Who was pushed out may write again.
    expect(await registry.put('connection', old.connection(ben, 1))).toBe('stored')
  }, 120_000)
})
