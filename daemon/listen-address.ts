import { createServer } from 'node:net'
import type { Config } from '../config/config.ts'
import { portOf, withPort } from '../config/multiaddr.ts'

/** On every address of the machine: other devices are elsewhere. */
export const ANY_ADDRESS = '/ip4/0.0.0.0/tcp/0'

/** Chooses a free port once and keeps it in the file, so that others find this node where it was. */
export async function keepListenAddress(config: Config): Promise<string> {
  const wanted = config.value('network.listen') ?? ANY_ADDRESS
  const { origin } = config.get('network.listen')
  const kept = config.stored('network.listen')
  const address =
    portOf(wanted) > 0 ? wanted : (chosenBefore(wanted, kept) ?? withPort(wanted, await freePort()))
  if (address !== wanted || origin !== 'file') config.store('network.listen', address)
  return address
}

/** A port chosen at an earlier start goes on when the environment still says "any". */
function chosenBefore(wanted: string, kept: unknown): string | undefined {
  return typeof kept === 'string' && portOf(kept) > 0 && withPort(kept, 0) === wanted ? kept : undefined
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '0.0.0.0', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}
