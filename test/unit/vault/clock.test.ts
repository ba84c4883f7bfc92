import { describe, expect, test } from 'vitest'
import { deviceTag } from '../../../crdt/device.ts'
import { privateSpaceId } from '../../../crdt/space.ts'
import { voidOperation } from '../../../crdt/void.ts'
import { makeRevocation } from '../../../daemon/identity/revocation.ts'
import { OperationLog } from '../../../daemon/vault/operation-log.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { storedClock } from '../../../daemon/vault/stored-clock.ts'
import type { AddingChange, FactChange } from '../../../daemon/vault/vault.ts'
import { verifySpace } from '../../../daemon/vault/verify.ts'
import { Conversation } from '../../../schema/entities/index.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'

const MINUTE = 60_000
const DAY = 24 * 3_600_000
const YEAR = 365 * DAY

const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)
const put = ({ vault }: PairedVault, ...changes: (FactChange | AddingChange)[]) =>
  vault.transact((tx) => tx.write(changes))
const insert = (key: string, title = `title of ${key}`): FactChange => ({
  kind: 'INSERT',
  entity: 'Conversation',
  key,
  values: { title, state: 'ACTIVE', version: 1 },
})
const title = (key: string, title: string): FactChange => ({
  kind: 'UPDATE',
  entity: 'Conversation',
  key,
  values: { title },
})
const titleOf = ({ vault }: PairedVault, key: string) =>
  vault.get<{ title: string }>('SELECT title FROM conversations WHERE id = ?', [key])?.title
const kept = ({ vault }: PairedVault) =>
  vault.logs.list(vault.space).filter(({ suspect }) => suspect !== null)

/** As the beginning of a session does it. */
function meet(...vaults: PairedVault[]) {
  for (const one of vaults)
    for (const other of vaults)
      if (other !== one) one.replica.seen({ device: other.device, connected: true, time: other.time })
}

function part(...vaults: PairedVault[]) {
  for (const one of vaults)
    for (const other of vaults)
      if (other !== one) one.replica.seen({ device: other.device, connected: false })
}

async function expectAlike(vaults: readonly PairedVault[]) {
  for (let round = 0; round < 2; round++)
    for (const to of vaults) for (const from of vaults) if (to !== from) pull(to, from)
  for (const vault of vaults) expect(digestOf(vault)).toBe(digestOf(vaults[0]!))
  for (const vault of vaults) {
    await verified(vault)
    expect(vault.vault.held.count()).toBe(0)
  }
}

async function verified({ vault }: PairedVault) {
  const { problems } = await verifySpace(
    vault,
    vault.logs,
    vault.space,
    privateSpaceId(vault.did),
    async () => {},
  )
  expect(problems).toEqual([])
}

const logId = (one: PairedVault) => ({
  device: one.device,
  incarnation: one.vault.logs.at(one.vault.ownLog)!.incarnation,
})

/** Its own log, to write into it what no program of this kind would. */
function ownLogOf(one: PairedVault): OperationLog {
  return new OperationLog({
    sql: one.vault.database,
    ref: one.vault.ownLog,
    id: { space: privateSpaceId(one.vault.did), ...logId(one) },
    sign: one.vault.signAsDevice,
    random: one.options.random,
    membershipHead: () => new Uint8Array(32),
  })
}

describe('a device whose clock is ahead of the others', () => {
  test('keeps what it writes to itself, and says it once the clock is right', async () => {
    using all = pairedVaults(3, { watched: true })
    const [one, two, three] = all.vaults as [PairedVault, PairedVault, PairedVault]
    put(one, insert('a'), insert('b'))
    put(two, insert('of two'))
    await expectAlike(all.vaults)
    meet(one, two, three)
    one.wrongBy = YEAR
    put(one, title('a', 'of next year'), insert('c'))
    expect(titleOf(one, 'a')).toBe('of next year')
    expect(kept(one)).toHaveLength(1)
    // Its log has a number by now, which another device's log has later.
    expect(digestOf(one)).not.toBe(digestOf(two))
    // It is told by nothing: no head, no segment.
    expect(pull(two, one)).toBe(0)
    expect(one.vault.logs.frontierDigest(one.vault.space)).toBe(
      two.vault.logs.frontierDigest(two.vault.space),
    )
    // Two devices with equal frontiers show different rows: that is no alarm.
    expect(one.vault.held.list(one.vault.space)).not.toEqual([])
    put(two, title('b', 'by another'))
    pull(one, two)
    meet(one, two)
    expect(kept(one)).toHaveLength(1)
    one.wrongBy = 0
    meet(one, two, three)
    expect(kept(one)).toHaveLength(0)
    await expectAlike(all.vaults)
    expect(titleOf(three, 'a')).toBe('of next year')
    expect(titleOf(three, 'b')).toBe('by another')
    put(three, title('a', 'of now'))
    await expectAlike(all.vaults)
    expect(titleOf(one, 'a')).toBe('of now')
  })

  test('takes back with a VOID what it had shipped, and says it again', async () => {
    using all = pairedVaults(3, { watched: true })
    const [one, two, three] = all.vaults as [PairedVault, PairedVault, PairedVault]
    put(two, insert('a'), insert('b'), insert('gone'))
    pull(three, two)
    // Nobody was there to compare with.
    one.wrongBy = YEAR
    put(one, insert('c'), title('a', 'of next year'), insert('d'))
    pull(two, one)
    expect(two.vault.held.count()).toBeGreaterThan(0)
    expect(titleOf(two, 'a')).toBe('title of a')
    pull(one, two)
    one.vault.transact((tx) => one.vault.erase(tx, [{ entity: Conversation, key: 'gone' }]))
    pull(two, one)
    expect(titleOf(two, 'gone')).toBe('title of gone')
    meet(one, two)
    put(one, title('b', 'kept back'))
    expect(kept(one)).toHaveLength(1)
    one.wrongBy = 0
    meet(one, two)
    expect(kept(one)).toHaveLength(0)
    expect(one.vault.voids.runs()).not.toEqual([])
    await expectAlike(all.vaults)
    for (const vault of all.vaults) {
      expect(titleOf(vault, 'a')).toBe('of next year')
      expect(titleOf(vault, 'b')).toBe('kept back')
      expect(titleOf(vault, 'd')).toBe('title of d')
      // What it purged was gone for good.
      expect(titleOf(vault, 'gone')).toBeUndefined()
    }
    // The clock went down: whoever writes now wins.
    for (const vault of [two, one, three]) {
      put(vault, title('a', `by ${vault.deviceDid}`))
      await expectAlike(all.vaults)
      for (const other of all.vaults) expect(titleOf(other, 'a')).toBe(`by ${vault.deviceDid}`)
    }
    expect(kept(one)).toHaveLength(0)
  })

  test('is told from one that has been off for a while', async () => {
    using all = pairedVaults(2, { watched: true })
    const [one, two] = all.vaults as [PairedVault, PairedVault]
    put(one, insert('a'))
    await expectAlike(all.vaults)
    // With nobody to ask, a jump of a day is doubted whatever it comes from.
    one.time += 3 * DAY
    put(one, insert('b'))
    expect(kept(one)).toHaveLength(1)
    one.vault.close()
    one.reopen()
    put(one, insert('c'))
    two.time += 3 * DAY
    meet(one, two)
    expect(kept(one)).toHaveLength(0)
    await expectAlike(all.vaults)
    expect(titleOf(two, 'c')).toBe('title of c')
    expect(
      one.vault.logs.list(one.vault.space).filter(({ device }) => !Buffer.compare(device, one.device)),
    ).toHaveLength(1)
    part(one, two)
    one.time += DAY / 2
    put(one, insert('d'))
    expect(kept(one)).toHaveLength(0)
  })

  test('and that meets the others through mailboxes alone goes by what the keeper calls now', async () => {
    using all = pairedVaults(2, { watched: true })
    const [one, two] = all.vaults as [PairedVault, PairedVault]
    put(one, insert('a'))
    await expectAlike(all.vaults)
    for (const vault of all.vaults) vault.time += 3 * DAY
    put(one, insert('b'))
    put(two, insert('c'))
    await expect(expectAlike(all.vaults)).rejects.toThrow()
    const truth = one.time
    one.wrongBy = YEAR
    one.replica.keeperTime({ time: truth })
    expect(kept(one)).toHaveLength(1)
    one.wrongBy = 0
    for (const vault of all.vaults) vault.replica.keeperTime({ time: truth })
    for (const vault of all.vaults) expect(kept(vault)).toHaveLength(0)
    await expectAlike(all.vaults)
    expect([titleOf(two, 'b'), titleOf(one, 'c')]).toEqual(['title of b', 'title of c'])
    // It takes nothing back, whatever it says.
    one.replica.keeperTime({ time: 0 })
    expect(one.vault.voids.runs()).toEqual([])
  })

  test('shows texts again as they were, characters of two halves whole', async () => {
    using all = pairedVaults(2, { watched: true })
    const [one, two] = all.vaults as [PairedVault, PairedVault]
    const edit = (at: number, gone: number, insert: string): AddingChange => ({
      kind: 'TEXT',
      entity: 'NotebookEntry',
      key: 'n',
      edits: { body: [{ at, delete: gone, insert }] },
    })
    put(one, { kind: 'INSERT', entity: 'NotebookEntry', key: 'n', values: { notebook_id: 'b' } })
    put(one, edit(0, 0, 'a\u{1f600}b'))
    await expectAlike(all.vaults)
    meet(one, two)
    one.wrongBy = YEAR
    put(one, edit(1, 2, '\u{1f601}'))
    one.wrongBy = 0
    meet(one, two)
    expect(kept(one)).toHaveLength(0)
    await expectAlike(all.vaults)
    for (const { vault } of all.vaults)
      expect(vault.get('SELECT body FROM notebook_entries')).toEqual({ body: 'a\u{1f601}b' })
  })

  test('is not one whose peers are behind, or that took in a stamp a little ahead: no log is closed', () => {
    using all = pairedVaults(2, { watched: true })
    const [one, liar] = all.vaults as [PairedVault, PairedVault]
    const tell = (behindMs: number) =>
      one.replica.seen({ device: liar.device, connected: true, time: one.time - behindMs })
    put(one, insert('a'))
    // As far ahead as others take in.
    liar.time = one.time + 4.9 * MINUTE
    put(liar, insert('b'))
    pull(one, liar)
    for (let round = 0; round < 5; round++) {
      tell(0)
      put(one, insert(`c${round}`))
      tell(4.9 * MINUTE)
    }
    tell(0)
    expect(one.vault.voids.runs()).toEqual([])
    const own = one.vault.logs
      .list(one.vault.space)
      .filter(({ device }) => !Buffer.compare(device, one.device))
    expect(own).toHaveLength(1)
    expect(titleOf(one, 'c4')).toBe('title of c4')
  })

  test('is ahead of nobody while the person has no other', () => {
    using all = pairedVaults(1, { watched: true })
    const [one] = all.vaults as [PairedVault]
    put(one, insert('a'))
    one.wrongBy = YEAR
    put(one, insert('b'))
    expect(kept(one)).toHaveLength(0)
  })
})

describe('a VOID', () => {
  test('of a stolen device, written after its cut-off, takes nothing back', async () => {
    using all = pairedVaults(3, { watched: true })
    const [one, two, stolen] = all.vaults as [PairedVault, PairedVault, PairedVault]
    stolen.wrongBy = YEAR
    put(stolen, insert('a'), insert('b'))
    pull(one, stolen)
    const before = one.replica.frontier({})
    stolen.wrongBy = 0
    meet(stolen, two)
    expect(stolen.vault.voids.runs()).not.toEqual([])
    const members = one.replica.members({})
    const { documents } = makeRevocation({
      rootKey: all.rootKey,
      keys: one.keys,
      deviceDid: stolen.deviceDid,
      documents: members.documents,
      excluded: members.excluded,
      frontier: before,
      now: one.time,
      random: one.options.random,
    })
    // One hears of the revocation first, two of the VOID.
    one.replica.saveMembers({ documents })
    pull(one, stolen)
    pull(two, stolen)
    expect(titleOf(two, 'a')).toBe('title of a')
    two.replica.saveMembers({ documents })
    for (const vault of [one, two]) {
      expect(vault.vault.voids.runs()).toEqual([])
      expect(vault.vault.held.count()).toBe(2)
      vault.time += 2 * YEAR
      vault.releaseHeld()
      expect(titleOf(vault, 'b')).toBe('title of b')
    }
    expect(digestOf(one)).toBe(digestOf(two))
  })

  test('costs no more when there are many behind it', () => {
    using all = pairedVaults(2)
    const [one, two] = all.vaults as [PairedVault, PairedVault]
    const log = ownLogOf(one)
    const device = deviceTag(one.device)
    one.vault.run('BEGIN')
    for (let n = 1; n <= 1_000; n++) {
      log.append(voidOperation(1, { ms: one.time - 10_000 + n, counter: 0, device }))
      if (n % 200 === 0) log.commit()
    }
    log.closeSegment()
    one.vault.run('COMMIT')
    pull(two, one)
    expect(two.vault.voids.covers(two.vault.logs.find(two.vault.space, logId(one))!.ref, 2)).toBe(true)
    expect(two.vault.get('SELECT count(*) AS n FROM void_operations')).toEqual({ n: 1 })
  })

  test('says nothing when it names what comes after it', async () => {
    using all = pairedVaults(2)
    const [one, two] = all.vaults as [PairedVault, PairedVault]
    put(one, insert('a'))
    const log = ownLogOf(one)
    one.vault.run('BEGIN')
    log.append(voidOperation(3, { ms: one.time + 1, counter: 0, device: deviceTag(one.device) }))
    log.commit()
    log.closeSegment()
    one.vault.run('COMMIT')
    one.time += 100
    one.reopen()
    put(one, insert('b'))
    pull(two, one)
    expect(two.vault.voids.runs()).toEqual([])
    expect(titleOf(two, 'b')).toBe('title of b')
    await verified(two)
  })

  test('lets the clock of who took in its stamps fall again', () => {
    using all = pairedVaults(2)
    const [one, two] = all.vaults as [PairedVault, PairedVault]
    put(one, insert('a'))
    const ahead = one.time + 4 * MINUTE
    const log = ownLogOf(one)
    const device = deviceTag(one.device)
    const ship = () => {
      log.commit()
      log.closeSegment()
      pull(two, one)
    }
    log.append({
      hlc: { ms: ahead, counter: 0, device },
      kind: 'INSERT',
      table: Conversation.number,
      key: 'ahead',
      schemaVersion: 1,
      columns: new Map([[Conversation.columns.title.number, 'ahead']]),
    })
    ship()
    expect(storedClock(two.vault.database).ms).toBe(ahead)
    log.append(voidOperation(2, { ms: ahead, counter: 1, device }))
    ship()
    expect(titleOf(two, 'ahead')).toBeUndefined()
    expect(storedClock(two.vault.database).ms).toBeLessThan(ahead)
    put(two, insert('now'))
    expect(storedClock(two.vault.database).ms).toBeLessThan(ahead)
    two.reopen()
    expect(storedClock(two.vault.database).ms).toBeLessThan(ahead)
  })

  test('ends its log: what is written behind it counts for nothing', async () => {
    using all = pairedVaults(2, { watched: true })
    const [one, two] = all.vaults as [PairedVault, PairedVault]
    const log = ownLogOf(one)
    const device = deviceTag(one.device)
    const at = (ms: number) => ({ ms: one.time - 1_000 + ms, counter: 0, device })
    const write = (ms: number, key: string) =>
      log.append({
        hlc: at(ms),
        kind: 'INSERT',
        table: Conversation.number,
        key,
        schemaVersion: 1,
        columns: new Map([[Conversation.columns.title.number, key]]),
      })
    const ship = () => {
      log.commit()
      log.closeSegment()
      pull(two, one)
    }
    write(1, 'stays')
    write(2, 'taken back')
    ship()
    expect(titleOf(two, 'taken back')).toBe('taken back')
    log.append(voidOperation(2, at(3)))
    write(4, 'behind')
    // Beyond its own log and its own place a VOID says nothing.
    log.append(voidOperation(1, at(5)))
    ship()
    expect(titleOf(two, 'stays')).toBe('stays')
    expect(titleOf(two, 'taken back')).toBeUndefined()
    expect(titleOf(two, 'behind')).toBeUndefined()
    await verified(two)
  })
})
