import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { authServices } from '../../../daemon/auth-services.ts'
import { deleteUser } from '../../../daemon/delete-user.ts'
import { nodeMethodHandlers, userCallHandler } from '../../../daemon/handlers/index.ts'
import type { NodeContext } from '../../../daemon/node-context.ts'
import { type Client, VivimError } from '../../../rpc/client/index.ts'
import { connectInMemory, type MemoryOptions } from '../../../rpc/client/memory.ts'
import { createRouter, type Router } from '../../../rpc/router.ts'
import type { Result } from '../../../schema/methods/index.ts'
import { type ManagedUsers, manageUsers } from '../../support/command-manager.ts'

const random = (bytes: number) => new Uint8Array(randomBytes(bytes))

let now: number
let managed: ManagedUsers
let router: Router
let clients: Client[]
let stops: string[]
let state: { stopping: boolean }
let logged: object[]

beforeEach(() => {
  now = 1_000_000
  managed = manageUsers({ now: () => now })
  clients = []
  stops = []
  logged = []
  state = { stopping: false }
  const settings: Result<'config.get'>[] = [
    { key: 'log.level', value: 'info', origin: 'default', dynamic: true, description: 'How much is logged.' },
  ]
  const find = (key: string) => {
    const item = settings.find((setting) => setting.key === key)
    if (!item) throw new VivimError('NotFound')
    return item
  }
  const auth = authServices({
    nodeSeed: random(32),
    usersFolder: join(managed.folder, 'users'),
    users: () => managed.users.list(),
    now: () => now,
    random,
    log: { warn: (details, message) => logged.push({ ...details, message }) },
  })
  const node: NodeContext = {
    version: '1.2.3',
    now: () => now,
    log: { info: (details, message) => logged.push({ ...details, message }) },
    users: managed.users,
    ...auth,
    config: { list: () => settings, get: find, set: (key, value) => Object.assign(find(key), { value }) },
    sync: {
      syncNow: async (did) => ({ applied: did.length, sent: 0, ms: 1, devices: [] }),
      audit: async () => ({ devices: [] }),
      findDevices: async () => ({ items: [] }),
    },
    backups: {} as NodeContext['backups'],
    deleteUser: (params) =>
      deleteUser(
        { users: managed.users, gateway: auth.gateway, master: { publish: async () => {} }, now: Date.now },
        params,
      ),
    succeedUser: async () => {
      throw new VivimError('NotFound')
    },
    resolveFork: async () => {
      throw new VivimError('NotFound')
    },
    revokeDevice: async () => {
      throw new VivimError('NotFound')
    },
    pairing: { list: () => [] } as unknown as NodeContext['pairing'],
    peers: {} as NodeContext['peers'],
    network: {
      peerId: 'none',
      state: () => ({
        reachability: { state: 'off', text: 'The network is off.' },
        addresses: [],
        relays: [],
        seats: undefined,
        records: undefined,
        peers: [],
        restarts: 0,
        lastRestart: undefined,
      }),
    },
    membership: {
      join: async (address) => ({ role: 'member', joined: address, waiting: 0 }),
      leave: async () => ({ role: 'solo', waiting: 0 }),
    },
    palette: {
      commands: async () => ({ items: [] }),
      actions: async () => ({ items: [] }),
      setCommand: async () => {},
      setAction: async () => {},
      remove: async () => {},
    },
    master: {
      status: async () => ({ role: 'solo', state: 'none', waiting: 0 }),
      find: async () => undefined,
      providerStats: async () => ({ items: [] }),
      newGeneration: async () => ({ generation: 1, size: 0 }),
    },
    counters: () => ({ 'rpc.calls.node.status': 1 }),
    status: () => statusOf(managed),
    versions: () => ({ version: '1.2.3', node: process.version, sqlite: '3', schema: 1 }),
    get stopping() {
      return state.stopping
    },
    shutdown: (reason) => stops.push(reason),
  }
  router = createRouter({
    handlers: nodeMethodHandlers(node),
    userCall: userCallHandler(node),
    log: { error: (details, message) => logged.push({ ...details, message }), warn: () => undefined },
    onCall: auth.onCall,
  })
})
afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()))
  await managed[Symbol.asyncDispose]()
})

async function connect(options: MemoryOptions = {}): Promise<Client> {
  const client = await connectInMemory(router, { now: () => now, ...options })
  clients.push(client)
  return client
}
const failing = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: VivimError) => error,
  )
/** What the small engine answers to a command: its results are not the method's own. */
const command = async (client: Client, query: string) =>
  ((await client.call('search.query', { query })) as unknown as { items: unknown[] }).items[0]

describe('signing in', () => {
  it('makes the connection that user; whoami and calls say so', async () => {
    const client = await connect()
    const { did, deviceDid } = await client.call('users.create', { displayName: 'Ann' })
    expect(await failing(client.call('auth.whoami'))).toMatchObject({ code: 'Unauthorized' })
    expect(await failing(client.call('search.query', { query: 'echo hi' }))).toMatchObject({
      code: 'Unauthorized',
    })
    const session = await client.call('auth.login', { did })
    expect(session).toMatchObject({ did, scopes: ['read', 'write', 'admin'], expiresAt: now + 900_000 })
    expect(await client.call('auth.whoami')).toEqual({
      did,
      deviceDid,
      scopes: ['read', 'write', 'admin'],
      maxSecurityLevel: 5,
      expiresAt: now + 900_000,
    })
    expect(await command(client, 'echo hi')).toMatchObject({
      text: 'hi',
      maxSecurityLevel: 5,
      mayReadPaths: true,
    })
  })

  it("is the owner's socket's right", async () => {
    const owner = await connect()
    const { did } = await owner.call('users.create', {})
    const stranger = await connect({ ownerSocket: false })
    expect(await failing(stranger.call('auth.login', { did }))).toMatchObject({ code: 'Forbidden' })
    expect(await failing(stranger.call('users.list', {}))).toMatchObject({ code: 'Forbidden' })
  })

  it('fails alike for a wrong passphrase, none, and a user nobody knows', async () => {
    const client = await connect()
    const { did } = await client.call('users.create', { passphrase: 'one' })
    const { did: unknown } = await client.call('users.create', {})
    await client.call('users.delete', { did: unknown, confirm: unknown })
    const login = (who: string, passphrase?: string) =>
      failing(client.call('auth.login', { did: who, ...(passphrase === undefined ? {} : { passphrase }) }))
    const [wrong, nobody] = [await login(did, 'two'), await login(unknown, 'two')]
    expect(wrong!.code).toBe('Unauthorized')
    expect(nobody!.toObject()).toEqual(wrong!.toObject())
    expect((await login(unknown))!.toObject()).toEqual((await login(did))!.toObject())
    // A well-formed name of the same key in other words is nobody, too.
    expect((await login(`did:key:z${'1'.repeat(45)}`, 'two'))!.toObject()).toEqual(wrong!.toObject())
    await client.call('auth.login', { did, passphrase: 'one' })
  })

  it('reaches paths on the owner socket only', async () => {
    const owner = await connect()
    const { did } = await owner.call('users.create', {})
    const { token } = await owner.call('auth.login', { did })
    const app = await connect({ ownerSocket: false })
    expect(await app.call('auth.resume', { token })).toMatchObject({ did })
    expect(await command(app, 'echo hi')).toMatchObject({ mayReadPaths: false })
  })

  it('is ended everywhere by logout, by lock and by delete', async () => {
    const owner = await connect()
    for (const end of ['logout', 'lock', 'delete'] as const) {
      const { did } = await owner.call('users.create', {})
      const { token, refreshToken } = await owner.call('auth.login', { did })
      const other = await connect()
      await other.call('auth.resume', { token })
      await command(other, 'write kept')
      if (end === 'logout') await owner.call('auth.logout')
      if (end === 'lock') expect(await owner.call('users.lock', { did })).toEqual({ did, locked: false })
      if (end === 'delete') await owner.call('users.delete', { did, confirm: did })
      expect(await failing(other.call('auth.whoami'))).toMatchObject({ code: 'Unauthorized' })
      expect(await failing(other.call('search.query', { query: 'read' }))).toMatchObject({
        code: 'Unauthorized',
      })
      expect(await failing(other.call('auth.resume', { token }))).toMatchObject({ code: 'Unauthorized' })
      expect(await failing(other.call('auth.refresh', { refreshToken }))).toMatchObject({
        code: 'Unauthorized',
      })
    }
  })

  it('lasts 15 minutes, and is refreshed with the refresh token', async () => {
    const client = await connect()
    const { did } = await client.call('users.create', {})
    const { token, refreshToken } = await client.call('auth.login', { did })
    // Another connection, because a client that signed in refreshes by itself.
    const other = await connect()
    await other.call('auth.resume', { token })
    now += 899_999
    await other.call('auth.whoami')
    now += 1
    expect(await failing(other.call('auth.whoami'))).toMatchObject({ message: 'The session has expired.' })
    const fresh = await connect()
    const next = await fresh.call('auth.refresh', { refreshToken })
    expect(next).toMatchObject({ did, expiresAt: now + 900_000 })
    expect(await fresh.call('auth.whoami')).toMatchObject({ did })
  })

  it("keeps one user's data from another, whatever the parameters say", async () => {
    const [first, second] = [await connect(), await connect()]
    const [ann, ben] = [await first.call('users.create', {}), await first.call('users.create', {})]
    await first.call('auth.login', { did: ann.did })
    await second.call('auth.login', { did: ben.did })
    await command(first, "write Ann's diary")
    expect(await command(second, 'read')).toEqual([])
    const forged = { query: 'read', did: ann.did } as never
    expect(await failing(second.call('search.query', forged))).toMatchObject({ code: 'InvalidParams' })
  })
})

describe('users', () => {
  it('are listed page by page, oldest first', async () => {
    const client = await connect()
    const dids: string[] = []
    for (let index = 0; index < 5; index++) {
      now += index % 2
      dids.push((await client.call('users.create', { displayName: `User ${index}` })).did)
    }
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await client.call('users.list', { limit: 2, ...(cursor === undefined ? {} : { cursor }) })
      expect(page.items.length).toBeLessThanOrEqual(2)
      seen.push(...page.items.map(({ did }) => did))
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined)
    expect(seen.toSorted()).toEqual(dids.toSorted())
    expect(await failing(client.call('users.list', { cursor: 'e30' }))).toMatchObject({ field: 'cursor' })
  })

  it('show whether they are locked and unattended', async () => {
    const client = await connect()
    const { did } = await client.call('users.create', { passphrase: 'one', displayName: 'Ben' })
    const only = async () => (await client.call('users.list')).items
    const ben = { did, displayName: 'Ben', deviceDid: expect.any(String), unattended: false, createdAt: now }
    expect(await only()).toEqual([{ ...ben, locked: true }])
    await client.call('auth.login', { did, passphrase: 'one' })
    expect(await only()).toEqual([{ ...ben, locked: false }])
    expect(await client.call('users.lock', { did })).toEqual({ did, locked: true })
  })

  it('are deleted only when their DID is repeated', async () => {
    const client = await connect()
    const [ann, ben] = [await client.call('users.create', {}), await client.call('users.create', {})]
    expect(await failing(client.call('users.delete', { did: ann.did, confirm: ben.did }))).toMatchObject({
      code: 'InvalidParams',
      field: 'confirm',
    })
    expect(await client.call('users.delete', { did: ann.did, confirm: ann.did })).toEqual({
      did: ann.did,
      deleted: true,
    })
    expect((await client.call('users.list')).items.map(({ did }) => did)).toEqual([ben.did])
  })

  it('are restored from their phrase, once', async () => {
    const client = await connect()
    const { did, recoveryPhrase } = await client.call('users.create', {})
    expect(await failing(client.call('users.create', { recoveryPhrase }))).toMatchObject({ code: 'Conflict' })
    await client.call('users.delete', { did, confirm: did })
    expect(await client.call('users.create', { recoveryPhrase, passphrase: 'one' })).toMatchObject({ did })
    expect(await failing(client.call('users.create', { recoveryPhrase: 'words' }))).toMatchObject({
      code: 'InvalidParams',
      field: 'recoveryPhrase',
    })
  })
})

describe('a call into a user', () => {
  it('brings progress back, and is cancelled with its caller', async () => {
    const client = await connect()
    const { did } = await client.call('users.create', {})
    await client.call('auth.login', { did })
    const seen: number[] = []
    await client.call('search.query', { query: 'progress x' }, { onProgress: ({ done }) => seen.push(done) })
    expect(seen).toEqual([1, 2, 3])
    const controller = new AbortController()
    const hanging = failing(client.call('search.query', { query: 'hang' }, { signal: controller.signal }))
    await command(client, 'read')
    controller.abort()
    await hanging
    await expect.poll(() => command(client, 'aborted')).toBe(1)
  })

  it('shows nothing of a bug', async () => {
    const client = await connect()
    const { did } = await client.call('users.create', {})
    await client.call('auth.login', { did })
    const error = await failing(client.call('search.query', { query: 'throw near my diary' }))
    expect(error).toMatchObject({ code: 'Internal' })
    expect(JSON.stringify([error!.toObject(), logged, managed.log])).not.toContain('diary')
  })
})

describe('the node', () => {
  it('tells its health, and that it is stopping', async () => {
    const client = await connect()
    const { did } = await client.call('users.create', {})
    expect(await client.call('node.health')).toEqual({ ok: true, checks: [] })
    await client.call('auth.login', { did })
    await command(client, 'read')
    expect(await client.call('node.health')).toMatchObject({ ok: true, checks: [{ ok: true }] })
    state.stopping = true
    expect(await client.call('node.health')).toMatchObject({ ok: false })
  })

  it('answers before it stops', async () => {
    const client = await connect()
    expect(await client.call('node.shutdown', { reason: 'test' })).toEqual({
      stopping: true,
      pid: process.pid,
    })
    await expect.poll(() => stops).toEqual(['test'])
  })

  it('gives status, versions, counters, settings and its own description', async () => {
    const client = await connect()
    expect(await client.call('node.status')).toMatchObject({ users: { total: 0, open: 0 } })
    expect(await client.call('node.version')).toMatchObject({ version: '1.2.3' })
    expect((await client.call('node.metrics')).counters).toMatchObject({ 'rpc.calls.node.status': 1 })
    expect((await client.call('config.list')).items.length).toBe(1)
    expect(await client.call('config.set', { key: 'log.level', value: 'debug' })).toMatchObject({
      value: 'debug',
    })
    expect(await client.call('config.get', { key: 'log.level' })).toMatchObject({ value: 'debug' })
    expect(await failing(client.call('config.get', { key: 'no.such' }))).toMatchObject({ code: 'NotFound' })
    expect((await client.call('rpc.help', { method: 'node.status' })).methods.length).toBe(1)
  })
})

function statusOf({ users, folder }: ManagedUsers): Result<'node.status'> {
  return {
    version: '1.2.3',
    role: 'solo',
    peerId: '',
    pid: process.pid,
    startedAt: 0,
    readyMs: 0,
    rssMb: 1,
    multiaddrs: [],
    peers: 0,
    users: { total: users.list().length, open: users.openCount },
    master: { state: 'none' },
    home: folder,
    socket: '',
  }
}
