import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { issueConnectionRecord, readConnectionRecord } from '../../../daemon/identity/connection-record.ts'
import { documentBehind } from '../../../daemon/identity/document-behind.ts'
import type { UserKeys } from '../../../daemon/identity/user-keys.ts'
import { xWingPublicKey } from '../../../daemon/identity/x-wing.ts'
import { checkedRecord } from '../../../daemon/master/record-kinds.ts'
import { readConsent } from '../../../daemon/peers/contact-proof.ts'
import { type Letter, openLetter, writeLetter } from '../../../daemon/peers/letter.ts'
import { LetterCarrier } from '../../../daemon/peers/letter-carrier.ts'
import { LetterReader } from '../../../daemon/peers/letter-reader.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { until } from '../../support/until.ts'
import { TestNetworks } from '../network/test-networks.ts'
import { type TestPerson, testPerson } from './people.ts'

const random = (bytes: number) => new Uint8Array(randomBytes(bytes))
const PEER_ID = '12D3KooWH3uVF6wv47WnArKHk5p6cvgCJEb74UTmxztmQDc298L3'

let networks: TestNetworks
let ann: TestPerson
let ben: TestPerson
let cleo: TestPerson
let now: number
beforeEach(async () => {
  networks = new TestNetworks()
  const people = ['Ann', 'Ben', 'Cleo'].map((name) => testPerson(networks, name))
  ;[ann, ben, cleo] = (await Promise.all(people)) as [TestPerson, TestPerson, TestPerson]
  now = Date.now()
})
afterEach(async () => {
  for (const person of [ann, ben, cleo]) person[Symbol.dispose]()
  await networks.stopAll()
})

interface Parts extends Partial<Omit<Letter, 'consent'>> {
  readonly to?: string
  readonly sequence?: number
  readonly receiveKeys?: readonly Uint8Array[]
}

/** What one of them writes to the other one. */
function written(from: UserKeys, to: UserKeys, parts: Parts = {}): Uint8Array {
  const { sequence = now, receiveKeys = [to.receiveKey], ...said } = parts
  const letter = { kind: 'request', displayName: 'Ann', reach: null, secret: null, ...said } as const
  return writeLetter(from, { to: to.did, sequence, receiveKeys, letter }, random)
}

const opened = (bytes: Uint8Array, keys: UserKeys) =>
  openLetter(keys.receiveSeed, readConnectionRecord(bytes)!)

describe('a letter', () => {
  it('says to the recipient what it says, with a consent that holds for anybody, and nothing to others', () => {
    const reach = { peerId: PEER_ID, addresses: ['/ip4/192.0.2.1/tcp/1'] }
    const secret = random(16)
    const bytes = written(ann.keys, ben.keys, { reach, secret })
    const letter = opened(bytes, ben.keys)!
    expect(letter).toMatchObject({ kind: 'request', displayName: 'Ann', reach, secret })
    expect(readConsent(letter.consent!)).toMatchObject({ from: ann.did, to: ben.did, at: now })
    expect(opened(bytes, ann.keys)).toBeUndefined()
    expect(opened(written(ann.keys, ben.keys, { kind: 'ended', displayName: null }), ben.keys)).toEqual({
      kind: 'ended',
      consent: null,
      displayName: null,
      reach: null,
      secret: null,
    })
  })

  it('has one size whatever it says, and is opened by each of the recipient’s devices', () => {
    const reach = { peerId: PEER_ID, addresses: Array(4).fill(`/dns4/${'a'.repeat(280)}/tcp/1`) }
    const others = Array.from({ length: 7 }, () => random(32))
    const receiveKeys = [...others.map(xWingPublicKey), ben.keys.receiveKey]
    const long = '🍊'.repeat(LIMITS.nameCharacters / 2)
    const sizes = [
      written(ann.keys, ben.keys, { receiveKeys, kind: 'ended', displayName: null }),
      written(ann.keys, ben.keys, { receiveKeys, reach, displayName: long, secret: random(16) }),
      written(ann.keys, ben.keys, { receiveKeys, kind: 'accept' }),
    ].map((bytes) => bytes.length)
    expect(new Set(sizes).size).toBe(1)
    expect(sizes[0]).toBeLessThan(LIMITS.registryRecordBytes)
    const bytes = written(ann.keys, ben.keys, { receiveKeys })
    for (const receiveSeed of [...others, ben.keys.receiveSeed])
      expect(openLetter(receiveSeed, readConnectionRecord(bytes)!)?.kind).toBe('request')
  })

  it.each(['request', 'ended'] as const)(
    '(%s) cannot be sent on under another name or with another sequence',
    (kind) => {
      const { sealed, wraps } = readConnectionRecord(written(ann.keys, ben.keys, { kind }))!
      const again = (keys: UserKeys, sequence: number) =>
        issueConnectionRecord(keys.deviceKey, documentBehind(keys), {
          ...{ from: keys.did, to: ben.did, sequence, sealed, wraps },
        })
      expect(opened(again(ann.keys, now), ben.keys)?.kind).toBe(kind)
      expect(opened(again(ann.keys, now + 1), ben.keys)).toBeUndefined()
      expect(opened(again(cleo.keys, now), ben.keys)).toBeUndefined()
      const forged = { from: ben.did, to: cleo.did, sequence: now, sealed, wraps }
      const bytes = issueConnectionRecord(ann.keys.deviceKey, documentBehind(ann.keys), forged)
      expect(readConnectionRecord(bytes)).toBeUndefined()
    },
  )
})

describe('a reader of letters', () => {
  const counted = () =>
    Object.fromEntries([...ben.counted].filter(([name]) => name.startsWith('peers.letters')))

  function reader(offset = 0): LetterReader {
    return new LetterReader({
      find: async (did) => ben.registry.get(did),
      vault: () => async (action, params) =>
        (ben.vault.replica[action] as (params: unknown) => never)(params),
      now: () => now + offset,
      count: (name) => void ben.counted.set(name, (ben.counted.get(name) ?? 0) + 1),
      log: { info: () => {} },
    })
  }
  const read = (to: LetterReader, ...letters: Uint8Array[]) =>
    to.read(
      ben.keys,
      letters.map((bytes) => checkedRecord({ kind: 'connection', bytes })),
    )
  const stateOf = () => ben.vault.replica.contact({ did: ann.did })?.state

  it('asks the person’s own policy, again only when something has changed here', async () => {
    const mine = reader()
    const letter = written(ann.keys, ben.keys)
    expect(await read(mine, letter)).toBe(false)
    expect(await read(mine, letter)).toBe(false)
    expect(counted()).toEqual({ 'peers.letters.not_allowed': 1 })
    ben.vault.replica.contactPolicy({ who: 'anyone' })
    mine.again()
    expect(await read(mine, letter)).toBe(true)
    expect(stateOf()).toBe('received')
    expect(await read(mine, letter)).toBe(false)
  })

  it('takes nothing dated ahead until it is due, of an ended certificate, or that it cannot open', async () => {
    ben.vault.replica.contactPolicy({ who: 'anyone' })
    const ahead = written(ann.keys, ben.keys, { sequence: now + LIMITS.clockAheadMs + 1_000 })
    const mine = reader()
    await read(mine, ahead, written(ann.keys, ben.keys, { receiveKeys: [cleo.keys.receiveKey] }))
    expect(counted()).toEqual({ 'peers.letters.ahead': 1, 'peers.letters.unreadable': 1 })
    await read(reader(3 * 365 * 24 * 3_600_000), written(ann.keys, ben.keys))
    expect(counted()).toMatchObject({ 'peers.letters.expired': 1 })
    expect(stateOf()).toBeUndefined()
    expect(await read(reader(2_000), ahead)).toBe(true)
  })

  it('passes over an end that came before the two met again', async () => {
    const mine = reader()
    ben.vault.replica.askContact({ did: ann.did, consent: new Uint8Array(9) })
    await read(mine, written(ann.keys, ben.keys, { kind: 'accept', sequence: now - 10 }))
    expect(stateOf()).toBe('accepted')
    // Over the network, so that no letter tells of it.
    ben.vault.replica.removeContact({ did: ann.did })
    ben.vault.replica.askContact({ did: ann.did, consent: new Uint8Array(9) })
    const { consent } = opened(written(ann.keys, ben.keys, { sequence: now }), ben.keys)!
    const heard = { did: ann.did, displayName: null, reach: null, consent: consent! }
    ben.vault.replica.contactAnswered({ heard, own: new Uint8Array(9) })
    await read(mine, written(ann.keys, ben.keys, { kind: 'ended', sequence: now - 5 }))
    expect(counted()).toMatchObject({ 'peers.letters.overtaken': 1 })
    expect(stateOf()).toBe('accepted')
    expect(await read(mine, written(ann.keys, ben.keys, { kind: 'ended', sequence: now + 5 }))).toBe(true)
    expect(stateOf()).toBe('removed')
  })
})

describe('what is carried', () => {
  it('is nothing, and nothing is asked for, before the person wants it; then what is owed, once', async () => {
    const published: Uint8Array[] = []
    let asked = 0
    const carrier = new LetterCarrier({
      network: ben.network,
      now: () => now,
      random,
      log: { info: () => {} },
      count: () => {},
      keysOf: async () => ben.keys,
      userOf: () => ({ displayName: 'Ben' }),
      vault: () => async (action, params) =>
        (ben.vault.replica[action] as (params: unknown) => never)(params),
      isOpen: () => true,
      find: async (did) => ({ did, devices: [ann.vault.document], records: [] }),
      onSucceeded: () => {},
      onContact: () => {},
      master: () => ({
        state: () => ({ state: 'online', since: 0 }),
        publish: async (_, bytes) => void published.push(bytes),
        connections: async () => {
          asked++
          return { records: [], next: 0 }
        },
      }),
    })
    try {
      ben.vault.replica.askContact({ did: ann.did, consent: new Uint8Array(9) })
      expect(await carrier.say(ben.did, ann.did)).toBe(false)
      carrier.decided(ben.did)
      await delay(500)
      expect({ asked, published }).toEqual({ asked: 0, published: [] })
      ben.vault.replica.contactPolicy({ throughMaster: true })
      carrier.decided(ben.did)
      await until('it is written', async () => published.length > 0)
      expect(asked).toBe(1)
      expect(opened(published[0]!, ann.keys)).toMatchObject({ kind: 'request', displayName: 'Ben' })
      // Part of an answer is no reason to write again; that nothing is there is.
      carrier.wake(ben.did)
      await until('it asked again', async () => asked > 1)
      carrier.decided(ben.did)
      await until('it is written again', async () => published.length > 1)
      expect(asked).toBe(3)
    } finally {
      carrier.stop()
    }
  })
})
