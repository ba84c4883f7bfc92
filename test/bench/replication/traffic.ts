import { newSync, type SyncEffect, type SyncEvent, type SyncState, step } from '../../../crdt/engine.ts'
import { decodeFrame, encodeFrame } from '../../../crdt/sync-frames.ts'
import { type PairedVault, pairedVaults } from '../../support/paired-vaults.ts'
import { seededRandom } from '../../support/seed.ts'
import type { Measurement } from '../measurement.ts'
import { payloadBytes, writeRows } from './rows.ts'

const MISSING_SHARE = 0.001

/** What two devices say to each other after the hello, counted frame by frame between two real vaults. */
export async function traffic(operations: number): Promise<Measurement[]> {
  using pair = pairedVaults(2)
  const [from, to] = pair.vaults as [PairedVault, PairedVault]
  const random = seededRandom('traffic')
  const missing = operations * MISSING_SHARE
  writeRows(from, random, operations - missing)
  const full = await exchange(from, to)
  const payload = payloadBytes(to)
  const same = await exchange(from, to)
  writeRows(from, random, missing, { first: operations })
  const sparse = await exchange(from, to)
  const rest = payloadBytes(to) - payload
  const common = { better: 'lower', runs: 1 } as const
  const count = `${operations} operations`
  return [
    {
      name: 'replication.catchup_sparse_overhead_bytes',
      value: sparse.bytes - sparse.segmentBytes,
      unit: 'bytes',
      goal: 300,
      ...common,
      note: `${count}, ${missing} of them missing; both ways, all but segments (${sparse.segmentBytes} B for ${rest} B of operations): ${sparse.said}`,
    },
    {
      name: 'replication.bytes_over_payload_per_op',
      value: (full.bytes - payload) / (operations - missing),
      unit: 'bytes',
      goal: 6,
      ...common,
      note: `${operations - missing} operations to an empty device, both ways; ${full.said}`,
    },
    {
      name: 'replication.in_sync_bytes',
      value: same.bytes,
      unit: 'bytes',
      goal: 128,
      ...common,
      note: `${count}, both ways: ${same.said}`,
    },
  ]
}

interface Exchange {
  readonly bytes: number
  readonly segmentBytes: number
  /** How many frames of which kind. */
  readonly said: string
}

/** One session from its first frame until both are in sync. */
async function exchange(a: PairedVault, b: PairedVault): Promise<Exchange> {
  const kinds = new Map<string, number>()
  let [bytes, segmentBytes] = [0, 0]
  const ends = [new End(a), new End(b)] as const
  const carry = (from: End, to: End) => {
    for (const encoded of from.sent.splice(0)) {
      const frame = decodeFrame(encoded)
      bytes += encoded.length
      if (frame.type === 'segment') segmentBytes += encoded.length
      kinds.set(frame.type, (kinds.get(frame.type) ?? 0) + 1)
      to.take({ type: 'frame', frame })
    }
  }
  for (const end of ends) end.start()
  for (let turns = 0; ends.some(({ sent }) => sent.length > 0); turns++) {
    if (turns > 100_000) throw new Error('it does not come to an end')
    carry(ends[0], ends[1])
    carry(ends[1], ends[0])
  }
  if (ends.some(({ phase }) => phase !== 'in-sync')) throw new Error('they do not agree')
  return { bytes, segmentBytes, said: [...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ') }
}

/** One side of a session over a real vault; every effect is carried out at once. */
class End {
  readonly sent: Uint8Array[] = []
  readonly #vault: PairedVault
  #state: SyncState = newSync()

  constructor(vault: PairedVault) {
    this.#vault = vault
  }

  get phase(): SyncState['phase'] {
    return this.#state.phase
  }

  start(): void {
    const { replica } = this.#vault
    this.take({ type: 'start', frontier: replica.frontier({}), members: this.#members() })
  }

  take(event: SyncEvent): void {
    const { state, effects } = step(this.#state, event)
    this.#state = state
    for (const effect of effects) this.#perform(effect)
  }

  #members() {
    return { ...this.#vault.replica.members({}), peerIsMember: true }
  }

  #perform(effect: SyncEffect): void {
    const { replica } = this.#vault
    switch (effect.type) {
      case 'send':
        this.sent.push(encodeFrame(effect.frame))
        break
      case 'read':
        this.take({ type: 'read', log: effect.log, ...replica.read(effect) })
        break
      case 'apply':
        this.take({ type: 'applied', ...replica.apply(effect) })
        break
      case 'close':
        throw new Error(`a session ended: ${effect.reason}`)
    }
  }
}
