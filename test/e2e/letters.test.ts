import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '../../rpc/client/index.ts'
import { eventually } from '../support/eventually.ts'
import { dumpOf, inMasterDatabase } from '../support/master-database.ts'
import { TestNode } from '../support/test-node.ts'

const LATE_MS = 120_000
let master: TestNode
let hub: Client
let address: string
const nodes: TestNode[] = []

beforeAll(async () => {
  master = await TestNode.start({ init: ['--role', 'bootstrap'] })
  nodes.push(master)
  hub = await master.client()
  address = (await hub.call('master.status')).address!
}, LATE_MS)
afterAll(() => Promise.all(nodes.map((node) => node.dispose())))

/** Somebody with a node of their own, which runs only while they do something. */
class Person {
  readonly name: string
  did = ''
  #node!: TestNode

  constructor(name: string) {
    this.name = name
  }

  get node(): TestNode {
    return this.#node
  }

  /** Registered at the master, and off again. */
  async join(privacy: { throughMaster: boolean; whoMayContact?: 'anyone' }): Promise<this> {
    this.#node = await TestNode.start({ init: ['--join', address] })
    nodes.push(this.#node)
    const { did, client } = await this.#node.user(this.name)
    this.did = did
    await client.call('peers.privacy.update', privacy)
    const lookup = () => hub.call('master.lookup', { did }).catch(() => ({ devices: [] }))
    await eventually(`${this.name} is registered`, async () => (await lookup()).devices.length === 1, LATE_MS)
    await this.#node.stop()
    return this
  }

  /** Their node is there as long as `work` takes; nobody else's is. */
  async while<T>(work: (client: Client) => Promise<T>): Promise<T> {
    await this.#node.boot()
    try {
      const client = await this.#node.client()
      await client.login({ did: this.did })
      // What was written is looked for while the database is open.
      await client.call('peers.list')
      return await work(client)
    } finally {
      await this.#node.stop()
    }
  }

  /** How they see somebody, once it is so. */
  async sees(client: Client, other: Person, expected: object): Promise<void> {
    const seen = async () =>
      (await client.call('peers.list')).items.find(({ did }) => did === other.did) ?? {}
    await eventually(
      `${this.name} sees ${other.name} as ${JSON.stringify(expected)}`,
      async () => {
        const now = (await seen()) as Record<string, unknown>
        return Object.entries(expected).every(([name, value]) => now[name] === value)
      },
      LATE_MS,
    )
  }
}

/** When the master took what one of them said to the other one; 0: it has nothing. */
function takenAt(from: Person, to: Person): Promise<number> {
  const sql = 'SELECT sequence FROM peer_connections WHERE from_did = $1 AND to_did = $2'
  return inMasterDatabase(master, async (database) =>
    Number((await database.query(sql, [from.did, to.did])).rows[0]?.sequence ?? 0),
  )
}

async function untilTaken(from: Person, to: Person, after = 0): Promise<number> {
  await eventually('the master took it', async () => (await takenAt(from, to)) > after, LATE_MS)
  return takenAt(from, to)
}

test('two people who are never online together ask, accept and part by way of the master', {
  timeout: 300_000,
}, async () => {
  const ben = await new Person('Ben-Canary').join({ throughMaster: true, whoMayContact: 'anyone' })
  const ann = await new Person('Ann-Canary').join({ throughMaster: true })

  await ann.while(async (client) => {
    expect(await client.call('peers.request', { did: ben.did })).toMatchObject({
      state: 'requested',
      delivered: false,
      posted: true,
    })
    await untilTaken(ann, ben)
  })
  // Which of the three it is, and who they call themselves, is for the two alone.
  const [size, bytes] = await inMasterDatabase(master, async (database) => {
    const { rows } = await database.query('SELECT record FROM peer_connections')
    const record = rows[0]!.record as Buffer
    return [record.length, record.toString('latin1')]
  })
  for (const word of ['Canary', 'request', 'contact-consent', '127.0.0.1']) expect(bytes).not.toContain(word)

  await ben.while(async (client) => {
    await ben.sees(client, ann, { state: 'received', displayName: 'Ann-Canary', initiated: false })
    expect(await client.call('peers.accept', { did: ann.did })).toMatchObject({ posted: true })
    await untilTaken(ben, ann)
  })
  const confirmed = await ann.while(async (client) => {
    const before = await takenAt(ann, ben)
    await ann.sees(client, ben, { state: 'accepted', confirmed: true, displayName: 'Ben-Canary' })
    return untilTaken(ann, ben, before)
  })
  await ben.while(async (client) => {
    await ben.sees(client, ann, { state: 'accepted', confirmed: true })
    const before = await takenAt(ben, ann)
    expect(await client.call('peers.remove', { did: ann.did })).toMatchObject({ state: 'none', posted: true })
    await untilTaken(ben, ann, before)
  })
  await ann.while(async (client) => {
    const gone = async () => (await client.call('peers.list')).items.length === 0
    await eventually('Ann knows that it is over', gone, LATE_MS)
    expect(await client.call('sync.verify')).toMatchObject({ ok: true })
  })
  // What she had said is not said again, and looks the same as before.
  expect(await takenAt(ann, ben)).toBe(confirmed)
  const sizes = await inMasterDatabase(master, (database) =>
    database.query('SELECT length(record) AS bytes FROM peer_connections'),
  )
  for (const row of sizes.rows) expect(Math.abs(Number(row.bytes) - size)).toBeLessThan(400)

  // Who blocks says nothing.
  await ben.while(async (client) => {
    const before = await takenAt(ben, ann)
    await client.call('peers.block', { did: ann.did })
    await client.call('peers.remove', { did: ann.did })
    expect(await takenAt(ben, ann)).toBe(before)
  })
  await ann.while(async (client) => {
    const before = await takenAt(ann, ben)
    await client.call('peers.request', { did: ben.did })
    await untilTaken(ann, ben, before)
  })
  await ben.while(async (client) => {
    const counted = async () => (await client.call('node.metrics')).counters['peers.letters.blocked'] ?? 0
    await eventually('Ben heard it, and nothing came of it', async () => (await counted()) > 0, LATE_MS)
    await ben.sees(client, ann, { state: 'blocked' })
  })
})

test('an invite waits at the master for the node that made it, and who wants nothing there tells it nothing', {
  timeout: 300_000,
}, async () => {
  const dora = await new Person('Dora').join({ throughMaster: true })
  const emil = await new Person('Emil').join({ throughMaster: false })
  const invite = await dora.while(async (client) => (await client.call('peers.invite.create')).invite)
  await emil.while(async (client) => {
    const codeOf = (call: Promise<unknown>) => call.catch(({ code }) => code)
    expect(await codeOf(client.call('peers.invite.accept', { invite }))).toBe('Unavailable')
    expect(await takenAt(emil, dora)).toBe(0)
    await client.call('peers.privacy.update', { throughMaster: true })
    // He wants the contact since he tried: that is said, and Dora's node would drop it.
    const before = await untilTaken(emil, dora)
    expect(await client.call('peers.invite.accept', { invite, name: 'D.' })).toMatchObject({
      state: 'requested',
      petname: 'D.',
    })
    await untilTaken(emil, dora, before)
  })
  await dora.while(async (client) => {
    await dora.sees(client, emil, { state: 'accepted' })
    await untilTaken(dora, emil)
  })
  await emil.while((client) => emil.sees(client, dora, { state: 'accepted', confirmed: true }))

  // An account that ends takes what it wrote, and what was written to it, along.
  expect(await dumpOf(master)).toContain(`${emil.did}\n${dora.did}`)
  await emil.node.boot()
  const owner = await emil.node.client()
  const { did, recoveryPhrase } = await owner.call('users.create', { displayName: 'Fred' })
  await owner.login({ did })
  await owner.call('peers.privacy.update', { throughMaster: true })
  await owner.call('peers.request', { did: dora.did })
  const fred = Object.assign(new Person('Fred'), { did })
  await untilTaken(fred, dora)
  await owner.call('users.delete', { did, confirm: did, scope: 'everywhere', recoveryPhrase })
  await eventually('the master has nothing of it', async () => (await takenAt(fred, dora)) === 0, LATE_MS)
  await emil.node.stop()
})

test('what a master changed is refused and reported; what it brings back does not count again', {
  timeout: 300_000,
}, async () => {
  const gina = await new Person('Gina').join({ throughMaster: true, whoMayContact: 'anyone' })
  const hugo = await new Person('Hugo').join({ throughMaster: true })
  await hugo.while(async (client) => {
    await client.call('peers.request', { did: gina.did })
    await untilTaken(hugo, gina)
  })
  const where = `from_did = '${hugo.did}' AND to_did = '${gina.did}'`
  const change = (sql: string, values: unknown[] = []) =>
    inMasterDatabase(master, (database) => database.query(sql, values))
  const original = (await change(`SELECT record FROM peer_connections WHERE ${where}`)).rows[0]!
    .record as Buffer
  const edited = Buffer.from(original)
  edited[edited.length - 100]! ^= 1
  const put = (record: Buffer) => change(`UPDATE peer_connections SET record = $1 WHERE ${where}`, [record])
  await put(edited)

  const findings = async (client: Client) =>
    ((await client.call('master.status')).log?.findings ?? []).map(({ kind, did }) => [kind, did])
  await gina.while(async (client) => {
    const forged = async () => JSON.stringify(await findings(client)).includes('connection-forged')
    await eventually('Gina was told', forged, LATE_MS)
    expect(await findings(client)).toContainEqual(['connection-forged', gina.did])
    expect((await client.call('peers.list')).items).toEqual([])
  })
  await put(original)
  await gina.while(async (client) => {
    await gina.sees(client, hugo, { state: 'received' })
    await eventually('all is well again', async () => (await findings(client)).length === 0, LATE_MS)
    await client.call('peers.remove', { did: hugo.did })
  })
  // The same words again are no new request.
  await gina.while(async (client) => {
    const asked = async () => (await client.call('node.metrics')).counters['master.log.witnesses'] ?? 0
    await eventually('she asked', async () => (await asked()) > 2, LATE_MS)
    expect((await client.call('peers.list')).items).toEqual([])
  })
  expect(await takenAt(gina, hugo)).toBe(0)
})
