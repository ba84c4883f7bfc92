import type { Client } from '../../rpc/client/index.ts'
import { TestNode } from './test-node.ts'
import { until } from './until.ts'

/** A device of a person: their session on a running node. */
export interface PairedDevice {
  readonly node: TestNode
  readonly client: Client
  readonly deviceDid: string
}

export interface DevicePair extends AsyncDisposable {
  readonly did: string
  readonly devices: readonly [PairedDevice, PairedDevice]
}

/** Two `vivimd` processes; a person made on the first, with the second paired over the network. */
export async function devicePair({
  name = 'Ann',
  env = [],
}: {
  readonly name?: string
  /** Environment of the first node and of the second. */
  readonly env?: readonly Record<string, string>[]
} = {}): Promise<DevicePair> {
  const started = await Promise.allSettled([0, 1].map((at) => TestNode.start({ env: env[at] ?? {} })))
  const nodes = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const dispose = async () => {
    await Promise.all(nodes.map((node) => node.dispose()))
  }
  try {
    for (const result of started) if (result.status === 'rejected') throw result.reason
    const [first, second] = nodes as [TestNode, TestNode]
    const { did, client } = await first.user(name)
    const joined = await pair({ node: first, client }, second)
    const { deviceDid } = await client.call('auth.whoami')
    return {
      did,
      devices: [{ node: first, client, deviceDid }, joined],
      [Symbol.asyncDispose]: dispose,
    }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** Brings a node in as a device of the person signed in on the other, with a code and six digits. */
export async function pair(
  { client }: Pick<PairedDevice, 'node' | 'client'>,
  fresh: TestNode,
  deviceName = 'second',
): Promise<PairedDevice> {
  const { pairingId, code } = await client.call('devices.pair.start')
  return join({ client, pairingId, code }, fresh, deviceName)
}

/** The part of a pairing after its code was made. */
export async function join(
  { client, pairingId, code }: { readonly client: Client; readonly pairingId: string; readonly code: string },
  fresh: TestNode,
  deviceName: string,
): Promise<PairedDevice> {
  const owner = await fresh.client()
  const joined = await owner.call('devices.pair.join', { code, deviceName })
  const check = await until('the first device shows the digits', async () => {
    const status = await client.call('devices.pair.status', { pairingId })
    return status.state === 'joined' && status.check
  })
  if (check !== joined.check) throw new Error('the two devices show different digits')
  const [here, there] = await Promise.all([
    client.call('devices.pair.confirm', { pairingId, check }),
    owner.call('devices.pair.confirm', { pairingId: joined.pairingId, check }),
  ])
  if (here.deviceDid !== there.deviceDid) throw new Error('the two devices disagree on who is new')
  await until('the pairing is complete on both', async () => {
    const states = await Promise.all([
      client.call('devices.pair.status', { pairingId }),
      owner.call('devices.pair.status', { pairingId: joined.pairingId }),
    ])
    return states.every(({ state }) => state === 'done')
  })
  const session = await fresh.client()
  await session.login({ did: joined.did })
  return { node: fresh, client: session, deviceDid: there.deviceDid }
}

/** Takes a device off the network, or back onto it. */
export async function online({ client }: Pick<PairedDevice, 'client'>, value: boolean): Promise<void> {
  await client.call('config.set', { key: 'network.enabled', value })
}

/** The person's own space as a device sees it. */
export async function spaceOf({ client }: Pick<PairedDevice, 'client'>) {
  const { spaces } = await client.call('sync.status')
  const [space] = spaces
  if (!space) throw new Error('a person without a space')
  return space
}

/** Milliseconds until both devices have all that the other has, and show the same. */
export async function untilAlike(
  devices: readonly [Pick<PairedDevice, 'client'>, Pick<PairedDevice, 'client'>],
  withinMs = 60_000,
): Promise<number> {
  const began = performance.now()
  await until(
    'both devices hold the same',
    async () => {
      // The digest reads every row: it is asked for when the cheap answer is yes.
      const others = await Promise.all(devices.map(({ client }) => client.call('sync.cursors')))
      if (others.some(({ items }) => !items[0]?.connected || items[0].behind > 0)) return false
      const [one, two] = await Promise.all(devices.map(spaceOf))
      return one!.frontierDigest === two!.frontierDigest && one!.stateDigest === two!.stateDigest
    },
    withinMs,
  )
  return performance.now() - began
}

/** Until nothing waits to be split into units. */
export async function untilDerived({ client }: Pick<PairedDevice, 'client'>): Promise<void> {
  await until('every unit is made', async () => (await client.call('conversations.stats')).pending === 0)
}
