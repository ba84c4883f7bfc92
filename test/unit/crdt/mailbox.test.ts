import { describe, expect, it } from 'vitest'
import {
  decodeProgress,
  encodeProgress,
  type MailboxItem,
  mailboxAccessSeed,
  mailboxId,
  openItem,
  sealItem,
} from '../../../crdt/mailbox.ts'

const bytes = (byte: number, length = 32) => new Uint8Array(length).fill(byte)
const EPOCH = { epoch: 3, key: bytes(1) }
const PHONE = bytes(7)
const ID = mailboxId(EPOCH, PHONE)
const ITEMS: MailboxItem[] = [
  { type: 'segment', bytes: bytes(3, 70_000) },
  { type: 'members', documents: [bytes(4, 10), bytes(5, 20)] },
  { type: 'progress', statement: bytes(6, 30), signature: bytes(8, 64) },
]

describe('a mailbox', () => {
  it('has another name and key for each device, epoch key and purpose', () => {
    const other = { epoch: 3, key: bytes(2) }
    const made = [EPOCH, other].flatMap((epoch) =>
      [PHONE, bytes(9)].flatMap((device) => [mailboxId(epoch, device), mailboxAccessSeed(epoch, device)]),
    )
    expect(new Set(made.map((each) => Buffer.from(each).toString('hex'))).size).toBe(8)
  })

  it('gives back what was sealed for it, and nothing that was sealed for another or changed', () => {
    const other = mailboxId(EPOCH, bytes(9))
    for (const item of ITEMS) {
      const sealed = sealItem(EPOCH, ID, item)
      expect(openItem([EPOCH], ID, sealed)).toEqual(item)
      expect(Buffer.compare(sealed, sealItem(EPOCH, ID, item))).toBe(0)
      expect(openItem([EPOCH], other, sealed)).toBeUndefined()
      expect(openItem([{ ...EPOCH, key: bytes(2) }], ID, sealed)).toBeUndefined()
      const bent = new Uint8Array(sealed)
      bent[bent.length - 5]! ^= 1
      expect(openItem([EPOCH], ID, bent)).toBeUndefined()
      // Beyond the frame around it, two mailboxes share no bytes: neither salt nor text.
      const twin = sealItem(EPOCH, other, item)
      expect(Buffer.from(twin).includes(Buffer.from(sealed).subarray(8, 24))).toBe(false)
    }
  })

  it('reads what a device says that it holds', () => {
    const progress = {
      device: PHONE,
      positions: [{ device: bytes(1), incarnation: bytes(2, 8), sequence: 12 }],
    }
    const statement = encodeProgress(progress, 1_000)
    expect(decodeProgress(statement)).toEqual(progress)
    expect(decodeProgress(statement.slice(1))).toBeUndefined()
    const [position] = progress.positions
    const short = { ...progress, positions: [{ ...position!, incarnation: bytes(2, 7) }] }
    expect(decodeProgress(encodeProgress(short, 1))).toBeUndefined()
  })
})
