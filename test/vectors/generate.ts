import {
  createCipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  sign,
} from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { encode, rfc8949EncodeOptions } from 'cborg'

/**
 * Makes the vector files of replication from the rules as they are written, with nothing of the product: another
 * program that follows them gets the same bytes. `node test/vectors/generate.ts` writes them; they are frozen, so a
 * difference is a change of what is on the wire.
 */

type Json = null | number | string | readonly Json[] | { readonly [name: string]: Json }

const cbor = (value: unknown) => Buffer.from(encode(value, rfc8949EncodeOptions))
const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
const hashOf = (parts: readonly unknown[]) => sha256(cbor(parts))
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const filled = (length: number, value: number) => Buffer.alloc(length, value)

const DID = 'did:key:z6MkVectors'
const SPACE = hashOf(['vivim/space/private/1', DID])
const PRIVATE_KEY = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), filled(32, 7)]),
  format: 'der',
  type: 'pkcs8',
})
const DEVICE = createPublicKey(PRIVATE_KEY).export({ format: 'der', type: 'spki' }).subarray(12)
const TAG = sha256(DEVICE).subarray(0, 8)
const INCARNATION = Buffer.from('0102030405060708', 'hex')
const NOTHING = filled(32, 0)

interface Stamp {
  readonly ms: number
  readonly counter: number
}

function stampBytes({ ms, counter }: Stamp, tag: Uint8Array): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeUIntBE(ms, 0, 6)
  bytes.writeUInt16BE(counter, 6)
  bytes.set(tag, 8)
  return bytes
}

function hlcVectors(): Json {
  const stamps = [
    [0, 0, '0000000000000000'],
    [1, 0xffff, 'ffffffffffffffff'],
    [0xffff_ffff, 1, '00000000000000ff'],
    [0x1_0000_0000, 0, '0123456789abcdef'],
    [Date.UTC(2026, 1, 14, 12, 34, 56, 789), 42, hex(TAG)],
    [2 ** 48 - 1, 0xffff, 'fedcba9876543210'],
  ] as const
  return stamps.map(([ms, counter, tag]) => {
    const bytes = stampBytes({ ms, counter }, Buffer.from(tag, 'hex'))
    return { ms, counter, device: tag, bytes: hex(bytes), text: `${hex(bytes.subarray(0, 8))}-${tag}` }
  })
}

const AT = Date.UTC(2026, 0, 1)
const MARKER = createHmac('sha256', filled(32, 9))
  .update(cbor([1, 'erased']))
  .digest()

const OPERATIONS: readonly {
  readonly name: string
  readonly kind: number
  readonly table: number
  readonly key: string | Uint8Array
  readonly columns: readonly (readonly [number, unknown])[]
}[] = [
  {
    name: 'INSERT',
    kind: 1,
    table: 1,
    key: 'c1',
    columns: [
      [4, 'a title'],
      [1, 'chatgpt'],
      [12, 1],
    ],
  },
  {
    name: 'UPDATE with the values there are',
    kind: 2,
    table: 1,
    key: 'c1',
    columns: [
      [5, null],
      [7, -1],
      [8, 2 ** 33],
      [9, 2n ** 63n - 1n],
      [15, '{"ä":"😀"}'],
    ],
  },
  { name: 'UPDATE with bytes', kind: 2, table: 3, key: 'm1:v1', columns: [[5, filled(300, 1)]] },
  { name: 'DELETE', kind: 3, table: 1, key: 'c1', columns: [] },
  { name: 'UNDELETE', kind: 4, table: 1, key: 'c1', columns: [] },
  { name: 'ERASE', kind: 5, table: 1, key: MARKER, columns: [] },
]

const BODIES = OPERATIONS.map(({ kind, table, key, columns }, index) =>
  cbor([stampBytes({ ms: AT, counter: index }, TAG), kind, table, key, 1, new Map(columns)]),
)

function jsonOf(value: unknown): Json {
  if (value instanceof Uint8Array) return { bytes: hex(value) }
  if (typeof value === 'bigint') return { integer: value.toString() }
  return value as Json
}

function operationVectors(): Json {
  return OPERATIONS.map(({ name, kind, table, key, columns }, index) => ({
    name,
    stamp: { ms: AT, counter: index, device: hex(TAG) },
    kind,
    table,
    key: jsonOf(key),
    schemaVersion: 1,
    columns: columns.map(([column, value]) => [column, jsonOf(value)]),
    bytes: hex(BODIES[index]!),
  }))
}

const SEED = filled(32, 3)
const saltOf = (sequence: number) => hashOf(['vivim/salt/1', SEED, sequence]).subarray(0, 16)
const COMMITMENTS = BODIES.map((body, index) => sha256(saltOf(index + 1), body))

/** Hashes of the operations from 1 on. */
const CHAIN: Buffer[] = []
for (const [index, commitment] of COMMITMENTS.entries()) {
  const previous = CHAIN.at(-1) ?? NOTHING
  const log = [SPACE, DEVICE, INCARNATION]
  CHAIN.push(hashOf(['vivim/operation/1', ...log, index + 1, previous, commitment]))
}

/** What stands for an operation whose body is gone, and what the chain makes of it: the same as of the body. */
function hollowVectors(): Json {
  return BODIES.map((body, index) => ({
    sequence: index + 1,
    seed: hex(SEED),
    salt: hex(saltOf(index + 1)),
    body: hex(body),
    commitment: hex(COMMITMENTS[index]!),
    previous: hex(CHAIN[index - 1] ?? NOTHING),
    hash: hex(CHAIN[index]!),
  }))
}

function shipped(seed: Uint8Array | null, from: number, operations: readonly unknown[]): Json {
  const first = 1
  const count = BODIES.length
  const head = CHAIN.at(-1)!
  const message = cbor([
    'vivim/segment/1',
    1,
    SPACE,
    DEVICE,
    INCARNATION,
    first,
    count,
    NOTHING,
    NOTHING,
    head,
  ])
  const signature = sign(null, message, PRIVATE_KEY)
  return {
    space: hex(SPACE),
    device: hex(DEVICE),
    incarnation: hex(INCARNATION),
    first,
    count,
    previousHash: hex(NOTHING),
    membershipHead: hex(NOTHING),
    headHash: hex(head),
    message: hex(message),
    signature: hex(signature),
    from,
    bytes: hex(
      cbor([
        1,
        SPACE,
        DEVICE,
        INCARNATION,
        first,
        count,
        NOTHING,
        NOTHING,
        head,
        signature,
        seed,
        from,
        operations,
      ]),
    ),
  }
}

function segmentVectors(): Json {
  const hollow = BODIES.map((body, index) => (index === 1 ? [COMMITMENTS[index]] : [saltOf(index + 1), body]))
  return [
    { name: 'whole, with its seed', ...(shipped(SEED, 1, BODIES) as object) },
    { name: 'its end', ...(shipped(SEED, 4, BODIES.slice(3)) as object) },
    { name: 'with a hollow operation', ...(shipped(null, 1, hollow) as object) },
  ]
}

/** Powers of two from 256 to 16 KiB, multiples of 8 KiB beyond, the last of which ends where 72 KiB are full. */
function paddedLength(length: number): number {
  if (length <= 16_384) return Math.max(256, 2 ** Math.ceil(Math.log2(length)))
  return Math.min(Math.ceil(length / 8_192) * 8_192, 73_728 - 64 - 16)
}

function sealVectors(): Json {
  const key = filled(32, 5)
  const topic = '/vivim/1/vectors'
  const derive = (info: string, length = 32, salt: Uint8Array = Buffer.alloc(0)) =>
    Buffer.from(hkdfSync('sha256', key, salt, info, length))
  return [0, 1, 23, 24, 253, 254, 255, 256, 1_000, 16_381, 16_382, 32_000, 65_536].map((length) => {
    const message = Buffer.from(Array.from({ length }, (_, index) => (index * 7) % 256))
    const salt = createHmac('sha256', derive('vivim/seal-salt/1')).update(message).digest()
    const wrapped = cbor(message)
    const padded = Buffer.alloc(paddedLength(wrapped.length))
    padded.set(wrapped)
    const secrets = derive('vivim/seal/1', 44, salt)
    const cipher = createCipheriv('aes-256-gcm', secrets.subarray(0, 32), secrets.subarray(32)).setAAD(
      hashOf([topic, 4, padded.length]),
    )
    const sealed = Buffer.concat([cipher.update(padded), cipher.final(), cipher.getAuthTag()])
    const bytes = cbor([1, 4, salt, sealed])
    // The larger ones are named by their hash.
    return {
      key: hex(key),
      epoch: 4,
      topic,
      length,
      salt: hex(salt),
      sha256: hex(sha256(bytes)),
      ...(length > 300 ? {} : { bytes: hex(bytes) }),
    }
  })
}

/** A row with two writers and a gap, a deleted row and an erased one; stamps carry 8 bytes of the operation's hash. */
function digestVectors(): Json {
  const other = filled(32, 8)
  const stampOf = (device: Uint8Array, ms: number, hash: Uint8Array) => [
    stampBytes({ ms, counter: 1 }, sha256(device).subarray(0, 8)),
    device,
    hash.subarray(0, 8),
  ]
  const cell = (column: number, device: Uint8Array, ms: number, value: unknown) =>
    [column, ...stampOf(device, ms, hashOf(['vector', ms])), sha256(cbor(value))] as const
  const entries = [
    cbor([1, 'c1', [cell(4, DEVICE, AT, 'a title'), cell(8, other, AT + 1, 5), cell(15, DEVICE, AT, null)]]),
    cbor([1, 'c2', [cell(0, other, AT + 2, 1)]]),
    cbor([1, MARKER]),
  ]
  const heads = [
    [DEVICE, INCARNATION, 6, CHAIN.at(-1)!],
    [other, filled(8, 1), 300, filled(32, 4)],
  ].map(cbor)
  return {
    device: hex(DEVICE),
    other: hex(other),
    at: AT,
    marker: hex(MARKER),
    entries: entries.map(hex),
    stateDigest: hex(sha256(Buffer.from('vivim/state/1'), ...entries)),
    frontierDigest: hex(sha256(cbor(heads.sort(Buffer.compare)))),
  }
}

export function makeVectors(): Readonly<Record<string, Json>> {
  return {
    hlc: hlcVectors(),
    operation: operationVectors(),
    'hollow-operation': hollowVectors(),
    segment: segmentVectors(),
    seal: sealVectors(),
    digest: digestVectors(),
  }
}

if (import.meta.main)
  for (const [name, vectors] of Object.entries(makeVectors()))
    writeFileSync(new URL(`${name}.json`, import.meta.url), `${JSON.stringify(vectors, null, 2)}\n`)
