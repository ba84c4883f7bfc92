import { sign } from 'node:crypto'
import { privateKeyOfSeed } from '../../daemon/identity/ed25519.ts'
import { seedOfPhrase } from '../../daemon/identity/recovery.ts'
import type { Client } from '../../rpc/client/index.ts'
import { TestNode } from '../support/test-node.ts'
import { type Bench, median } from './measurement.ts'

const CALLERS = 8

/** Sign-ins with a proof: a challenge, a signature, its check, and a session; over the socket, from several callers. */
export const authBench: Bench = {
  prefix: 'auth',
  async run({ quick }) {
    await using node = await TestNode.start()
    const owner = await node.client()
    const { did, recoveryPhrase } = await owner.call('users.create', { displayName: 'Ann' })
    const key = privateKeyOfSeed(seedOfPhrase(recoveryPhrase))
    const prove = async (client: Client) => {
      const { nonce, message } = await client.call('auth.challenge', { did })
      const signature = sign(null, Buffer.from(message, 'base64url'), key).toString('base64url')
      await client.call('auth.verify', { did, nonce, signature })
    }
    const clients = await Promise.all(Array.from({ length: CALLERS }, () => node.client()))
    const each = quick ? 20 : 100
    const runs = quick ? 2 : 5
    const rates: number[] = []
    for (let run = 0; run <= runs; run++) {
      const start = performance.now()
      await Promise.all(
        clients.map(async (client) => {
          for (let n = 0; n < each; n++) await prove(client)
        }),
      )
      // The first one warms up.
      if (run > 0) rates.push((CALLERS * each * 1_000) / (performance.now() - start))
    }
    return [
      {
        name: 'auth.verify_per_s',
        value: median(rates),
        unit: 'ops/s',
        goal: null,
        better: 'higher',
        runs,
        note: `challenge and verify, ${CALLERS} connections at once, signing in the caller included; each run: ${rates.map((rate) => rate.toFixed(0)).join(', ')}`,
      },
    ]
  },
}
