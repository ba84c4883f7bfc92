import type { Client } from '../../rpc/client/index.ts'
import { expect, until } from './expect.ts'
import type { NodeUnderDemo } from './node-under-demo.ts'
import type { Stage } from './stage.ts'

/** Two devices of one person, and a session on each. */
export interface Pair {
  readonly did: string
  readonly desk: Client
  readonly laptop: Client
}

/** Makes `laptop` a device of the person on `desk`: no server takes part. */
export async function pair(
  stage: Stage,
  desk: NodeUnderDemo,
  laptop: NodeUnderDemo,
  did: string,
  deskClient: Client,
): Promise<Pair> {
  stage.step('A second device, paired by a code and six digits')
  stage.typed('desk', 'vivimd device pair')
  const { code, pairingId } = await desk.json<{ code: string; pairingId: string }>('device', 'pair')
  stage.said(code)
  stage.typed('laptop', 'vivimd device join vivim1… --name Laptop')
  const joined = await laptop.json<{ check: string }>('device', 'join', code, '--name', 'Laptop')
  const { check } = await deskClient.call('devices.pair.status', { pairingId })
  expect(check !== undefined && check === joined.check, 'the two devices show different digits')
  stage.checked(`both show ${spaced(check)}: a machine in between would have made them differ`)
  for (const node of [desk, laptop]) {
    stage.typed(node.name, `vivimd device confirm ${check}`)
    stage.said(await node.run('device', 'confirm', check))
  }
  const laptopClient = await laptop.connect(did)
  const both = { did, desk: deskClient, laptop: laptopClient }
  const { operations, ms } = await converged(both)
  stage.checked(`${operations} operations on both, ${ms} ms after the second confirmation`)
  stage.typed('laptop', 'vivimd device list')
  stage.said(await laptop.run('device', 'list'))
  await sameKnowledge(stage, both)
  return both
}

/** One device goes offline, both write the same rows, and both end up with the same. */
export async function apart(stage: Stage, laptop: NodeUnderDemo, both: Pair): Promise<void> {
  stage.step('Apart, and together again')
  stage.typed('laptop', 'vivimd config set network.enabled false')
  await laptop.run('config', 'set', 'network.enabled', 'false')
  const [shared] = (await both.desk.call('conversations.list', { limit: 1 })).items
  expect(shared, 'there is no conversation to write to')
  const { id } = shared
  const written = await Promise.all([write(both.desk, 'desk', id), write(both.laptop, 'laptop', id)])
  // The later of two writes wins, by the clocks of the devices.
  await both.laptop.call('conversations.rename', { id, title: 'Named last, on the laptop' })
  stage.said('both rename one conversation and tag it, each captures five of its own')
  const [here, there] = await Promise.all([stateOf(both.desk), stateOf(both.laptop)])
  expect(here.digest !== there.digest, 'two devices that wrote apart cannot have equal digests')
  stage.said(`desk    ${here.digest.slice(0, 32)}…\nlaptop  ${there.digest.slice(0, 32)}…`)
  stage.typed('laptop', 'vivimd config set network.enabled true')
  await laptop.run('config', 'set', 'network.enabled', 'true')
  const { digest, ms } = await converged(both)
  stage.said(`desk    ${digest.slice(0, 32)}…\nlaptop  ${digest.slice(0, 32)}…`)
  for (const client of [both.desk, both.laptop]) {
    const { title, tags } = await client.call('conversations.get', { id })
    expect(title === 'Named last, on the laptop', `the title is "${title}"`)
    expect(tags.includes('from-desk') && tags.includes('from-laptop'), 'a tag is missing')
    for (const conversationId of written.flat())
      await client.call('conversations.get', { id: conversationId })
  }
  stage.checked(`equal again ${ms} ms after: the later title, both tags, all ten conversations, on both`)
}

/** Waits until both hold the same, as their digests say. */
export async function converged({
  desk,
  laptop,
}: Pair): Promise<{ operations: number; digest: string; ms: number }> {
  const began = performance.now()
  return until('equal digests on both devices', async () => {
    const [here, there] = await Promise.all([stateOf(desk), stateOf(laptop)])
    return here.digest === there.digest && { ...here, ms: Math.round(performance.now() - began) }
  })
}

async function stateOf(client: Client): Promise<{ operations: number; digest: string }> {
  const [space] = (await client.call('sync.status')).spaces
  expect(space?.stateDigest, 'the user has no space, or one without a digest')
  return { operations: space.operations, digest: space.stateDigest }
}

async function write(client: Client, device: string, id: string): Promise<string[]> {
  await client.call('conversations.rename', { id, title: `Named on the ${device}` })
  await client.call('conversations.tag', { id, add: [`from-${device}`] })
  const ids: string[] = []
  for (let index = 1; index <= 5; index++) ids.push(await capture(client, device, index))
  return ids
}

/** Captures one short conversation and answers its id. */
export async function capture(client: Client, device: string, index: number): Promise<string> {
  const originalId = `${device}-${index}`
  const content = `Starter fed on the ${device}, feeding number ${index}.`
  const { conversationId } = await client.call('capture.conversation', {
    conversation: {
      format: 'vivim.capture/1',
      provider: 'demo-notes',
      originalId,
      title: `Feeding ${index}, noted on the ${device}`,
      messages: [{ id: `${originalId}-1`, role: 'user', parts: [{ type: 'text', content }] }],
    },
  })
  return conversationId
}

/** Units are not sent: each device makes them of the same conversations. */
async function sameKnowledge(stage: Stage, { desk, laptop }: Pair): Promise<void> {
  const [here, there] = await Promise.all(
    [desk, laptop].map((client) =>
      until('all conversations cut into units', async () => {
        const stats = await client.call('conversations.stats')
        return stats.pending === 0 && stats
      }),
    ),
  )
  const query = 'a healthy starter needs feeding every 12 hours'
  const [found, foundThere] = await Promise.all(
    [desk, laptop].map((client) => client.call('search.query', { query, kinds: ['unit'], limit: 5 })),
  )
  const ids = (answer: typeof found) => JSON.stringify(answer?.items.map((item) => item.id))
  expect(
    here && there && here.conversations === there.conversations && here.units === there.units,
    'the laptop made other units of the same conversations',
  )
  expect(found && found.items.length > 0 && ids(found) === ids(foundThere), 'the laptop finds something else')
  stage.checked(
    `${there.conversations} conversations, ${there.units} units, and the same search results on the laptop`,
  )
}

function spaced(check: string): string {
  return `${check.slice(0, 3)} ${check.slice(3)}`
}
