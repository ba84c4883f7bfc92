import { randomBytes } from 'node:crypto'
import { peerIdFromString } from '@libp2p/peer-id'
import { LengthPrefixedDecoder } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { EarlyStreams } from '../../../daemon/network/early-streams.ts'
import type { Libp2pFrameStream } from '../../../daemon/network/frame-stream.ts'
import { lengthPrefixed, prefixLength } from '../../../daemon/network/length-prefix.ts'
import { buildNode } from '../../../daemon/network/libp2p-node.ts'
import { Misbehaviour } from '../../../daemon/network/misbehaviour.ts'
import { TestNetworks } from './test-networks.ts'

const MIB = 1024 * 1024
const PROTOCOL = '/test/1'
const SILENT = { info: () => {}, warn: () => {}, error: () => {} }

const networks = new TestNetworks()
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
  await networks.stopAll()
})

/** A stream of somebody who sends what they like, and our end of it. */
async function rawStream(maxFrameBytes: number) {
  const ours = await networks.start()
  const arrived = Promise.withResolvers<Libp2pFrameStream>()
  ours.handle(PROTOCOL, { maxFrameBytes }, (stream) => arrived.resolve(stream as Libp2pFrameStream))
  const theirs = await buildNode(
    { seed: randomBytes(32), listen: [], mdns: false, log: SILENT },
    {
      listen: [],
      gossip: {
        topics: new Map(),
        peers: new Set<string>(),
        early: new EarlyStreams(),
        count: () => {},
        onHandlerError: () => {},
      },
      misbehaviour: new Misbehaviour(),
      isRelay: () => false,
      isOurs: () => false,
      refusesSeat: () => true,
      onRelayTransport: () => {},
      refused: new Set(),
      onDiscovered: () => {},
    },
  )
  await theirs.start()
  stops.push(() => theirs.stop())
  const connection = await theirs.dial(ours.multiaddrs().map((address) => multiaddr(address)))
  expect(connection.remotePeer.equals(peerIdFromString(ours.peerId))).toBe(true)
  const raw = await connection.newStream(PROTOCOL)
  return { raw, stream: await arrived.promise }
}

const broken = { code: 'Unavailable' }

describe('what is no frame', () => {
  it('a stream that ends inside a frame, or inside its length, is broken', async () => {
    for (const bytes of [Uint8Array.of(100, 1, 2, 3), Uint8Array.of(0x80)]) {
      const { raw, stream } = await rawStream(1_000)
      raw.send(lengthPrefixed(Uint8Array.of(42)))
      raw.send(bytes)
      await raw.close()
      expect(await stream.receive()).toEqual(Uint8Array.of(42))
      await expect(stream.receive()).rejects.toMatchObject(broken)
    }
  })

  it('a length beyond the limit breaks the stream before its bytes come', async () => {
    const { raw, stream } = await rawStream(1_000)
    raw.send(Uint8Array.of(0xe9, 0x07, 1))
    await expect(stream.receive()).rejects.toMatchObject(broken)
    await stream.closed
  })

  it('a length without end breaks the stream, and is not kept', async () => {
    const { raw, stream } = await rawStream(1_000)
    let most = 0
    const outcome = stream.receive().then(
      () => 'a frame',
      (error: { code: string }) => error.code,
    )
    const gone = stream.closed.then(() => true)
    const endless = new Uint8Array(64 * 1024).fill(0xff)
    while (!(await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 1))]))) {
      if (raw.status === 'open' && raw.writeBufferLength < MIB) raw.send(endless)
      most = Math.max(most, stream.unreadBytes)
    }
    expect(await outcome).toBe('Unavailable')
    expect(most).toBeLessThan(6 * MIB)
  })

  it('nothing at all, again and again, costs no memory', async () => {
    const { raw, stream } = await rawStream(1_000)
    for (let i = 0; i < 16; i++) raw.send(new Uint8Array(64 * 1024))
    raw.send(lengthPrefixed(Uint8Array.of(7)))
    expect(await stream.receive()).toEqual(Uint8Array.of(7))
  })
})

describe('the length before a frame', () => {
  it('is what others in the field read', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 20_000 }), { maxLength: 5 }),
        (frames) => {
          const decoder = new LengthPrefixedDecoder()
          const read = frames.flatMap((frame) => [...decoder.decode(lengthPrefixed(frame))])
          expect(read.map((frame) => frame.subarray())).toEqual(frames)
          for (const frame of frames)
            expect(lengthPrefixed(frame).length).toBe(prefixLength(frame.length) + frame.length)
        },
      ),
    )
  })
})
