import type { Bench, Measurement } from './measurement.ts'
import { applying } from './replication/apply.ts'
import { catchingUp } from './replication/catch-up.ts'
import { converging } from './replication/converge.ts'
import { pairing } from './replication/pairing.ts'
import { measurePeers } from './replication/peers.ts'
import { traffic } from './replication/traffic.ts'

/** What another device has written, taken in, by ours and by others; and two devices, or eight, coming to hold the same. */
export const replicationBench: Bench = {
  prefix: 'replication',
  async run({ quick }) {
    const own = await applying(quick ? 2_000 : 20_000, quick ? 2 : 7)
    const peers = measurePeers(quick ? 2 : 5, quick)
    return [
      ...own,
      ...peers,
      ratioToFastest(own[0]!, peers),
      ...(await traffic(quick ? 10_000 : 100_000)),
      ...(await catchingUp(quick ? 10_000 : 100_000, quick ? 1 : 3)),
      ...(await converging(quick ? 20 : 200)),
      await pairing(quick ? 100 : 1_000),
    ]
  },
}

function ratioToFastest({ value, runs }: Measurement, peers: readonly Measurement[]): Measurement {
  const [fastest] = peers
    .filter((peer) => peer.value !== null)
    .sort((a, b) => (b.value as number) - (a.value as number))
  const common = {
    name: 'replication.apply_ratio_to_fastest_peer',
    unit: 'ratio',
    goal: 1,
    better: 'higher',
  } as const
  if (value === null || !fastest?.value)
    return { ...common, value: null, runs: 0, note: 'no peer could be measured' }
  return {
    ...common,
    value: value / fastest.value,
    runs,
    note: `${fastest.name}; ours verifies, authorises and commits to disk`,
  }
}
