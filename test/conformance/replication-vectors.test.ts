import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { deviceTag } from '../../crdt/device.ts'
import { frontierDigest } from '../../crdt/frontier.ts'
import { hashOf, sha256 as sha256Of } from '../../crdt/hash.ts'
import { hlcFromBytes, hlcFromText, hlcToBytes, hlcToText } from '../../crdt/hlc.ts'
import { LogChain } from '../../crdt/log.ts'
import {
  commitmentOf,
  decodeOperation,
  encodeOperation,
  OPERATION_KINDS,
  type Operation,
  type OperationKind,
  saltOf,
} from '../../crdt/operation.ts'
import { openMessage, sealMessage } from '../../crdt/sealed-message.ts'
import { segmentMessage } from '../../crdt/segment.ts'
import { commitmentIn, decodeShippedSegment, encodeShippedSegment } from '../../crdt/shipped-segment.ts'
import { privateSpaceId } from '../../crdt/space.ts'
import { erasedEntry, rowEntry, StateDigest } from '../../crdt/state-digest.ts'
import { verify } from '../../daemon/identity/ed25519.ts'
import type { Value } from '../../schema/entities/index.ts'
import { makeVectors } from '../vectors/generate.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a vector file holds is what the test looks at
const read = (name: string): any =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'))
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')

function readValue(value: unknown): Value {
  if (typeof value !== 'object' || value === null) return value as Value
  const { bytes: binary, integer } = value as { bytes?: string; integer?: string }
  return binary === undefined ? BigInt(integer!) : bytes(binary)
}

/** Buffers and byte arrays alike. */
const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return hex(value)
  if (typeof value !== 'object' || value === null) return value
  const entries: [unknown, unknown][] = value instanceof Map ? [...value] : Object.entries(value)
  return Object.fromEntries(entries.map(([name, item]) => [String(name), plain(item)]))
}

describe('the vectors of replication', () => {
  test('are what the rules make, worked out without the product', () => {
    for (const [name, vectors] of Object.entries(makeVectors())) expect(read(name), name).toEqual(vectors)
  })

  test('stamps', () => {
    for (const { ms, counter, device, bytes: encoded, text } of read('hlc')) {
      const stamp = { ms, counter, device: bytes(device) }
      expect(hex(hlcToBytes(stamp))).toBe(encoded)
      expect(hlcToText(stamp)).toBe(text)
      expect(hlcFromBytes(bytes(encoded))).toEqual(stamp)
      expect(hlcFromText(text)).toEqual(stamp)
    }
  })

  test('operations', () => {
    for (const vector of read('operation')) {
      const { stamp, table, schemaVersion, columns, bytes: encoded, name } = vector
      const [kind] = Object.entries(OPERATION_KINDS).find(([, number]) => number === vector.kind)!
      const operation: Operation = {
        hlc: { ...stamp, device: bytes(stamp.device) },
        kind: kind as OperationKind,
        table,
        key: readValue(vector.key) as string | Uint8Array,
        schemaVersion,
        columns: new Map(columns.map(([column, value]: [number, unknown]) => [column, readValue(value)])),
      }
      expect(hex(encodeOperation(operation)), name).toBe(encoded)
      expect(plain(decodeOperation(bytes(encoded))), name).toEqual(plain(operation))
    }
  })

  test('salts, commitments and the chain: the same for a body and for what stands for it', () => {
    const [segment] = read('segment')
    const chain = new LogChain({
      space: bytes(segment.space),
      device: bytes(segment.device),
      incarnation: bytes(segment.incarnation),
    })
    expect(segment.space).toBe(hex(privateSpaceId('did:key:z6MkVectors')))
    for (const { sequence, seed, salt, body, commitment, previous, hash } of read('hollow-operation')) {
      expect(hex(saltOf(bytes(seed), sequence))).toBe(salt)
      expect(hex(commitmentOf(bytes(salt), bytes(body)))).toBe(commitment)
      expect(hex(chain.hash(sequence, bytes(previous), bytes(commitment)))).toBe(hash)
    }
  })

  test('segments: whole, in part and with a hollow operation', () => {
    const commitments = read('hollow-operation').map(({ commitment }: { commitment: string }) => commitment)
    for (const { name, bytes: encoded, message, signature, from, ...header } of read('segment')) {
      const segment = decodeShippedSegment(bytes(encoded))
      expect(hex(encodeShippedSegment(segment)), name).toBe(encoded)
      expect(hex(segmentMessage(segment)), name).toBe(message)
      expect(hex(segment.signature), name).toBe(signature)
      expect(verify(segment.device, bytes(message), segment.signature), name).toBe(true)
      expect(hex(segment.headHash)).toBe(header.headHash)
      for (let sequence = from; sequence <= header.count; sequence++)
        expect(hex(commitmentIn(segment, sequence).commitment), `${name} ${sequence}`).toBe(
          commitments[sequence - 1],
        )
    }
  })

  test('sealed messages of every padding', () => {
    for (const { key, epoch, topic, length, sha256, bytes: encoded } of read('seal')) {
      const message = Uint8Array.from({ length }, (_, index) => (index * 7) % 256)
      const epochKey = { epoch, key: bytes(key) }
      const sealed = sealMessage(epochKey, topic, message)
      if (encoded) expect(hex(sealed)).toBe(encoded)
      expect(hex(sha256Of(sealed))).toBe(sha256)
      expect(openMessage([epochKey], topic, sealed)).toEqual(message)
    }
  })

  test('digests of state and of frontiers', () => {
    const { device, other, at, marker, entries, stateDigest, frontierDigest: frontier } = read('digest')
    const devices = [device, other].map(bytes)
    const deviceOf = (log: number) => ({ device: devices[log]!, tag: deviceTag(devices[log]!) })
    const stamp = (log: number, ms: number) => ({
      ms,
      counter: 1,
      log,
      hash: hashOf(['vector', ms]).slice(0, 8),
    })
    const made = [
      rowEntry(
        {
          table: 1,
          key: 'c1',
          stamps: new Map([
            [15, stamp(0, at)],
            [8, stamp(1, at + 1)],
            [4, stamp(0, at)],
          ]),
          deleted: false,
          valueAt: (column) => ({ 4: 'a title', 8: 5 })[column] ?? null,
        },
        deviceOf,
      ),
      rowEntry(
        {
          table: 1,
          key: 'c2',
          stamps: new Map([
            [0, stamp(1, at + 2)],
            [4, stamp(0, at)],
          ]),
          deleted: true,
          valueAt: () => 'not shown',
        },
        deviceOf,
      ),
      erasedEntry(1, bytes(marker)),
    ]
    expect(made.map((entry) => hex(entry.bytes))).toEqual(entries)
    const digest = new StateDigest()
    for (const entry of made) digest.add(entry)
    expect(digest.hex()).toBe(stateDigest)
    const [segment] = read('segment')
    expect(
      hex(
        frontierDigest([
          {
            device: bytes(other),
            incarnation: new Uint8Array(8).fill(1),
            sequence: 300,
            hash: new Uint8Array(32).fill(4),
          },
          {
            device: bytes(device),
            incarnation: bytes(segment.incarnation),
            sequence: 6,
            hash: bytes(segment.headHash),
          },
          { device: bytes(device), incarnation: new Uint8Array(8), sequence: 0, hash: new Uint8Array(32) },
        ]),
      ),
    ).toBe(frontier)
  })
})
