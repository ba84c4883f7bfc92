import { randomBytes } from 'node:crypto'
import { contentRoutingSymbol, peerDiscoverySymbol, peerRoutingSymbol } from '@libp2p/interface'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { privateKeyOfSeed, publicKeyBytes } from '../../../daemon/identity/ed25519.ts'
import { CpuWatchdog } from '../../../daemon/network/dht/cpu-watchdog.ts'
import { Dht } from '../../../daemon/network/dht/dht.ts'
import { placeOf, readRecord, signRecord } from '../../../daemon/network/dht/record.ts'
import { RecordStore } from '../../../daemon/network/dht/record-store.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { type TestNetwork, TestNetworks } from './test-networks.ts'

const WITHIN = { timeout: 30_000, interval: 100 }
const networks = new TestNetworks()
afterEach(() => networks.stopAll())

function signer() {
  const key = privateKeyOfSeed(randomBytes(32))
  return { key, place: placeOf(publicKeyBytes(key)) }
}

async function put(network: TestNetwork, place: string, value: Uint8Array): Promise<void> {
  await vi.waitFor(async () => expect(await network.putRecord(place, value)).toBeGreaterThan(0), WITHIN)
}

describe('a record', () => {
  const { key, place } = signer()
  const payload = randomBytes(100)
  const value = signRecord(key, { sequence: 5, payload })

  it('is read at its place alone, and only as it was signed', () => {
    expect(readRecord(place, value)).toEqual({ sequence: 5, payload: new Uint8Array(payload) })
    expect(readRecord(signer().place, value)).toBeUndefined()
    for (let at = 0; at < value.length; at++) {
      const changed = new Uint8Array(value)
      changed[at]! ^= 1
      expect(readRecord(place, changed), `byte ${at}`).toBeUndefined()
    }
    const large = signRecord(key, { sequence: 5, payload: randomBytes(LIMITS.dhtRecordBytes) })
    expect(readRecord(place, large)).toBeUndefined()
  })
})

describe('the table', () => {
  it('keeps at a bootstrap node what one puts there for another, and nothing older or forged in its place', async () => {
    const hub = await networks.start({ isRelay: true })
    const relays = [hub.target()]
    const [a, b] = await Promise.all([networks.start({ relays }), networks.start({ relays })])
    const { key, place } = signer()
    const newer = signRecord(key, { sequence: 7, payload: new Uint8Array([7]) })
    await put(a, place, newer)
    expect(hub.state().records).toBe(1)
    await vi.waitFor(async () => expect((await b.getRecord(place))?.sequence).toBe(7), WITHIN)

    await put(b, place, signRecord(key, { sequence: 6, payload: new Uint8Array([6]) }))
    const third = await networks.start({ relays })
    await vi.waitFor(async () => expect((await third.getRecord(place))?.sequence).toBe(7), WITHIN)

    const stranger = signer()
    const forged = signRecord(stranger.key, { sequence: 9, payload: new Uint8Array([9]) })
    await b.putRecord(place, forged)
    expect((await third.getRecord(place))?.sequence).toBe(7)
    expect(hub.state().records).toBe(1)
  })

  it('is not offered to the library, which would ask it for every peer without an address', () => {
    for (const symbol of [peerRoutingSymbol, contentRoutingSymbol, peerDiscoverySymbol])
      expect(symbol in Dht.prototype, String(symbol)).toBe(false)
  })

  it('is not there without a bootstrap node, and nobody waits for it', async () => {
    const a = await networks.start()
    const { key, place } = signer()
    expect(await a.putRecord(place, signRecord(key, { sequence: 1, payload: new Uint8Array() }))).toBe(0)
    expect(await a.getRecord(place)).toBeUndefined()
    expect(a.state().records).toBeUndefined()
  })

  it('holds so much and no more', async () => {
    const counted: string[] = []
    const store = new RecordStore(
      () => false,
      (name) => void counted.push(name),
    )
    const large = new Uint8Array(LIMITS.dhtBytes / 4)
    for (let at = 0; at < 6; at++) await store.put(`/large/${at}`, large)
    expect(store.size).toBe(4)
    expect([await store.has('/large/1'), await store.has('/large/5')]).toEqual([false, true])
    for (let at = 0; at < LIMITS.dhtRecords + 10; at++) await store.put(`/small/${at}`, new Uint8Array(1))
    expect(store.size).toBe(LIMITS.dhtRecords)
    expect(counted.length).toBeGreaterThan(10)
  })
})

describe('the watchdog', () => {
  it('calls when the thread is busy for a minute on end, not when it breathes in between', () => {
    let load = 1
    let calls = 0
    const watchdog = new CpuWatchdog(
      () => void calls++,
      () => load,
    )
    const look = (times: number) => {
      for (let at = 0; at < times; at++) watchdog.look()
    }
    look(LIMITS.cpuBusyLooks - 1)
    load = 0.5
    look(1)
    load = 1
    look(LIMITS.cpuBusyLooks - 1)
    expect(calls).toBe(0)
    look(1)
    expect(calls).toBe(1)
  })

  it('sees a thread that is really busy', () => {
    let called = false
    const watchdog = new CpuWatchdog(() => {
      called = true
    })
    watchdog.look()
    for (let round = 0; round <= LIMITS.cpuBusyLooks; round++) {
      const until = performance.now() + 50
      while (performance.now() < until);
      watchdog.look()
    }
    expect(called).toBe(true)
  })
})
