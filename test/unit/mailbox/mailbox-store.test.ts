import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
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
const QUOTAS = { mailboxBytes: 4_000, ownerBytes: 7_000, allBytes: 10_000, keptMs: 1_000 }

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
