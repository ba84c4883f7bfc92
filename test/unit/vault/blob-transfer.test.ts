import { describe, expect, test } from 'vitest'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'

const PIECE = 100_000
const longMessage = (fill: string) =>
  Buffer.from(JSON.stringify([{ type: 'text', content: fill.repeat(350_000) }]))

/** One conversation whose only message is long; the rows come in the order given. */
function write(
  { vault }: PairedVault,
  bytes: Uint8Array,
  rows: readonly ('message' | 'version')[] = ['message', 'version'],
  conversation = 'c1',
): string {
  const message = `m-${conversation}`
  return vault.transact((tx) => {
    const hash = tx.putBlob(bytes, conversation)
    for (const row of rows)
      tx.write([
        row === 'message'
          ? {
              kind: 'INSERT',
              entity: 'Message',
              key: message,
              values: { conversation_id: conversation, role: 'user', hidden: 0 },
            }
          : {
              kind: 'INSERT',
              entity: 'MessageVersion',
              key: `${message}:h`,
              values: { message_id: message, content_hash: 'h', parts_blob: hash },
            },
      ])
    return hash
  })
}

const hashOf = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const give = (to: PairedVault, from: PairedVault, hash: string, offset: number, maxBytes = PIECE) =>
  to.replica.storeBlobPiece(from.replica.readBlob({ hash: hashOf(hash), offset, maxBytes }))
const pieces = ({ vault }: PairedVault) =>
  vault.get<{ n: number }>('SELECT count(*) AS n FROM blob_pieces')!.n
const owners = ({ vault }: PairedVault) =>
  vault.all<{ id: string }>('SELECT DISTINCT conversation_id AS id FROM blobs ORDER BY 1').map(({ id }) => id)

describe('blobs on their way', () => {
  test('pieces of two devices, in any order and of any size, make one blob', () => {
    using trio = pairedVaults(3)
    const [a, b, c] = trio.vaults as [PairedVault, PairedVault, PairedVault]
    const long = longMessage('x')
    const hash = write(a, long)
    for (const other of [b, c]) pull(other, a)
    for (let offset = 0; offset < long.length; offset += PIECE) give(c, a, hash, offset)
    const steps = Array.from({ length: Math.ceil(long.length / PIECE) }, (_, index) => index * PIECE)
    let complete = false
    for (const [index, offset] of steps.entries()) {
      give(b, a, hash, offset)
      // The other device begins anew at the first byte, with pieces of its own size.
      complete = give(b, c, hash, index * 70_001, 70_001).complete
      if (complete) break
    }
    complete ||= give(b, a, hash, steps.at(-1)!).complete
    expect(complete).toBe(true)
    expect(b.vault.getBlob(hash)).toEqual(long)
    expect(pieces(b)).toBe(0)
  })

  test('what is not what its hash says is dropped, and asked for again', () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    const hash = write(a, longMessage('x'))
    pull(b, a)
    const forged = new Uint8Array(10)
    expect(b.replica.storeBlobPiece({ hash: hashOf(hash), offset: 0, total: 10, bytes: forged })).toEqual({
      complete: false,
      waiting: 0,
    })
    expect(pieces(b)).toBe(0)
    expect(b.replica.missingBlobs({})).toEqual([hashOf(hash)])
  })

  test('a blob that comes before the message of its version waits for it, and goes with its conversation', () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    const long = longMessage('x')
    const hash = write(a, long, ['version'])
    pull(b, a)
    let offset = 0
    while (!give(b, a, hash, offset).complete) offset += PIECE
    expect(owners(b)).toEqual([''])
    expect(b.replica.missingBlobs({})).toEqual([])
    write(a, long, ['message'])
    pull(b, a)
    expect(owners(b)).toEqual(['c1'])
    expect(b.vault.getBlob(hash)).toEqual(long)
  })

  test('a blob two conversations share outlives the erase of one', () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    const long = longMessage('x')
    const hash = write(a, long)
    write(b, long, ['message', 'version'], 'c2')
    pull(a, b)
    pull(b, a)
    expect([owners(a), owners(b)]).toEqual([
      ['c1', 'c2'],
      ['c1', 'c2'],
    ])
    a.vault.transact((tx) => tx.run("DELETE FROM blobs WHERE conversation_id = 'c1'"))
    expect(a.vault.getBlob(hash)).toEqual(long)
  })

  test('those that are nowhere do not hide the ones behind them', () => {
    using pair = pairedVaults(2)
    const [a] = pair.vaults as [PairedVault, PairedVault]
    const names = Array.from({ length: 1_200 }, (_, n) => n.toString(16).padStart(64, '0'))
    a.vault.transact((tx) =>
      tx.write(
        names.map((hash, n) => ({
          kind: 'INSERT' as const,
          entity: 'MessageVersion' as const,
          key: `m${n}:h`,
          values: { message_id: `m${n}`, content_hash: 'h', parts_blob: hash },
        })),
      ),
    )
    const { replica } = a
    const asked = [1, 2, 3]
      .flatMap(() => replica.missingBlobs({}))
      .map((hash) => Buffer.from(hash).toString('hex'))
    expect(new Set(asked)).toEqual(new Set(names))
  })
})
