import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../rpc/client/index.ts'
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
})
