import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeMethodHandlers, userCallHandler } from '../../../daemon/handlers/index.ts'
import { AuthGateway } from '../../../daemon/identity/auth-gateway.ts'
import type { NodeContext } from '../../../daemon/node-context.ts'
import type { PairingOptions } from '../../../daemon/pairing/options.ts'
import { PairingService } from '../../../daemon/pairing/pairing-service.ts'
import { createPairedUser } from '../../../daemon/users/create-user.ts'
import { type Client, VivimError } from '../../../rpc/client/index.ts'
import { connectInMemory } from '../../../rpc/client/memory.ts'
import { createRouter, type Router } from '../../../rpc/router.ts'
import { type ManagedUsers, manageUsers } from '../../support/command-manager.ts'
import { MemoryStreams } from './memory-streams.ts'
import { random } from './two-nodes.ts'

/** A node with users, sign-in, the router and pairing. */
interface Node extends AsyncDisposable {
  readonly managed: ManagedUsers
  connect(ownerSocket?: boolean): Promise<Client>
}

let streams: MemoryStreams
let old: Node
let fresh: Node
let did: string
let ann: Client

beforeEach(async () => {
  streams = new MemoryStreams()
  old = node(streams.peer('old'))
  fresh = node(streams.peer('fresh'))
  ann = await old.connect()
  did = (await ann.call('users.create', { displayName: 'Ann' })).did
  await ann.login({ did })
})
afterEach(async () => {
  await Promise.all([old[Symbol.asyncDispose](), fresh[Symbol.asyncDispose]()])
})

function node(network: PairingOptions['network']): Node {
  const managed = manageUsers()
  const { users, keystore, folder } = managed
  const pairing = new PairingService({
    network,
    now: Date.now,
    random,
    log: { info: () => {}, warn: () => {} },
    keysOf: (user) => users.keysOf(user),
    userOf: (user) => keystore.get(user),
    ownName: () => 'bench',
    createPairedUser: (user) => createPairedUser({ keystore, usersFolder: `${folder}/users`, random }, user),
    onPaired: () => {},
    addMember: async () => {},
    nameDevice: async () => {},
    rendezvous: () => new Uint8Array(),
  })
  const context = {
    users,
    pairing,
    gateway: new AuthGateway({ now: Date.now, random }),
    log: { info: () => {} },
  }
  const parts = context as unknown as Parameters<typeof nodeMethodHandlers>[0] & NodeContext
  const router: Router = createRouter({
    handlers: nodeMethodHandlers(parts),
    userCall: userCallHandler(parts),
    log: { error: () => {}, warn: () => {} },
    checkResults: true,
  })
  const clients: Client[] = []
  return {
    managed,
    async connect(ownerSocket = true) {
      const client = await connectInMemory(router, { ownerSocket })
      clients.push(client)
      return client
    },
    async [Symbol.asyncDispose]() {
      pairing.stop()
      await Promise.all(clients.map((client) => client.close()))
      await managed[Symbol.asyncDispose]()
    },
  }
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof VivimError ? error.code : error),
  )

describe('devices.pair', () => {
  it('needs a session where it began, and the owner’s socket where it is joined', async () => {
    const nobody = await old.connect()
    expect(await codeOf(nobody.call('devices.pair.start'))).toBe('Unauthorized')
    const { pairingId, code } = await ann.call('devices.pair.start')
    const outsider = await fresh.connect(false)
    expect(await codeOf(outsider.call('devices.pair.join', { code }))).toBe('Forbidden')
    const owner = await fresh.connect()
    const { pairingId: joinedId, check, did: joined } = await owner.call('devices.pair.join', { code })
    expect(joined).toBe(did)
    expect(await ann.call('devices.pair.status')).toMatchObject({
      pairingId,
      side: 'started',
      state: 'joined',
      check,
      deviceName: 'bench',
    })
    expect(await owner.call('devices.pair.status')).toMatchObject({ pairingId: joinedId, side: 'joined' })

    // Whatever they ask for, who has no session is answered alike.
    for (const params of [{ check }, { check, pairingId }, { check, pairingId: 'nothing' }])
      expect(await codeOf(nobody.call('devices.pair.confirm', params)), JSON.stringify(params)).toBe(
        'Unauthorized',
      )
    for (const params of [{}, { pairingId }, { pairingId: 'nothing' }]) {
      expect(await codeOf(nobody.call('devices.pair.status', params))).toBe('Unauthorized')
      expect(await codeOf(nobody.call('devices.pair.cancel', params))).toBe('Unauthorized')
    }
    for (const params of [{ check }, { check, pairingId: joinedId }, { check, pairingId: 'nothing' }])
      expect(await codeOf(outsider.call('devices.pair.confirm', params))).toBe('Unauthorized')
    expect(await codeOf(ann.call('devices.pair.confirm', { check, pairingId: 'nothing' }))).toBe('NotFound')

    expect(await owner.call('devices.pair.confirm', { check })).toMatchObject({ complete: false })
    expect(await ann.call('devices.pair.confirm', { check })).toMatchObject({ complete: true })
    const { items } = await owner.call('users.list')
    expect(items).toMatchObject([{ did, displayName: 'Ann', unattended: true }])
    await owner.login({ did })
    expect(await owner.call('auth.whoami')).toMatchObject({ did, deviceDid: items[0]!.deviceDid })
  })

  it('shows nothing of a pairing to another user of the node', async () => {
    const ben = await old.connect()
    const { did: benDid } = await ben.call('users.create', { displayName: 'Ben' })
    await ben.login({ did: benDid })
    const { pairingId, code } = await ann.call('devices.pair.start')
    const { check } = await (await fresh.connect()).call('devices.pair.join', { code })
    expect(await codeOf(ben.call('devices.pair.status', { pairingId }))).toBe('NotFound')
    expect(await codeOf(ben.call('devices.pair.confirm', { pairingId, check }))).toBe('NotFound')
    expect(await codeOf(ben.call('devices.pair.cancel', { pairingId }))).toBe('NotFound')
    expect(await codeOf(ben.call('devices.pair.status'))).toBe('NotFound')
  })

  it('asks which one when several wait, and refuses what is no check or no code', async () => {
    const [one, two] = [await ann.call('devices.pair.start'), await ann.call('devices.pair.start')]
    expect(await codeOf(ann.call('devices.pair.status'))).toBe('InvalidParams')
    expect(await codeOf(ann.call('devices.pair.confirm', { check: '123456' }))).toBe('InvalidParams')
    expect(await ann.call('devices.pair.cancel', { pairingId: one.pairingId })).toMatchObject({
      state: 'failed',
    })
    expect(await ann.call('devices.pair.status')).toMatchObject({
      pairingId: two.pairingId,
      state: 'waiting',
    })
    expect(await codeOf(ann.call('devices.pair.confirm', { check: '123456' }))).toBe('Conflict')
    expect(await codeOf(ann.call('devices.pair.confirm', { check: '12345' }))).toBe('InvalidParams')
    const owner = await fresh.connect()
    for (const code of ['hello', two.code.slice(0, -1)])
      expect(await codeOf(owner.call('devices.pair.join', { code }))).toBe('InvalidParams')
  })

  it('gives a fifth code at the cost of the oldest unused one', async () => {
    const codes = []
    for (let n = 0; n < 5; n++) codes.push(await ann.call('devices.pair.start'))
    const states = await Promise.all(
      codes.map(({ pairingId }) => ann.call('devices.pair.status', { pairingId })),
    )
    expect(states.map(({ state }) => state)).toEqual(['failed', 'waiting', 'waiting', 'waiting', 'waiting'])
  })
})
