import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { userHash } from '../../../daemon/identity/user-hash.ts'
import { createUserOffline } from '../../../daemon/users/create-user.ts'
import type { UserDatabaseManager } from '../../../daemon/users/user-database-manager.ts'
import { byteSearch, filesBelow } from '../../support/byte-search.ts'
import { command } from '../../support/command-hosts.ts'
import { manageUsers } from '../../support/command-manager.ts'

const run = async (users: UserDatabaseManager, did: string, text: string) =>
  command(await users.getClient(did), text)
const failing = (promise: Promise<unknown>) => promise.catch((error: unknown) => error)

describe('a new user', () => {
  it('has files of the owner alone, named by hash, and is closed until used', async () => {
    await using managed = manageUsers()
    const { users, folder } = managed
    const { did, recoveryPhrase } = await users.createUser({ displayName: 'Ann' })
    const hash = userHash(did)
    const own = join(folder, 'users', hash.slice(0, 2), hash)
    expect(recoveryPhrase.split(' ').length).toBe(24)
    expect(users.openCount).toBe(0)
    expect(readdirSync(own)).toEqual(['vault.db', 'vault.made'])
    for (const path of [join(folder, 'users'), join(own, '..'), own])
      expect(statSync(path).mode & 0o777).toBe(0o700)
    await run(users, did, 'write hello')
    expect(users.openCount).toBe(1)
    expect(await run(users, did, 'read')).toEqual(['hello'])
  })

  it('comes back from the phrase as a new device, and is refused where they are already', async () => {
    await using managed = manageUsers()
    const { users } = managed
    const first = await users.createUser({})
    const params = { recoveryPhrase: first.recoveryPhrase }
    expect(await failing(users.createUser(params))).toMatchObject({ code: 'Conflict' })
    await users.deleteUserDatabase(first.did)
    const again = await users.createUser(params)
    expect(again.did).toBe(first.did)
    expect(again.deviceDid).not.toBe(first.deviceDid)
    expect(again.recoveryPhrase).toBe(first.recoveryPhrase)
    expect(await run(users, again.did, 'read')).toEqual([])
  })

  it('is not made when the database cannot be', async () => {
    await using managed = manageUsers({
      openHost: async () => {
        throw new Error('no room')
      },
    })
    expect(await failing(managed.users.createUser({ displayName: 'Ann' }))).toMatchObject({
      message: 'no room',
    })
    expect(filesBelow(managed.folder)).toEqual([])
    expect(managed.users.list()).toEqual([])
  })

  it('needs a passphrase unless unattended', async () => {
    await using managed = manageUsers()
    expect(await failing(managed.users.createUser({ unattended: false }))).toMatchObject({
      code: 'InvalidParams',
      field: 'passphrase',
    })
  })

  it('can be made while no node runs', async () => {
    await using managed = manageUsers()
    const folders = { keysFolder: join(managed.folder, 'keys'), usersFolder: join(managed.folder, 'users') }
    const random = (bytes: number) => new Uint8Array(bytes).fill(5)
    const { did } = await createUserOffline({ ...folders, now: Date.now, random }, { displayName: 'Ann' })
    expect(managed.users.list()).toMatchObject([{ did, displayName: 'Ann', unattended: true }])
    expect(await run(managed.users, did, 'read')).toEqual([])
  })
})

describe('open users', () => {
  it('open once, however many ask at once', async () => {
    await using managed = manageUsers()
    const { did } = await managed.users.createUser({})
    const hosts = await Promise.all(Array.from({ length: 20 }, () => managed.users.getClient(did)))
    expect(new Set(hosts).size).toBe(1)
  })

  it('make room for the next: the one unused for longest goes, never one in use', async () => {
    let now = 1_000_000
    await using managed = manageUsers({ now: () => now, openUsers: 3, userBusyMs: 30_000, userRoomMs: 200 })
    const { users } = managed
    const dids = await Promise.all(Array.from({ length: 5 }, async () => (await users.createUser({})).did))
    const [a, b, c, d, e] = dids as [string, string, string, string, string]
    for (const did of [a, b, c]) {
      await run(users, did, 'write mine')
      now += 1_000
    }
    const refused = await failing(users.getClient(d))
    expect(refused).toMatchObject({ code: 'UserUnavailable', retryAfterMs: expect.any(Number) })

    now += 30_000
    const working = run(users, a, 'sleep 1000')
    await run(users, b, 'pending true')
    now += 1_000
    await run(users, c, 'read')
    now += 31_000
    await run(users, d, 'write mine')
    expect(users.openCount).toBe(3)
    const hosts = await users.health()
    expect(hosts.map(({ name }) => name).sort()).toEqual(
      [a, b, d].map((did) => `user ${did.slice(-8)}`).sort(),
    )
    await working

    now += 31_000
    const [first, second] = await Promise.allSettled([users.getClient(c), users.getClient(e)])
    expect([first.status, second.status]).toEqual(['fulfilled', 'fulfilled'])
    expect(users.openCount).toBe(3)
    expect(await run(users, c, 'read')).toEqual(['mine'])
    expect(await run(users, b, 'read')).toEqual(['mine'])
  })

  it('survive a thread that dies: its callers hear when to come back, others notice nothing', async () => {
    let now = 1_000_000
    await using managed = manageUsers({ now: () => now })
    const { users } = managed
    const [ann, ben] = await Promise.all([users.createUser({}), users.createUser({})])
    await run(users, ann.did, 'write kept')
    await run(users, ben.did, 'read')
    const bens = run(users, ben.did, 'sleep 200')
    const lost = await Promise.all(
      ['sleep 5000', 'hang', 'exit'].map((text) => failing(run(users, ann.did, text))),
    )
    for (const error of lost)
      expect(error).toMatchObject({ code: 'UserUnavailable', retryAfterMs: expect.any(Number) })
    expect(await bens).toBe('slept')

    const early = (await failing(run(users, ann.did, 'read'))) as { retryAfterMs: number }
    expect(early).toMatchObject({ code: 'UserUnavailable', retryAfterMs: 250 })
    now += early.retryAfterMs
    expect(await run(users, ann.did, 'read')).toEqual(['kept'])

    await failing(run(users, ann.did, 'exit'))
    expect(await failing(run(users, ann.did, 'read'))).toMatchObject({ retryAfterMs: 500 })
    now += 500
    await run(users, ann.did, 'read')
    now += 60_000
    await failing(run(users, ann.did, 'exit'))
    expect(await failing(run(users, ann.did, 'read'))).toMatchObject({ retryAfterMs: 250 })
  })

  it('answer a health check, and one that does not answer fails it', async () => {
    await using managed = manageUsers()
    const { users } = managed
    const { did } = await users.createUser({})
    expect(await users.health()).toEqual([])
    const host = await users.getClient(did)
    expect(await users.health()).toEqual([
      { name: `user ${did.slice(-8)}`, ok: true, ms: expect.any(Number) },
    ])
    const closing = host.close()
    expect(await users.health()).toMatchObject([{ ok: false, message: expect.any(String) }])
    await closing
  })

  it('are all closed at the end, and nobody opens afterwards', async () => {
    await using managed = manageUsers()
    const { users } = managed
    const { did } = await users.createUser({})
    await run(users, did, 'write kept')
    await Promise.all([users.closeAll(), failing(users.getClient(did))])
    expect(users.openCount).toBe(0)
    expect(await failing(users.getClient(did))).toMatchObject({ code: 'UserUnavailable' })
    expect(filesBelow(join(managed.folder, 'users'))).toHaveLength(2)
    expect(await run(managed.next(), did, 'read')).toEqual(['kept'])
  })
})

describe('locking', () => {
  it('forgets the keys of a user with a passphrase until they sign in again', async () => {
    await using managed = manageUsers()
    const { users } = managed
    const { did } = await users.createUser({ passphrase: 'one' })
    const record = () => users.list()[0]!
    expect(users.isLocked(record())).toBe(true)
    expect(await failing(users.getClient(did))).toMatchObject({ code: 'Unauthorized' })
    expect(await failing(users.unlock(did, 'two'))).toMatchObject({ code: 'Unauthorized' })
    await users.unlock(did, 'one')
    expect(users.isLocked(record())).toBe(false)
    await run(users, did, 'write kept')
    expect(await users.lock(did)).toBe(true)
    expect(users.openCount).toBe(0)
    expect(await failing(users.getClient(did))).toMatchObject({ code: 'Unauthorized' })
    await users.unlock(did, 'one')
    expect(await run(users, did, 'read')).toEqual(['kept'])
  })

  it('only closes an unattended user', async () => {
    await using managed = manageUsers()
    const { did } = await managed.users.createUser({})
    await run(managed.users, did, 'write kept')
    expect(await managed.users.lock(did)).toBe(false)
    expect(managed.users.openCount).toBe(0)
    expect(await run(managed.users, did, 'read')).toEqual(['kept'])
  })
})

describe('deleting', () => {
  it('leaves no byte of that user, and all of the others', async () => {
    await using managed = manageUsers()
    const { users, folder } = managed
    const ann = await users.createUser({ displayName: 'Rosalind Canary' })
    const ben = await users.createUser({ displayName: 'Benedict Other' })
    for (const { did } of [ann, ben]) await run(users, did, `write the diary of ${did}`)
    await run(users, ann.did, 'pending true')
    const call = failing(run(users, ann.did, 'hang'))
    await new Promise((resolve) => setTimeout(resolve, 50))
    const deletion = users.deleteUserDatabase(ann.did)
    expect(await failing(users.getClient(ann.did))).toMatchObject({ code: 'NotFound' })
    expect(await failing(users.deleteUserDatabase(ann.did))).toMatchObject({ code: 'NotFound' })
    await deletion
    expect(await call).toMatchObject({ code: 'UserUnavailable' })
    for (const canary of [
      'Rosalind Canary',
      'the diary of did:key:',
      ann.did.slice(8),
      ann.deviceDid.slice(8),
    ]) {
      const found = byteSearch(folder, canary)
      expect(found.every(({ file }) => file.includes(userHash(ben.did)))).toBe(true)
    }
    expect(filesBelow(folder).every((file) => file.includes(userHash(ben.did)))).toBe(true)
    expect(await run(users, ben.did, 'read')).toEqual([`the diary of ${ben.did}`])
    expect(users.list().map(({ did }) => did)).toEqual([ben.did])
  })

  it('is NotFound for a stranger', async () => {
    await using managed = manageUsers()
    expect(await failing(managed.users.deleteUserDatabase('did:key:z6Mkunknown'))).toMatchObject({
      code: 'NotFound',
    })
    expect(await failing(managed.users.lock('did:key:z6Mkunknown'))).toMatchObject({ code: 'NotFound' })
    expect(await failing(managed.users.getClient('did:key:z6Mkunknown'))).toMatchObject({ code: 'NotFound' })
  })
})

describe('unfinished work', () => {
  const marker = (folder: string, did: string) =>
    join(folder, 'users', userHash(did).slice(0, 2), userHash(did), 'work.pending')

  it('is marked on disk before it is acknowledged, and unmarked when done', async () => {
    await using managed = manageUsers()
    const { did } = await managed.users.createUser({})
    await run(managed.users, did, 'pending true')
    expect(existsSync(marker(managed.folder, did))).toBe(true)
    expect(statSync(marker(managed.folder, did)).mode & 0o777).toBe(0o600)
    await run(managed.users, did, 'pending false')
    expect(existsSync(marker(managed.folder, did))).toBe(false)
  })

  it('opens unattended users by itself at the next start, and nobody else', async () => {
    await using managed = manageUsers()
    const { users } = managed
    const [busy, idle] = await Promise.all([users.createUser({}), users.createUser({})])
    const sealed = await users.createUser({ passphrase: 'one' })
    await users.unlock(sealed.did, 'one')
    for (const { did } of [busy, sealed]) await run(users, did, 'pending true')
    await run(users, idle.did, 'read')
    await users.closeAll()
    const next = managed.next()
    await next.resumePending()
    expect((await next.health()).map(({ name }) => name)).toEqual([`user ${busy.did.slice(-8)}`])
  })

  it('comes back by itself when the thread dies', async () => {
    await using managed = manageUsers()
    const { users } = managed
    const { did } = await users.createUser({})
    await run(users, did, 'pending true')
    await failing(run(users, did, 'exit'))
    await expect.poll(async () => (await users.health()).length, { timeout: 10_000 }).toBe(1)
  })

  it('take turns when more are active than there is room for: nobody is refused', async () => {
    await using managed = manageUsers({ openUsers: 2, userBusyMs: 100 })
    const { users } = managed
    const dids = await Promise.all(Array.from({ length: 6 }, async () => (await users.createUser({})).did))
    let most = 0
    for (let round = 0; round < 2; round++)
      await Promise.all(
        dids.map(async (did) => {
          await run(users, did, 'write mine')
          most = Math.max(most, (await users.health()).length)
        }),
      )
    expect(most).toBeLessThanOrEqual(2)
  })

  it('waits its turn when too many are open', async () => {
    let now = 1_000_000
    await using managed = manageUsers({ now: () => now, openUsers: 1, userBusyMs: 30_000, userRoomMs: 100 })
    const dids = await Promise.all([1, 2].map(async () => (await managed.users.createUser({})).did))
    for (const did of dids) {
      await run(managed.users, did, 'pending true')
      await managed.users.lock(did)
    }
    await managed.users.closeAll()
    const next = managed.next()
    await next.resumePending()
    expect(next.openCount).toBe(1)
    const [open] = await next.health()
    const [first, second] = open?.name.endsWith(dids[0]!.slice(-8)) ? dids : dids.toReversed()
    await run(next, first!, 'pending false')
    now += 31_000
    await expect
      .poll(async () => (await next.health()).map(({ name }) => name), { timeout: 10_000 })
      .toEqual([`user ${second!.slice(-8)}`])
  })
})
