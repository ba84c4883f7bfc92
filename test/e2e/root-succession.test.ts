import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { privateKeyOfSeed } from '../../daemon/identity/ed25519.ts'
import { seedOfPhrase } from '../../daemon/identity/recovery.ts'
import { issueSuccession } from '../../daemon/identity/successor.ts'
import { checkedRecord, recordName } from '../../daemon/master/record-kinds.ts'
import type { Client } from '../../rpc/client/index.ts'
import { TestNode } from '../support/test-node.ts'
import { until } from '../support/until.ts'

const SECRET = 'sk-proj-Qx7vLm2Rt9Wb4Yc8Zp3Kd6Hs1Jf5Ng0Tq7Va2Ue9'
const LATE_MS = 60_000
const nodes: TestNode[] = []
afterAll(() => Promise.all(nodes.map((node) => node.dispose())))

async function running(...init: string[]): Promise<TestNode> {
  const node = await TestNode.start({ init })
  nodes.push(node)
  return node
}

/** Signed in anew, after the node was gone. */
async function signedIn(node: TestNode, did: string): Promise<Client> {
  const client = await node.client()
  await client.login({ did })
  return client
}

const peersOf = async (client: Client) => (await client.call('peers.list', { limit: 200 })).items
const seen = async (client: Client, did: string) => (await peersOf(client)).find((item) => item.did === did)

test('a root key that is replaced is followed once by a contact who was never there, and a second successor never', {
  timeout: 300_000,
}, async () => {
  const master = await running('--role', 'bootstrap')
  const { address } = await (await master.client()).call('master.status')
  const [annsNode, bensNode, thief] = await Promise.all([1, 2, 3].map(() => running('--join', address!)))
  for (const node of [annsNode!, bensNode!]) {
    const { multiaddrs } = await (await node.client()).call('node.status')
    const direct = multiaddrs.find((each) => !each.includes('p2p-circuit'))!
    node.env.VIVIM_LISTEN = direct.replace(/\/p2p\/.*$/, '')
  }
  const ann = await annsNode!.client()
  const { did: old, recoveryPhrase } = await ann.call('users.create', { displayName: 'Ann' })
  await ann.login({ did: old })
  await ann.call('capture.conversation', {
    conversation: {
      ...{ format: 'vivim.capture/1', provider: 'test', originalId: 'one', title: 'Marmalade' },
      messages: [
        { id: '1', role: 'user', parts: [{ type: 'text', content: `My key is ${SECRET}.` }] },
        {
          id: '2',
          role: 'assistant',
          parts: [{ type: 'text', content: 'Oranges and sugar. '.repeat(9_000) }],
        },
      ],
    },
  })
  const { id: notebookId } = await ann.call('notebooks.create', { name: 'Recipes' })
  await ann.call('notebooks.entries.add', { notebookId, title: 'Jam', text: 'Stir it slowly.' })
  const ben = await bensNode!.user('Ben')
  const { invite } = await ann.call('peers.invite.create', { name: 'Benjamin' })
  const before = await ben.client.call('peers.invite.accept', { invite, name: 'Annie' })
  await ben.client.call('peers.trust', { did: 'Annie', level: 'close' })
  await bensNode!.stop()

  // Somebody else's words, and the words of the new user in place of the old ones, sign nothing.
  const other = await ann.call('users.create', { displayName: 'Other' })
  const wrong = await ann
    .call('users.succeed', {
      ...{ did: old, successor: other.did },
      ...{ recoveryPhrase: other.recoveryPhrase, successorPhrase: other.recoveryPhrase },
    })
    .catch(({ code }) => code)
  expect(wrong).toBe('Unauthorized')

  const rotated = annsNode!.type(`${recoveryPhrase}\n`, 'user', 'rotate-root', old, '--yes', '--json')
  expect(rotated).toMatchObject({ status: 0 })
  const { successor } = JSON.parse(rotated.stdout) as { successor: string }
  expect(successor).not.toBe(old)
  const listed = (await ann.call('users.list', {})).items
  expect(listed.find(({ did }) => did === old)).toMatchObject({ succeeded: true })
  expect(annsNode!.run('--user', 'Ann', 'whoami').stdout).toContain(successor)
  expect(await ann.call('auth.whoami')).toMatchObject({ did: old, succeededBy: successor })
  await until('the master has it', async () => (await ann.call('master.status')).waiting === 0, LATE_MS)
  const anna = await signedIn(annsNode!, successor)
  const [conversation] = (await anna.call('conversations.list', {})).items
  expect(conversation).toMatchObject({ title: 'Marmalade', messageCount: 2 })
  const hasSecret = async (reveal: boolean) =>
    JSON.stringify(await anna.call('conversations.get', { id: conversation!.id, reveal })).includes(SECRET)
  expect([await hasSecret(false), await hasSecret(true)]).toEqual([false, true])
  expect(JSON.stringify(await anna.call('notebooks.get', { id: notebookId }))).toContain('Stir it slowly.')
  await until('it is found', async () => {
    const { items } = await anna.call('search.query', { query: 'oranges' })
    return items.length > 0
  })
  expect(await anna.call('auth.whoami')).toMatchObject({ did: successor, succeeds: old })
  expect(await anna.call('sync.verify')).toMatchObject({ ok: true })
  expect(await seen(anna, ben.did)).toMatchObject({
    state: 'accepted',
    petname: 'Benjamin',
    confirmed: false,
  })
  await annsNode!.stop()

  await bensNode!.boot()
  const benAgain = await signedIn(bensNode!, ben.did)
  const followed = await until('Ben follows', () => seen(benAgain, successor), LATE_MS)
  expect(followed).toMatchObject({
    ...{ petname: 'Annie', name: 'Annie', state: 'accepted', trust: 'close', succeeds: old },
    ...{ disputed: false, confirmed: false },
  })
  expect(followed.safety).not.toBe(before.safety)
  expect(await seen(benAgain, old)).toMatchObject({ state: 'none', petname: null, succeededBy: successor })
  const shown = bensNode!.run('--user', ben.did, 'peers', 'list').stdout
  expect(shown).toMatch(/Annie has a new root key since .* vivimd peers safety did:key:/)
  expect(shown).toContain(`now …${successor.slice(-6)}`)

  // Once both are there, both know that the other one does.
  await annsNode!.boot()
  const annaAgain = await signedIn(annsNode!, successor)
  await until(
    'they are in contact',
    async () => {
      const sides = [await seen(annaAgain, ben.did), await seen(benAgain, successor)]
      return sides.every((side) => side?.state === 'accepted' && side.confirmed)
    },
    LATE_MS,
  )
  expect((await seen(annaAgain, ben.did))!.safety).toBe(followed.safety)

  // A node of the honest program that has the old words refuses to sign again.
  const stolen = await thief!.client()
  await stolen.call('users.create', { displayName: 'Ann', recoveryPhrase })
  const eve = await stolen.call('users.create', { displayName: 'Eve' })
  await stolen.login({ did: old })
  await until('the thief is told', async () => {
    await peersOf(stolen)
    return (await stolen.call('users.list', {})).items.find(({ did }) => did === old)?.succeeded
  })
  const again = await stolen
    .call('users.succeed', {
      ...{ did: old, successor: eve.did, recoveryPhrase },
      successorPhrase: eve.recoveryPhrase,
    })
    .catch(({ code }) => code)
  expect(again).toBe('Conflict')
  await stolen.close()
  // Another program signs what it likes.
  await thief!.stop()
  const planted = issueSuccession(
    privateKeyOfSeed(seedOfPhrase(recoveryPhrase)),
    generateKeyPairSync('ed25519').privateKey,
    Date.now(),
  )
  const outbox = join(thief!.home, 'master/outbox')
  mkdirSync(outbox, { recursive: true })
  const record = checkedRecord({ kind: 'successor', bytes: planted })
  writeFileSync(join(outbox, recordName(record)), planted)
  await thief!.boot()
  const thiefAgain = await thief!.client()
  await until('it is published', async () => (await thiefAgain.call('master.status')).waiting === 0, LATE_MS)

  await bensNode!.restart()
  const benLater = await signedIn(bensNode!, ben.did)
  const disputed = await until(
    'Ben is told',
    async () => {
      const found = await seen(benLater, successor)
      return found?.disputed && found
    },
    LATE_MS,
  )
  expect(disputed).toMatchObject({ petname: 'Annie', state: 'accepted', trust: 'close', succeeds: old })
  expect(await seen(benLater, old)).toMatchObject({ succeededBy: successor, disputed: true })
  expect((await peersOf(benLater)).map(({ did }) => did).sort()).toEqual([old, successor].sort())
  expect(bensNode!.run('--user', ben.did, 'peers', 'list').stdout).toContain('named two successors')
})
