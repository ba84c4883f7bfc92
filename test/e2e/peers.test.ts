import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../rpc/client/index.ts'
import { pair, untilAlike } from '../support/device-pair.ts'
import { TestNode } from '../support/test-node.ts'
import { until } from '../support/until.ts'

interface Person {
  readonly node: TestNode
  readonly did: string
  readonly client: Client
}

/** A node of its own with one person. Its port stays the same over restarts. */
async function person(name: string): Promise<Person> {
  const node = await TestNode.start()
  const { did, client } = await node.user(name)
  const { multiaddrs } = await client.call('node.status')
  node.env.VIVIM_LISTEN = multiaddrs[0]!.replace(/\/p2p\/.*$/, '')
  return { node, did, client }
}

/** Signed in anew, after the node was gone. */
async function again({ node, did }: Person): Promise<Person> {
  await node.boot()
  const client = await node.client()
  await client.login({ did })
  return { node, did, client }
}

const seenBy = async ({ client }: Person, { did }: Pick<Person, 'did'>) =>
  (await client.call('peers.list')).items.find((item) => item.did === did)

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'done',
    ({ code }: { code: string }) => code,
  )

describe('two people, each on a node of their own', { timeout: 120_000 }, () => {
  let ann: Person
  let ben: Person

  beforeAll(async () => {
    ;[ann, ben] = await Promise.all([person('Ann'), person('Ben')])
  }, 60_000)
  afterAll(() => Promise.all([ann?.node.dispose(), ben?.node.dispose()]))

  test('an invite makes them contacts on both sides, with one safety string, and is good once', async () => {
    const { invite, qr } = await ann.client.call('peers.invite.create', { name: 'Benjamin' })
    expect(qr).toMatch(/█/)
    const accepted = await ben.client.call('peers.invite.accept', { invite, name: 'Annie' })
    expect(accepted).toMatchObject({
      did: ann.did,
      state: 'accepted',
      petname: 'Annie',
      displayName: 'Ann',
      trust: 'acquaintance',
    })
    const atAnn = await until('Ann sees Ben', async () => {
      const found = await seenBy(ann, ben)
      return found?.confirmed && found
    })
    expect(atAnn).toMatchObject({
      state: 'accepted',
      petname: 'Benjamin',
      displayName: 'Ben',
      connected: true,
    })
    expect(atAnn.safety).toBe(accepted.safety)
    expect(accepted.safety).toMatch(/^(\d{5} ){7}\d{5}$/)
    expect(await codeOf(ben.client.call('peers.invite.accept', { invite }))).toBe('Conflict')
    const { did, client } = await ben.node.user('Cleo')
    expect(await codeOf(client.call('peers.invite.accept', { invite }))).toBe('Exhausted')
    expect((await client.call('peers.list')).items.find((item) => item.did === ann.did)?.state).not.toBe(
      'accepted',
    )
    expect((await ann.client.call('peers.list')).items.map((item) => item.did)).not.toContain(did)
    const [used] = (await ann.client.call('peers.invite.list')).items
    expect(used).toMatchObject({ state: 'used', usedBy: ben.did, name: 'Benjamin' })
  })

  test('of fifty people who use one invite at once, one becomes a contact', async () => {
    const { invite, inviteId } = await ann.client.call('peers.invite.create')
    const many = await Promise.all(Array.from({ length: 5 }, (_, at) => ben.node.user(`Guest ${at}`)))
    const tries = Array.from({ length: 50 }, (_, at) =>
      codeOf(many[at % many.length]!.client.call('peers.invite.accept', { invite })),
    )
    const codes = Map.groupBy(await Promise.all(tries), (code) => code)
    expect(codes.get('done')).toHaveLength(1)
    expect(
      [...codes.keys()].filter((code) => !['done', 'Conflict', 'Exhausted', 'Unavailable'].includes(code)),
    ).toEqual([])
    const dids = many.map(({ did }) => did)
    const { items } = await ann.client.call('peers.list', { limit: 200 })
    expect(items.filter(({ did, state }) => dids.includes(did) && state === 'accepted')).toHaveLength(1)
    const { items: invites } = await ann.client.call('peers.invite.list')
    expect(dids).toContain(invites.find((each) => each.inviteId === inviteId)!.usedBy)
  })

  test('an invite survives a kill -9 of its maker; what the one who uses it lost comes back by itself', async () => {
    const dora = await person('Dora')
    const emil = await person('Emil')
    try {
      const { invite } = await dora.client.call('peers.invite.create')
      await dora.node.kill9()
      expect(await codeOf(emil.client.call('peers.invite.accept', { invite }))).toBe('Unavailable')
      const doraAgain = await again(dora)
      // Killed while it is on its way: whatever was stored by then, both end up in contact.
      const lost = codeOf(emil.client.call('peers.invite.accept', { invite }))
      await until('Dora has heard of Emil', async () => (await seenBy(doraAgain, emil))?.state === 'accepted')
      await emil.node.kill9()
      await lost
      const emilAgain = await again(emil)
      if ((await seenBy(emilAgain, dora))?.state !== 'accepted')
        await codeOf(emilAgain.client.call('peers.invite.accept', { invite }))
      await until('both know', async () => {
        const sides = [await seenBy(doraAgain, emil), await seenBy(emilAgain, dora)]
        return sides.every((side) => side?.state === 'accepted' && side.confirmed)
      })
    } finally {
      await Promise.all([dora.node.dispose(), emil.node.dispose()])
    }
  })

  test('what a person sets about others is in step on all their devices', async () => {
    const fred = await person('Fred')
    await using second = await TestNode.start()
    try {
      const device = await pair(fred, second)
      const other: Person = { node: second, did: fred.did, client: device.client }
      const { invite } = await ann.client.call('peers.invite.create')
      await fred.client.call('peers.invite.accept', { invite, name: 'Ännchen' })
      await fred.client.call('peers.trust', { did: 'Ännchen', level: 'trusted' })
      await fred.client.call('peers.block', { did: ben.did })
      await fred.client.call('peers.privacy.update', { whoMayContact: 'anyone', requestsPerDay: 3 })
      await untilAlike([fred, other])
      expect(await seenBy(other, ann)).toMatchObject({
        state: 'accepted',
        petname: 'Ännchen',
        trust: 'trusted',
      })
      expect(await seenBy(other, ben)).toMatchObject({ state: 'blocked' })
      expect(await other.client.call('peers.privacy.get')).toEqual({
        whoMayContact: 'anyone',
        requestsPerDay: 3,
        throughMaster: false,
      })
      // The name works there, whatever form it is typed in; and what is done there holds here.
      await other.client.call('peers.trust', { did: 'A\u0308nnchen', level: 'close' })
      await other.client.call('peers.unblock', { did: ben.did })
      await untilAlike([fred, other])
      for (const { client } of [fred, other])
        expect(await client.call('sync.verify')).toMatchObject({ ok: true })
      expect(await seenBy(fred, ann)).toMatchObject({ trust: 'close' })
      expect(await seenBy(fred, ben)).toBeUndefined()
      // Who asks one device is accepted on the other.
      const [address] = (await fred.client.call('node.status')).multiaddrs
      await ben.client.call('peers.request', { did: fred.did, address: address! })
      await until(
        'the second device knows who asks',
        async () => (await seenBy(other, ben))?.state === 'received',
      )
      await other.client.call('peers.accept', { did: ben.did })
      await until('Ben knows', async () => (await seenBy(ben, fred))?.state === 'accepted')
    } finally {
      await fred.node.dispose()
    }
  })

  test('on the command line: one line each, the next command to type, and exit codes', async () => {
    const at = (node: TestNode, ...words: string[]) =>
      node.run('--user', node === ann.node ? ann.did : ben.did, 'peers', ...words)
    const json = (node: TestNode, ...words: string[]) => JSON.parse(at(node, '--json', ...words).stdout)
    const { invite } = json(ann.node, 'invite')
    const accept = at(ben.node, 'invite', 'accept', invite)
    expect(accept).toMatchObject({ status: 6 })
    expect(accept.stderr).toContain('vivimd peers list')
    expect(at(ben.node, 'name', 'Annie', 'Anna Lind').stdout).toBe(`${ann.did} is called Anna Lind.\n`)
    expect(at(ben.node, 'list').stdout).toMatch(/Anna Lind +connected +acquaintance +(\d{5} ){8}/)
    expect(at(ben.node, 'safety', 'Anna Lind').stdout).toContain((await seenBy(ann, ben))!.safety)
    expect(at(ben.node, 'trust', 'Anna Lind', 'close').stdout).toBe('Anna Lind: close.\n')
    for (const [words, status, text] of [
      [['safety', 'Nobody'], 5, 'vivimd peers list'],
      [['safety', 'did:key:z6Mk'], 2, 'did:key'],
      [['trust', 'Anna Lind', 'best'], 2, 'LEVEL is not right'],
      [['request', ben.did], 2, 'yourself'],
      [['request', 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'], 5, 'invite'],
      [['accept', 'Anna Lind'], 0, ''],
      [['accept', 'anna lind'], 5, 'You call nobody'],
      [['invite', 'accept', 'hello'], 2, 'vivim://invite/'],
      [['invite', 'accept', `${invite}x`], 2, 'typing error'],
      [['invite', 'revoke', 'none'], 5, 'vivimd peers invite list'],
      [['connect', '/ip4/127.0.0.1/tcp/1'], 2, 'vivimd status'],
      [['disconnect', '12D3KooWNobody'], 5, 'did not connect'],
      [['privacy', 'set', 'everyone'], 2, 'WHO-MAY-CONTACT is not right'],
      [['name', ben.did, 'Anna Lind'], 6, 'somebody else'],
    ] as const) {
      const result = at(ben.node, ...words)
      expect(result.stdout + result.stderr, words.join(' ')).toContain(text)
      expect(result.status, words.join(' ')).toBe(status)
    }
    // A node without a master says so, not that it does not know the name.
    const lookup = (name: string) => ben.node.run('--user', ben.did, 'master', 'lookup', name).stderr
    expect(lookup('Anna Lind')).toMatch(/master/i)
    expect(lookup('Anna')).toContain('You call nobody "Anna"')
    expect(at(ben.node, 'privacy', 'set', 'anyone', '--requests-per-day', '4').stdout).toBe(
      'Anybody may ask to be a contact: 4 requests a day are kept.\n',
    )
    expect(at(ben.node, 'privacy').stdout).toContain('4 requests')
    expect(at(ben.node, 'disconnect', 'Anna Lind').stdout).toBe('Disconnected from 1 node.\n')
    expect(at(ben.node, 'block', 'Anna Lind').stdout).toContain('vivimd peers unblock')
    expect(json(ben.node, 'list').items.find(({ did }: { did: string }) => did === ann.did)).toMatchObject({
      state: 'blocked',
      trust: null,
    })
    expect(at(ben.node, 'unblock', 'Anna Lind').stdout).toBe('Anna Lind is not blocked any more.\n')
    expect(at(ben.node, 'remove', 'Anna Lind').stdout).toContain('They are not told')
  })

  test('an app may name people, and neither speak for the person nor reach into their network', async () => {
    const { token } = await ann.client.call('auth.grants.create', { name: 'App', scopes: ['write'] })
    const app = await ann.node.client()
    await app.call('auth.resume', { token })
    expect(await codeOf(app.call('peers.list'))).toBe('done')
    expect(await codeOf(app.call('peers.name', { did: ben.did, name: 'B.' }))).toBe('done')
    expect(await codeOf(app.call('peers.invite.create'))).toBe('Forbidden')
    expect(await codeOf(app.call('peers.block', { did: ben.did }))).toBe('Forbidden')
    const [multiaddr] = (await ben.client.call('node.status')).multiaddrs
    expect(await codeOf(app.call('peers.connect', { multiaddr: multiaddr! }))).toBe('Forbidden')
    expect(await codeOf(ann.client.call('peers.connect', { multiaddr: multiaddr! }))).toBe('done')
    // Another user of the same node ends only connections of their own.
    const { client: guest } = await ann.node.user('Guest')
    expect(await codeOf(guest.call('peers.disconnect', { peer: multiaddr! }))).toBe('NotFound')
    expect(await ann.client.call('peers.disconnect', { peer: multiaddr! })).toMatchObject({
      peerIds: [multiaddr!.split('/p2p/')[1]],
    })
  })
})
