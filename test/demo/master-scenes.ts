import type { Client } from '../../rpc/client/index.ts'
import { capture, converged, type Pair } from './device-scenes.ts'
import { expect, until } from './expect.ts'
import type { MasterDatabase } from './master-database.ts'
import type { NodeUnderDemo } from './node-under-demo.ts'
import { duration, type Stage } from './stage.ts'

const WRITES = 20

/** A node that keeps the registry. Answers the address that members join. */
export async function openMaster(
  stage: Stage,
  hub: NodeUnderDemo,
  database: MasterDatabase,
): Promise<string> {
  stage.step('A bootstrap node: it keeps a registry, in a PostgreSQL of its own')
  stage.typed('hub', 'vivimd init --role bootstrap --no-user')
  await hub.init('--role', 'bootstrap', '--no-user')
  stage.typed('hub', 'vivimd start')
  const { pid, readyMs } = await hub.start()
  stage.said(`process ${pid}, ready in ${duration(readyMs)}`)
  database.find()
  const master = await hub.json<{ state: string; address: string; problem?: string }>('master')
  expect(master.state === 'online', `the registry is not online: ${master.problem}`)
  stage.typed('hub', 'vivimd master')
  stage.said(await hub.run('master'))
  return master.address
}

/** kill -9 of PostgreSQL: nothing local waits for it, what is to be registered does. */
export async function outage(
  stage: Stage,
  nodes: { hub: NodeUnderDemo; desk: NodeUnderDemo; laptop: NodeUnderDemo },
  database: MasterDatabase,
  both: Pair,
): Promise<void> {
  stage.step('PostgreSQL is killed')
  const pid = database.keepDown()
  expect(pid !== undefined, 'the bootstrap node runs no PostgreSQL')
  stage.typed('hub', `kill -9 ${pid}   (and again each time the node brings it back)`)
  const [hub, desk] = await Promise.all([nodes.hub.connect(), nodes.desk.connect()])
  for (const [name, client] of [
    ['hub', hub],
    ['desk', desk],
  ] as const) {
    await masterIs(client, 'offline')
    stage.said(`${name}: master offline`)
  }
  const slowest = await writeOnBoth(both)
  const { operations } = await converged(both)
  stage.checked(
    `${2 * WRITES} writes meanwhile, the slowest took ${slowest.toFixed(0)} ms; the devices exchanged them: ${operations} operations on both`,
  )
  stage.typed('laptop', 'vivimd user create Noor')
  const { did } = await nodes.laptop.json<{ did: string }>('user', 'create', 'Noor')
  const { waiting } = await nodes.laptop.json<{ waiting: number }>('master')
  expect(waiting > 0, 'no registration waits for the master')
  stage.said(await nodes.laptop.run('master'))
  stage.checked(`a new user works at once; ${waiting} signed records wait for the master`)
  await database.letBack()
  stage.said('PostgreSQL is left alone now')
  const { time } = await stage.timed(() =>
    Promise.all([hub, desk].map((client) => masterIs(client, 'online'))),
  )
  stage.checked(`online again after ${time}, by itself`)
  await registered(stage, nodes.hub, hub, both, did)
}

async function registered(
  stage: Stage,
  node: NodeUnderDemo,
  hub: Client,
  { did, desk }: Pair,
  newcomer: string,
): Promise<void> {
  const known = (each: string) => hub.call('master.lookup', { did: each }).catch(() => undefined)
  await until('the new user in the registry', () => known(newcomer))
  const mine = await until('both devices in the registry', async () => {
    const found = await known(did)
    return found?.devices.length === 2 && found
  })
  const { items } = await desk.call('devices.list')
  const sorted = (dids: { deviceDid: string }[]) =>
    dids
      .map(({ deviceDid }) => deviceDid)
      .sort()
      .join()
  expect(sorted(items) === sorted(mine.devices), 'the registry has other devices')
  stage.typed('hub', `vivimd master lookup ${did.slice(0, 20)}…`)
  stage.said(await node.run('master', 'lookup', did))
  stage.checked('both devices and the user made meanwhile are registered')
}

/** Milliseconds of the slowest. */
async function writeOnBoth({ desk, laptop }: Pair): Promise<number> {
  let slowest = 0
  for (let index = 1; index <= WRITES; index++)
    for (const [client, device] of [
      [desk, 'desk'],
      [laptop, 'laptop'],
    ] as const) {
      const began = performance.now()
      await capture(client, `${device}-during-the-outage`, index)
      slowest = Math.max(slowest, performance.now() - began)
    }
  return slowest
}

async function masterIs(client: Client, state: 'online' | 'offline'): Promise<void> {
  await until(
    `the master ${state}`,
    async () => (await client.call('node.status')).master.state === state,
    60_000,
  )
}
