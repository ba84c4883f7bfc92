import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { masterHandlers } from '../../../daemon/handlers/master.ts'
import { privateKeyOfSeed } from '../../../daemon/identity/ed25519.ts'
import { MasterDatabase } from '../../../daemon/master/database.ts'
import { POSTGRES_USER } from '../../../daemon/master/embedded/cluster.ts'
import { readPostmaster } from '../../../daemon/master/embedded/postmaster.ts'
import { SOCKET_NUMBER } from '../../../daemon/master/embedded/socket-folder.ts'
import { readJoinAddress } from '../../../daemon/master/join-address.ts'
import type { MasterMembership } from '../../../daemon/master/master-membership.ts'
import { MasterService, type MasterServiceOptions } from '../../../daemon/master/master-service.ts'
import type { SystemPalette } from '../../../daemon/master/system-palette.ts'
import { METHODS } from '../../../schema/methods/index.ts'
import { type TestNetwork, TestNetworks } from '../network/test-networks.ts'
import { Person } from './people.ts'
import { eventually, failureOf, type RecordingLog, recordingLog, Temporary } from './temporary.ts'

const ann = new Person('Ann')
const bob = new Person('Bob')

let temporary: Temporary
let networks: TestNetworks
let log: RecordingLog
beforeEach(() => {
  temporary = new Temporary()
  networks = new TestNetworks()
  temporary.after(() => networks.stopAll())
  log = recordingLog()
})
afterEach(() => temporary.undo())

type Options = Partial<MasterServiceOptions> & { network: TestNetwork }

function make(options: Options): MasterService {
  const service = new MasterService({
    role: 'solo',
    folder: temporary.folder(),
    log,
    now: Date.now,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    count: () => {},
    nodeKey: privateKeyOfSeed(options.network.seed),
    ownPeers: () => [],
    ...options,
  })
  temporary.after(() => service.stop())
  return service
}

async function bootstrap(options: Partial<Options> = {}) {
  const network = options.network ?? (await networks.start())
  const folder = options.folder ?? temporary.folder()
  const service = make({ role: 'bootstrap', ...options, network, folder })
  await service.start()
  // The start of the node does not wait for ever; on a busy machine PostgreSQL comes later.
  if (!('databaseUrl' in options || 'postgres' in options))
    await eventually('it is online', isOnline(service))
  return { network, folder, service }
}

async function memberOf(network: TestNetwork, options: Partial<Options> = {}) {
  const own = options.network ?? (await networks.start())
  const join = readJoinAddress(network.multiaddrs()[0]!)
  const folder = options.folder ?? temporary.folder()
  const service = make({ role: 'member', join, ...options, network: own, folder })
  await service.start()
  return { network: own, service, join, folder }
}

const isOnline = (service: MasterService) => () => service.state().state === 'online'
const isOffline = (service: MasterService) => () => service.state().state === 'offline'
const waiting = async (service: MasterService) => (await service.status()).waiting
const postmasterIn = (folder: string) => readPostmaster(join(folder, 'postgres'))!.pid

describe('a solo node', () => {
  it('has no master and keeps what it would tell one, until it joins', async () => {
    const network = await networks.start()
    const folder = temporary.folder()
    const solo = make({ network, folder })
    await solo.start()
    await solo.publish('user', ann.record(1))
    expect(solo.state()).toEqual({ state: 'none' })
    expect(await solo.status()).toEqual({ role: 'solo', state: 'none', waiting: 1 })
    expect(await failureOf(solo.find(ann.did))).toMatchObject({ code: 'Unavailable' })
    expect(readdirSync(folder)).toEqual(['outbox'])
    await solo.stop()

    const { network: there, service: master } = await bootstrap()
    const { service: member } = await memberOf(there, { network, folder })
    await eventually('the record is published', async () => (await waiting(member)) === 0)
    expect((await master.find(ann.did))?.user).toEqual(ann.record(1))
  })
})

describe('a bootstrap node', () => {
  it('is online when it started, registers its own users, and says how to join', async () => {
    const { network, service } = await bootstrap()
    expect(service.state()).toEqual({ state: 'online', since: expect.any(Number) })
    await service.publish('user', ann.record(1))
    await service.publish('device', ann.document())
    await eventually('all is published', async () => (await waiting(service)) === 0)
    const status = METHODS['master.status'].result.parse(await service.status())
    expect(status).toMatchObject({ role: 'bootstrap', state: 'online', waiting: 0, users: 1, devices: 1 })
    expect(readJoinAddress(status.address!).peerId).toBe(network.peerId)
  })

  it('goes on without PostgreSQL: offline, records wait, and all is well when it is back', async () => {
    const { folder, service } = await bootstrap()
    const killed = postmasterIn(folder)
    process.kill(killed, 'SIGKILL')
    // What the killed one left may answer for another moment.
    await eventually('it is away', () => service.find(ann.did).then(undefined, () => true))
    await service.publish('user', ann.record(1))
    await eventually('the record is published', async () => (await waiting(service)) === 0)
    await eventually('it is online', isOnline(service))
    expect((await service.find(ann.did))?.user).toEqual(ann.record(1))
    expect(postmasterIn(folder)).not.toBe(killed)
  })

  it('starts without the PostgreSQL it was told of, says why, and never its URL', async () => {
    const databaseUrl = 'postgresql://keeper:secret-word@127.0.0.1:1/registry'
    const began = performance.now()
    const { service } = await bootstrap({ databaseUrl })
    expect(performance.now() - began).toBeLessThan(10_000)
    await service.publish('user', ann.record(1))
    const status = () => service.status()
    await eventually('it says why', async () => (await status()).problem !== undefined)
    expect(await status()).toMatchObject({ state: 'offline', since: expect.any(Number), waiting: 1 })
    const wrong = await bootstrap({ databaseUrl: 'secret-word' })
    await eventually('it says why', async () => (await wrong.service.status()).problem !== undefined)
    expect((await wrong.service.status()).problem).toContain('MASTER_DATABASE_URL')
    expect(JSON.stringify([await status(), await wrong.service.status()]) + log.text()).not.toMatch(
      /secret-word|keeper/,
    )
  })

  it('starts where PostgreSQL cannot run, and tries again', async () => {
    const postgres = { binaries: { postgres: '/nowhere/postgres', initdb: '/nowhere/initdb' } }
    const { service } = await bootstrap({ postgres })
    expect((await service.status()).problem).toContain('PostgreSQL')
    expect(service.state().state).toBe('offline')
  })

  it('stops in good time and leaves no PostgreSQL', async () => {
    const { folder, service } = await bootstrap()
    const pid = postmasterIn(folder)
    const began = performance.now()
    await service.stop()
    console.log(`a bootstrap master stops in ${Math.round(performance.now() - began)} ms`)
    expect(performance.now() - began).toBeLessThan(5_000)
    expect(() => process.kill(pid, 0)).toThrow()
  })

  it('keeps its registry from one start to the next', async () => {
    const { folder, service } = await bootstrap()
    await service.publish('user', ann.record(1))
    await eventually('it is published', async () => (await waiting(service)) === 0)
    await service.stop()
    const { service: again } = await bootstrap({ folder })
    expect((await again.find(ann.did))?.user).toEqual(ann.record(1))
  })
})

describe('a member', () => {
  it('registers with its master and finds whom others registered there', async () => {
    const { network, service: master } = await bootstrap()
    const one = await memberOf(network)
    const two = await memberOf(network)
    await eventually('both are online', () => isOnline(one.service)() && isOnline(two.service)())
    await one.service.publish('user', ann.record(1))
    await one.service.publish('device', ann.document())
    await two.service.publish('user', bob.record(1))
    await eventually(
      'both are there',
      async () =>
        (await two.service.find(ann.did))?.devices.length === 1 && (await one.service.find(bob.did)),
    )
    expect(await two.service.find(ann.did)).toEqual({
      did: ann.did,
      user: ann.record(1),
      devices: [ann.document()],
      records: [],
    })
    const status = METHODS['master.status'].result.parse(await one.service.status())
    expect(status).toEqual({
      role: 'member',
      state: 'online',
      since: expect.any(Number),
      joined: one.join.text,
      waiting: 0,
      log: expect.objectContaining({ trust: 'unconfirmed', findings: [] }),
    })
    expect(await master.status()).toMatchObject({ users: 2, devices: 1 })
  })

  it('starts without its master, notices soon when it comes and when it goes, and loses nothing', async () => {
    const network = await networks.start()
    const folder = temporary.folder()
    const { service: member } = await memberOf(network)
    expect(member.state().state).toBe('offline')
    const seen: string[] = []
    member.onChange(() => seen.push(member.state().state))
    await member.publish('user', ann.record(1))

    const { service: master } = await bootstrap({ network, folder })
    const upMs = await eventually('it is online', isOnline(member))
    await eventually('the record is published', async () => (await waiting(member)) === 0)
    await master.stop()
    await network.stop()
    const downMs = await eventually('it is offline', isOffline(member))
    await member.publish('user', ann.record(2, 'Anna'))
    await member.publish('device', ann.document())
    expect(await member.status()).toMatchObject({ state: 'offline', waiting: 2 })

    await network.start()
    const { service: again } = await bootstrap({ network, folder })
    await eventually('all is published', async () => (await waiting(member)) === 0)
    expect((await again.find(ann.did))?.user).toEqual(ann.record(2, 'Anna'))
    await eventually('it said so each time', () => seen.join() === 'online,offline,online')
    console.log(`online ${Math.round(upMs)} ms, offline ${Math.round(downMs)} ms after the master`)
  })

  it('is offline while its own network is off, and back when that is', async () => {
    const { network } = await bootstrap()
    const { network: own, service } = await memberOf(network)
    await eventually('it is online', isOnline(service))
    await own.stop()
    service.networkChanged()
    await eventually('it is offline', isOffline(service), 5_000)
    await service.publish('user', ann.record(1))
    await own.start()
    service.networkChanged()
    await eventually('it is published', async () => (await waiting(service)) === 0)
  })

  it('joins, moves to another master and leaves while it runs: nothing of it is lost', async () => {
    const [one, two] = [await bootstrap(), await bootstrap()]
    const own = await networks.start()
    const node = make({ network: own })
    await node.start()
    await node.publish('user', ann.record(1))
    await node.publish('device', ann.document())
    const addressOf = ({ network }: typeof one) => readJoinAddress(network.multiaddrs()[0]!)
    for (const master of [one, two]) {
      await node.moveTo(addressOf(master))
      await eventually('all is published', async () => (await waiting(node)) === 0)
      expect(await node.status()).toMatchObject({ role: 'member', joined: addressOf(master).text })
      expect((await master.service.find(ann.did))?.devices).toEqual([ann.document()])
    }
    await node.moveTo(undefined)
    expect(await node.status()).toEqual({ role: 'solo', state: 'none', waiting: 2 })
    expect(await failureOf(node.find(ann.did))).toMatchObject({ code: 'Unavailable' })
    expect(await failureOf(one.service.moveTo(undefined))).toMatchObject({ code: 'Conflict' })
  })

  it('does not publish a person who was deleted', async () => {
    const network = await networks.start()
    const { service: member } = await memberOf(network)
    await member.publish('user', ann.record(1))
    await member.publish('user', bob.record(1))
    member.forget(ann.did)
    const { service: master } = await bootstrap({ network })
    await eventually('the other one is published', async () => (await waiting(member)) === 0)
    expect(await master.find(bob.did)).toBeDefined()
    expect(await master.find(ann.did)).toBeUndefined()
  })

  it('asks a master that does not answer once every few seconds, and keeps nobody waiting', async () => {
    const network = await networks.start()
    network.handle('/vivim/registry/1', { maxFrameBytes: 262_144 }, async (stream) => {
      await stream.closed
    })
    const { service: member } = await memberOf(network)
    await eventually('it is known', async () => (await member.status()).problem !== undefined)
    const began = performance.now()
    for (let n = 0; n < 100; n++)
      expect(await failureOf(member.find(ann.did))).toMatchObject({ code: 'Unavailable' })
    expect(performance.now() - began).toBeLessThan(1_000)
    network.unhandle('/vivim/registry/1')
    await bootstrap({ network })
    await eventually('it is asked again', isOnline(member))
    expect(await member.find(ann.did)).toBeUndefined()
  })

  it('leaves at once also when its master hangs', async () => {
    const network = await networks.start()
    network.handle('/vivim/registry/1', { maxFrameBytes: 262_144 }, async (stream) => {
      while (await stream.receive());
    })
    const { service } = await memberOf(network)
    await service.publish('user', ann.record(1))
    const began = performance.now()
    await service.stop()
    expect(performance.now() - began).toBeLessThan(3_000)
  })
})

describe('master.lookup', () => {
  it('shows what that person signed', async () => {
    const { service } = await bootstrap()
    await service.publish('user', ann.record(1))
    await service.publish('device', ann.document({ sequence: 4 }))
    await eventually('it is published', async () => (await waiting(service)) === 0)
    const lookup = (did: string) =>
      masterHandlers({
        palette: {} as SystemPalette,
        membership: {} as MasterMembership,
        master: service,
        peers: { person: async (_did, text) => text },
      })['master.lookup']({ did }, {
        signal: AbortSignal.timeout(9_000),
      } as never)
    expect(METHODS['master.lookup'].result.parse(await lookup(ann.did))).toEqual({
      did: ann.did,
      displayName: 'Ann',
      devices: [{ deviceDid: ann.deviceDid(), sequence: 4 }],
    })
    expect(await failureOf(lookup(bob.did) as Promise<unknown>)).toMatchObject({ code: 'NotFound' })
  })
})

describe('the log of a master', () => {
  const trustOf = async (service: MasterService) => (await service.status()).log?.trust
  const findingsOf = async (service: MasterService) =>
    (await service.status()).log?.findings.map(({ kind }) => kind)

  /** Rows of the master, edited behind its back. */
  async function edit(folder: string, sql: string): Promise<void> {
    // The fifth line names the folder of its socket.
    const host = readFileSync(join(folder, 'postgres/postmaster.pid'), 'utf8').split('\n')[4]!
    const database = new MasterDatabase({
      connection: { host, port: SOCKET_NUMBER, user: POSTGRES_USER, database: 'postgres' },
      log,
    })
    await database.query(sql)
    await database.close()
  }

  it('is compared by devices of one person, and with nobody else', async () => {
    const { network } = await bootstrap()
    const [one, two, stranger] = await Promise.all([networks.start(), networks.start(), networks.start()])
    const known = [one.peerId, two.peerId]
    const ownPeers = (own: TestNetwork) => () => known.filter((peerId) => peerId !== own.peerId)
    const options = (own: TestNetwork) => ({ network: own, ownPeers: ownPeers(own), headsEveryMs: 200 })
    await one.connect(two.target())
    await stranger.connect(two.target())
    const counted: string[] = []
    const count = (name: string) => void counted.push(name)
    const members = await Promise.all([
      memberOf(network, options(one)),
      memberOf(network, { ...options(two), count }),
      memberOf(network, { network: stranger, ownPeers: () => [two.peerId], headsEveryMs: 200 }),
    ])
    await members[0].service.publish('user', ann.record(1))
    for (const { service } of members.slice(0, 2))
      await eventually('it is confirmed', async () => (await trustOf(service)) === 'confirmed')
    await eventually('the stranger asked', () => counted.includes('master.heads.strangers'))
    expect(await trustOf(members[2].service)).toBe('unconfirmed')
  })

  it('is missed what was dropped from it, which is published again', async () => {
    const { network, folder, service: master } = await bootstrap()
    const member = await memberOf(network)
    await member.service.publish('user', ann.record(1))
    await member.service.publish('device', ann.document())
    await eventually('it is published', async () => (await waiting(member.service)) === 0)
    await eventually('it is there', async () => (await member.service.find(ann.did))?.user !== undefined)
    await edit(folder, 'DELETE FROM devices')
    await member.service.find(ann.did)
    expect(await findingsOf(member.service)).toEqual(['dropped'])
    await member.service.stop()

    // It looks by itself when it starts, and again and again.
    const again = await memberOf(network, { network: member.network, folder: member.folder })
    await eventually('it is back', async () => (await master.find(ann.did))?.devices.length === 1)
    await again.service.find(ann.did)
    expect(await findingsOf(again.service)).toEqual([])
  })
})
