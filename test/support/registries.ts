import { privateKeyOfSeed } from '../../daemon/identity/ed25519.ts'
import { MasterDatabase } from '../../daemon/master/database.ts'
import { EmbeddedPostgres } from '../../daemon/master/embedded-postgres.ts'
import { PostgresRegistry } from '../../daemon/master/postgres-registry.ts'
import type { Registry } from '../../daemon/master/registry.ts'
import { REGISTRY_PROTOCOL, REGISTRY_STREAM } from '../../daemon/master/registry-frames.ts'
import { serveRegistry } from '../../daemon/master/registry-server.ts'
import { RemoteRegistry } from '../../daemon/master/remote-registry.ts'
import { recordingLog, Temporary } from '../unit/master/temporary.ts'
import { TestNetworks } from '../unit/network/test-networks.ts'

export const INSTANCE = privateKeyOfSeed(new Uint8Array(32).fill(5))
const log = recordingLog()
const forGood = new Temporary()
let postgres: EmbeddedPostgres

export async function startPostgres(): Promise<void> {
  postgres = await EmbeddedPostgres.start({ folder: forGood.folder(), log })
  forGood.after(() => postgres.stop())
}

export function stopPostgres(): Promise<void> {
  return forGood.undo()
}

export function postgresPid(): number {
  return postgres.pid!
}

export interface Made {
  readonly registry: Registry
  close(): Promise<unknown>
}

function inPostgres(): Made & { registry: PostgresRegistry } {
  const database = new MasterDatabase({ connection: postgres.connection, log })
  return {
    registry: new PostgresRegistry({ database, instanceKey: INSTANCE, now: Date.now }),
    close: () => database.close(),
  }
}

export async function inPostgresNow<T>(
  work: (made: ReturnType<typeof inPostgres>) => Promise<T>,
): Promise<T> {
  const made = inPostgres()
  try {
    return await work(made)
  } finally {
    await made.close()
  }
}

/** Over a real connection to a node that serves what is in PostgreSQL. */
async function overNetwork(): Promise<Made> {
  const networks = new TestNetworks()
  const master = await networks.start()
  const member = await networks.start()
  const local = inPostgres()
  const end = serveRegistry({
    network: master,
    registry: local.registry,
    // A clock that runs fast: how often one may ask is tested elsewhere.
    now: () => performance.now() * 1_000,
    count: () => {},
  })
  const registry = new RemoteRegistry({
    open: (signal) => member.open(master.target(), REGISTRY_PROTOCOL, { ...REGISTRY_STREAM, signal }),
    count: () => {},
  })
  const close = async () => {
    registry.close()
    end()
    await networks.stopAll()
    await local.close()
  }
  return { registry, close }
}

/** Each implementation by name. */
export const REGISTRIES: readonly [name: string, make: () => Promise<Made>][] = [
  ['in PostgreSQL', async () => inPostgres()],
  ['over the network', overNetwork],
]
