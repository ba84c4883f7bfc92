import { expect, test } from 'vitest'
import { privateSpaceId } from '../../../crdt/space.ts'
import { verifySpace } from '../../../daemon/vault/verify.ts'
import { Conversation, Message, MessageVersion } from '../../../schema/entities/index.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'
import { markerOf } from '../../support/reference-state.ts'
import { StolenDevice } from '../../support/stolen-device.ts'

const COUNT = 300
const ERASE = 5
const WINDOW = LIMITS.massErasureWindowMs
type Entity = typeof Conversation | typeof Message | typeof MessageVersion

const keysOf = (entity: Entity) =>
  Array.from({ length: COUNT }, (_, n) =>
    entity === Conversation ? `c${n}` : entity === Message ? `m${n}` : `m${n}:1`,
  )

/** Two devices that hold the same, and a third that was stolen. */
function family(conversationOf: (n: number) => string = (n) => `c${n}`) {
  const all = pairedVaults(3)
  const [a, b, stolen] = all.vaults as [PairedVault, PairedVault, PairedVault]
  a.vault.transact((tx) =>
    tx.write([
      ...keysOf(Conversation).map((key) => ({
        kind: 'INSERT' as const,
        entity: 'Conversation' as const,
        key,
        values: { title: key },
      })),
      ...keysOf(Message).map((key, n) => ({
        kind: 'INSERT' as const,
        entity: 'Message' as const,
        key,
        values: { conversation_id: conversationOf(n) },
      })),
      ...keysOf(MessageVersion).map((key) => ({
        kind: 'INSERT' as const,
        entity: 'MessageVersion' as const,
        key,
        values: {},
      })),
    ]),
  )
  pull(b, a)
  return { all, a, b, stolen }
}

const eraseIn = (log: StolenDevice, { keys }: PairedVault, entity: Entity, key: string) =>
  log.operation(ERASE, entity.number, markerOf(keys.spaceSecret, entity.number, key), 1, new Map())
const kept = ({ vault }: PairedVault, { table }: Entity) =>
  vault.get<{ n: number }>(`SELECT count(*) AS n FROM ${table}`)!.n

test.each([
  ['conversations', Conversation, 0],
  ['messages', Message, 0],
  ['versions of messages', MessageVersion, 0],
  ['conversations, each stamped a window after the one before', Conversation, WINDOW + 1_000],
])('a stolen device erases %s: nothing goes at once', async (_, entity, apart) => {
  const { all, a, b, stolen } = family()
  using _all = all
  const log = new StolenDevice(stolen, 7, b.time - COUNT * apart)
  const erasures = keysOf(entity).map((key) => {
    log.ms += apart
    return eraseIn(log, a, entity, key)
  })
  // In parts that are few enough each: 50 of 300 are below a fifth.
  const before = kept(b, entity)
  for (let at = 0; at < COUNT; at += 50)
    b.replica.apply({ segments: [log.write(erasures.slice(at, at + 50))] })
  const left = kept(b, entity)
  expect(before - left).toBeLessThanOrEqual(COUNT * LIMITS.massErasureShare)
  expect(b.vault.held.count()).toBe(left)
  expect(b.vault.get(`SELECT count(*) AS n FROM ${entity.table} WHERE deleted = 0`)).toEqual({ n: 0 })
  const { problems } = await verifySpace(
    b.vault,
    b.vault.logs,
    b.vault.space,
    privateSpaceId(b.vault.did),
    async () => {},
  )
  expect(problems).toEqual([])
  b.time += LIMITS.massErasureHoldMs + 1
  b.releaseHeld()
  expect(kept(b, entity)).toBe(0)
})

test('ERASEs that waited for their time wait once more when they are too many', () => {
  const { all, a, b, stolen } = family()
  using _ = all
  const log = new StolenDevice(stolen, 7, b.time + LIMITS.clockAheadMs + 60_000)
  b.replica.apply({
    segments: [
      log.write(
        keysOf(Conversation)
          .slice(0, 256)
          .map((key) => eraseIn(log, a, Conversation, key)),
      ),
    ],
  })
  expect(b.vault.held.list(b.vault.space).every(({ reason }) => reason === 'future')).toBe(true)
  b.time += LIMITS.clockAheadMs + 120_000
  b.releaseHeld()
  expect(kept(b, Conversation)).toBe(COUNT)
  expect(new Set(b.vault.held.list(b.vault.space).map(({ reason }) => reason))).toEqual(
    new Set(['mass-erasure']),
  )
})

test('all messages of one conversation are one conversation', () => {
  const { all, a, b, stolen } = family(() => 'c0')
  using _ = all
  const log = new StolenDevice(stolen, 7, b.time)
  b.replica.apply({
    segments: [
      log.write(
        keysOf(Message)
          .slice(0, 250)
          .map((key) => eraseIn(log, a, Message, key)),
      ),
    ],
  })
  expect(kept(b, Message)).toBe(COUNT - 250)
  expect(b.vault.held.count()).toBe(0)
})

test('what a month of another device erased, and is not here, is not held', () => {
  const { all, a, stolen: late } = family()
  using _ = all
  for (let n = 0; n < 150; n++) {
    a.time += WINDOW
    a.vault.transact((tx) => a.vault.erase(tx, [{ entity: Conversation, key: `c${n}` }]))
  }
  late.time = a.time
  pull(late, a)
  expect(late.vault.held.count()).toBe(0)
  expect(kept(late, Conversation)).toBe(150)
})
