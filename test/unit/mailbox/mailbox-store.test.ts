import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { MailboxStore } from '../../../daemon/mailbox/mailbox-store.ts'
import { MailboxTokens } from '../../../daemon/mailbox/mailbox-tokens.ts'
import { Temporary } from '../master/temporary.ts'

const temporary = new Temporary()
afterEach(() => temporary.undo())

const id = (byte: number) => new Uint8Array(32).fill(byte)
const item = (byte: number, bytes = 1_000) => new Uint8Array(bytes).fill(byte)
const KEY = id(9)
const QUOTAS = { mailboxBytes: 4_000, ownerBytes: 23_000, allBytes: 40_000, keptMs: 1_000 }

describe('what a keeper holds', () => {
  it('is kept once, in order, across a restart, and goes when it is fetched', () => {
    const folder = temporary.folder()
    const store = new MailboxStore(folder, () => 0)
    expect([1, 2, 1].map((byte) => store.deposit(id(1), KEY, 'ann', item(byte)))).toEqual([1, 2, 1])
    const again = new MailboxStore(folder, () => 0)
    expect(again.bytes).toBe(store.bytes)
    expect(again.accessTo(id(1))).toEqual(KEY)
    expect(again.list(id(1), 0).map(({ number }) => number)).toEqual([1, 2])
    expect(again.list(id(1), 1)).toHaveLength(1)
    expect(again.fetch(id(1), 2)).toEqual(item(2))
    again.remove(id(1), [1, 2, 77])
    expect(again.bytes).toBe(0)
    expect(readdirSync(folder)).toEqual([])
    expect(again.accessTo(id(1))).toBeUndefined()
  })

  it('is bounded for a mailbox, for a person and for all', () => {
    const store = new MailboxStore(temporary.folder(), () => 0, QUOTAS)
    const fill = (box: number, owner: string) => {
      let kept = 0
      try {
        for (; kept < 20; kept++) store.deposit(id(box), KEY, owner, item(box * 20 + kept))
      } catch (error) {
        return [kept, (error as { code: string }).code]
      }
      return [kept]
    }
    expect(fill(1, 'ann')).toEqual([2, 'TooLarge'])
    expect(fill(2, 'ann')).toEqual([2, 'TooLarge'])
    expect(fill(3, 'ann')).toEqual([0, 'TooLarge'])
    expect(fill(4, 'ben')).toEqual([2, 'TooLarge'])
    expect(fill(5, 'ben')).toEqual([0, 'StorageFull'])
    expect(store.bytes).toBeLessThanOrEqual(QUOTAS.allBytes)
    store.remove(id(1), [1, 2])
    expect(fill(5, 'ben')).toEqual([2, 'TooLarge'])
  })

  it('counts what a mailbox costs on the disk: many with little in them are bounded too', () => {
    const folder = temporary.folder()
    const quotas = { mailboxBytes: 4_000, ownerBytes: 100_000, allBytes: 150_000, keptMs: 1_000 }
    const store = new MailboxStore(folder, () => 0, quotas)
    const boxesOf = (owner: string, first: number) => {
      let made = 0
      try {
        for (; made < 50; made++) store.deposit(id(first + made), KEY, owner, item(1, 1))
      } catch {}
      return made
    }
    expect(boxesOf('ann', 0)).toBe(11)
    expect(boxesOf('ben', 100)).toBe(6)
    const again = new MailboxStore(folder, () => 0, quotas)
    expect(again.bytes).toBe(store.bytes)
    for (let box = 0; box < 11; box++) again.remove(id(box), [1])
    expect(again.bytes).toBe(6 * (store.bytes / 17))
    expect(() => again.deposit(id(99), KEY, 'ann', item(1))).not.toThrow()
  })

  it('loses no more than the file that is damaged', () => {
    const folder = temporary.folder()
    const store = new MailboxStore(folder, () => 0)
    store.deposit(id(1), KEY, 'ann', item(1))
    const name = Buffer.from(id(1)).toString('hex')
    symlinkSync('/nowhere', join(folder, name, `2-0-${'0'.repeat(32)}`))
    const again = new MailboxStore(folder, () => 0)
    expect(again.list(id(1), 0).map(({ number }) => number)).toEqual([1])
    expect(again.bytes).toBe(store.bytes)
  })

  it('goes after its time, also while the keeper is off', () => {
    let now = 0
    const folder = temporary.folder()
    const store = new MailboxStore(folder, () => now, QUOTAS)
    store.deposit(id(1), KEY, 'ann', item(1))
    now = 600
    store.deposit(id(1), KEY, 'ann', item(2))
    now = 1_000
    expect(store.expire()).toBe(1)
    expect(store.list(id(1), 0)).toHaveLength(1)
    now = 1_600
    expect(new MailboxStore(folder, () => now, QUOTAS).count).toBe(0)
    expect(readdirSync(folder)).toEqual([])
  })

  it('opens again after a crash in the middle of making a mailbox', () => {
    const folder = temporary.folder()
    const name = 'ab'.repeat(32)
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'box.tmp'), 'half')
    expect(new MailboxStore(folder, () => 0).count).toBe(0)
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('leave to deposit', () => {
  it('is good for whom it was given, until it is over, at the keeper that gave it', () => {
    const tokens = new MailboxTokens(id(1))
    const token = tokens.issue('did:key:ann', 100)
    const owner = tokens.ownerOf(token, 99)
    expect(owner).toMatch(/^[0-9a-f]{32}$/)
    expect(tokens.ownerOf(tokens.issue('did:key:ann', 200), 99)).toBe(owner)
    expect(tokens.ownerOf(tokens.issue('did:key:ben', 200), 99)).not.toBe(owner)
    expect(tokens.ownerOf(token, 100)).toBeUndefined()
    expect(new MailboxTokens(id(2)).ownerOf(token, 99)).toBeUndefined()
    for (let at = 0; at < token.length; at++) {
      const bent = new Uint8Array(token)
      bent[at]! ^= 1
      expect(tokens.ownerOf(bent, 99), `byte ${at}`).toBeUndefined()
    }
  })
})
