import { afterEach, describe, expect, test } from 'vitest'
import { decodeFrame, encodeFrame, type Frame } from '../../../crdt/sync-frames.ts'
import { AuditRecords } from '../../../daemon/vault/audit-records.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import type { FactChange } from '../../../daemon/vault/vault.ts'
import { type PairedVault, pairedVaults } from '../../support/paired-vaults.ts'
import { type SessionSide, sessionPair } from '../../support/session-pair.ts'

const opened: (() => void)[] = []
afterEach(() => {
  for (const close of opened.splice(0).reverse()) close()
})

const insert = (key: string, title = 'a title'): FactChange => ({
  kind: 'INSERT',
  entity: 'Conversation',
  key,
  values: { title, state: 'ACTIVE', version: 1 },
})
const key = (number: number) => `c${String(number).padStart(6, '0')}`
const put = ({ vault }: SessionSide, ...changes: FactChange[]) =>
  vault.vault.transact((tx) => tx.write(changes))
const digestOf = ({ vault: { vault } }: SessionSide) => stateDigest(vault, vault.logs, vault.space)
const within = () => AbortSignal.timeout(60_000)
const alarmsOf = ({ vault }: SessionSide) => new AuditRecords(vault.vault).alarms()
const damage = ({ vault }: SessionSide, sql: string) => vault.vault.database.run(sql)

/** Two devices in sync, with that many conversations of the first. */
async function inSync(
  rows: number,
  onTheWay?: (from: 0 | 1, frame: Frame) => Frame | undefined,
): Promise<readonly [SessionSide, SessionSide]> {
  const pair = pairedVaults(2)
  opened.push(() => pair[Symbol.dispose]())
  const vaults = pair.vaults as [PairedVault, PairedVault]
  for (let start = 0; start < rows; start += 1_000)
    vaults[0].vault.transact((tx) =>
      tx.write(
        Array.from({ length: Math.min(1_000, rows - start) }, (_, index) => insert(key(start + index))),
      ),
    )
  const sides = sessionPair(vaults, (from, bytes) => {
    const frame = onTheWay?.(from, decodeFrame(bytes))
    return onTheWay ? frame && encodeFrame(frame) : bytes
  })
  opened.push(() => {
    for (const { session } of sides) session.close('closing')
  })
  await sides[0].session.sync(within())
  return sides
}

describe('an audit of two devices that hold the same', () => {
  test('equal rows: said in two frames, no alarm', async () => {
    const [a, b] = await inSync(100)
    const before = a.stream.bytesSent + b.stream.bytesSent
    expect(await a.session.audit(within())).toMatchObject({ result: 'same', rows: 0 })
    console.log(`equal: ${a.stream.bytesSent + b.stream.bytesSent - before} bytes both ways`)
    expect(b.audited).toMatchObject([{ result: 'same' }])
    expect([...alarmsOf(a), ...alarmsOf(b)]).toEqual([])
    expect(new AuditRecords(a.vault.vault).lastOf(b.vault.device)).toMatchObject({ result: 'same' })
  })

  test('a row changed behind a vault: found, named, made again, and an alarm on both', async () => {
    const [a, b] = await inSync(5_000)
    expect(await a.session.audit(within())).toMatchObject({ result: 'same' })
    damage(b, `UPDATE conversations SET title = 'forged' WHERE id = '${key(1234)}'`)
    expect(digestOf(a)).not.toBe(digestOf(b))
    const before = a.stream.bytesSent + b.stream.bytesSent
    const names = [`Conversation ${key(1234)}`]
    expect(await a.session.audit(within())).toEqual({ result: 'different', rows: 1, remade: 0, names })
    console.log(
      `one of 5,000 rows: ${a.stream.bytesSent + b.stream.bytesSent - before} bytes both ways, all frames of the audit`,
    )
    await expect.poll(() => b.audited.at(-1)).toEqual({ result: 'different', rows: 1, remade: 1, names })
    expect(digestOf(a)).toBe(digestOf(b))
    expect(alarmsOf(a)).toMatchObject([{ rows: 1, remade: 0, names, device: b.vault.device }])
    expect(alarmsOf(b)).toMatchObject([{ rows: 1, remade: 1, names, device: a.vault.device }])
    expect(await a.session.audit(within())).toMatchObject({ result: 'same' })
  })

  test('rows lost, made up, brought back and changed on either side at once', async () => {
    const [a, b] = await inSync(2_000)
    put(b, { kind: 'DELETE', entity: 'Conversation', key: key(7) })
    b.session.committed(b.vault.vault.logs.frontier(b.vault.vault.space))
    await b.session.sync(within())
    damage(a, `DELETE FROM conversations WHERE id BETWEEN '${key(100)}' AND '${key(149)}'`)
    damage(a, `UPDATE conversations SET deleted = 0 WHERE id = '${key(7)}'`)
    damage(b, `UPDATE conversations SET title = 'forged' WHERE id LIKE '%3'`)
    damage(
      b,
      `INSERT INTO conversations (space, id, clock) SELECT space, 'made up', clock FROM conversations LIMIT 1`,
    )
    const audited = await b.session.audit(within())
    expect(audited).toMatchObject({ result: 'different', rows: 50 + 1 + 200 - 5 + 1 })
    expect(audited.remade).toBe(201)
    await expect.poll(() => a.audited.at(-1)?.remade).toBe(51)
    expect(digestOf(a)).toBe(digestOf(b))
  })

  test('more than can be named at once is mended by the next audits', async () => {
    const [a, b] = await inSync(1_000)
    damage(a, 'DELETE FROM conversations')
    for (let audits = 0; digestOf(a) !== digestOf(b) && audits < 10; audits++)
      expect((await b.session.audit(within())).rows).toBeLessThanOrEqual(256)
    await expect.poll(() => digestOf(a) === digestOf(b)).toBe(true)
  })

  test('both ask at once', async () => {
    const [a, b] = await inSync(300)
    damage(a, `UPDATE conversations SET title = 'forged' WHERE id = '${key(5)}'`)
    const both = await Promise.all([a.session.audit(within()), b.session.audit(within())])
    // One may be in the middle of its search when the other makes the rows again.
    expect(both.some(({ result }) => result === 'different')).toBe(true)
    await expect.poll(() => digestOf(a) === digestOf(b)).toBe(true)
    expect(await a.session.audit(within())).toMatchObject({ result: 'same' })
  })

  test('after too many in an hour it is put off, and the session goes on', async () => {
    const [a] = await inSync(1)
    let audits = 0
    const refused = async () => {
      for (; audits < 100; audits++) await a.session.audit(within())
    }
    await expect(refused()).rejects.toMatchObject({ code: 'RateLimited' })
    expect(audits).toBeGreaterThan(20)
    expect(a.session.ended).toBe(false)
  })
})

describe('states that say nothing about each other', () => {
  test('an operation that one of them holds back: incomparable, no alarm', async () => {
    const [a, b] = await inSync(10)
    const ahead = 86_400_000
    a.vault.time += ahead
    put(a, insert('tomorrow'))
    a.vault.time -= ahead
    a.session.committed(a.vault.vault.logs.frontier(a.vault.vault.space))
    await a.session.sync(within())
    expect(b.vault.vault.held.count()).toBe(1)
    expect(digestOf(a)).not.toBe(digestOf(b))
    expect(await a.session.audit(within())).toMatchObject({ result: 'incomparable', rows: 0 })
    expect([...alarmsOf(a), ...alarmsOf(b)]).toEqual([])
  })

  test('another schema: incomparable, no alarm', async () => {
    const [a, b] = await inSync(10, (_, frame) => {
      if (frame.type === 'audit') return { ...frame, tuple: { ...frame.tuple, schema: 99 } }
      if (frame.type !== 'audit-state') return frame
      return { ...frame, tuple: { ...frame.tuple, schema: 99 }, digest: undefined }
    })
    damage(b, "UPDATE conversations SET title = 'forged'")
    expect(await a.session.audit(within())).toMatchObject({ result: 'incomparable', rows: 0 })
    expect([...alarmsOf(a), ...alarmsOf(b)]).toEqual([])
  })

  test('unequal once and equal at the second look is no difference', async () => {
    let seen = 0
    const [a, b] = await inSync(10, (_, frame) =>
      frame.type === 'audit-state' && ++seen === 1 ? { ...frame, digest: new Uint8Array(32) } : frame,
    )
    expect(await a.session.audit(within())).toMatchObject({ result: 'same' })
    expect(seen).toBe(2)
    expect([...alarmsOf(a), ...alarmsOf(b)]).toEqual([])
  })
})

describe('a device that lies', () => {
  test.each<[string, (frame: Frame) => Frame | undefined]>([
    [
      'says nothing about equal tuples',
      (frame) => (frame.type === 'audit-state' ? { ...frame, digest: undefined } : frame),
    ],
    [
      'answers what was not asked',
      (frame) =>
        frame.type === 'audit-answers' ? { ...frame, answers: [{ items: [] }, { items: [] }] } : frame,
    ],
    [
      'answers about other ranges',
      (frame) =>
        frame.type === 'audit-answers'
          ? {
              ...frame,
              answers: [
                {
                  bounds: [
                    { table: 5, key: 'b' },
                    { table: 5, key: 'a' },
                  ],
                  fingerprints: [new Uint8Array(16), new Uint8Array(16), new Uint8Array(16)],
                },
              ],
            }
          : frame,
    ],
  ])('%s: the session ends', async (_, lie) => {
    const [a, b] = await inSync(100, (from, frame) => (from === 1 ? lie(frame) : frame))
    damage(b, `UPDATE conversations SET title = 'forged' WHERE id = '${key(5)}'`)
    await expect(a.session.audit(within())).rejects.toMatchObject({ code: 'Unavailable' })
    expect(await a.ended).toBe('protocol')
  })

  test('about every range: a bounded search, rows that stay what they are, and an alarm that names the device', async () => {
    let states = 0
    const [a, b] = await inSync(3_000, (from, frame) => {
      if (frame.type === 'audit') return { ...frame, digest: new Uint8Array(32) }
      if (from === 0) return frame
      if (frame.type === 'audit-state' && states++ < 2) return { ...frame, digest: new Uint8Array(32) }
      if (frame.type !== 'audit-answers') return frame
      const answers = frame.answers.map((answer) =>
        'items' in answer
          ? { items: answer.items.map((item) => ({ ...item, hash: new Uint8Array(32) })) }
          : { ...answer, fingerprints: answer.fingerprints.map(() => new Uint8Array(16)) },
      )
      return { ...frame, answers }
    })
    const before = digestOf(a)
    const sent = a.stream.framesSent
    const audited = await a.session.audit(within())
    expect(audited).toMatchObject({ result: 'different', rows: 256, remade: 0 })
    expect(a.stream.framesSent - sent).toBeLessThan(40)
    expect(digestOf(a)).toBe(before)
    expect(alarmsOf(a)).toMatchObject([{ device: b.vault.device, rows: 256, remade: 0 }])
  })
})
