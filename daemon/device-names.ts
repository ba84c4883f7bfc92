import { hostname } from 'node:os'
import { LIMITS } from '../schema/limits.ts'
import type { UserDatabaseManager } from './users/user-database-manager.ts'
import type { UserCall } from './users/user-engine.ts'

/** Names a new device, and this one after its machine if it has no name. */
export async function nameDevices(
  users: UserDatabaseManager,
  did: string,
  names: ReadonlyMap<string, string>,
): Promise<void> {
  const client = await users.getClient(did)
  const { items } = await client.call('devices.list', {}, ownCall())
  const taken = new Set(items.map(({ name }) => name))
  for (const { deviceDid, named, thisDevice } of items) {
    const wanted = names.get(deviceDid) ?? (thisDevice && !named ? hostname() : undefined)
    if (wanted === undefined) continue
    const name = unusedName(wanted, taken)
    taken.add(name)
    await client.call('devices.rename', { deviceDid, name }, ownCall())
  }
}

/** The name itself, or with the first number that nobody has: people say which device they mean by its name. */
function unusedName(wanted: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? wanted : `${wanted} ${number}`
    if (!taken.has(name)) return name
  }
}

/** The device a person means by a name. */
export async function deviceNamed(
  users: UserDatabaseManager,
  did: string,
  name: string,
): Promise<string | undefined> {
  const client = await users.getClient(did)
  const { items } = await client.call('devices.list', {}, ownCall())
  return items.find((device) => device.name === name)?.deviceDid
}

/** A call the node makes for itself, in a user's name. */
export function ownCall(): UserCall {
  return {
    maxSecurityLevel: 5,
    mayReadPaths: false,
    signal: AbortSignal.timeout(LIMITS.userCallMs),
    progress: () => {},
  }
}
