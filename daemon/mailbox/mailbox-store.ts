import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import { itemDigest } from '../../crdt/mailbox.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { replaceFile } from '../identity/atomic-file.ts'

export interface MailboxQuotas {
  /** Bytes of one mailbox, of all that one person opened, and of all. */
  readonly mailboxBytes: number
  readonly ownerBytes: number
  readonly allBytes: number
  readonly keptMs: number
}

export const MAILBOX_QUOTAS: MailboxQuotas = {
  mailboxBytes: LIMITS.mailboxBytes,
  ownerBytes: LIMITS.mailboxOwnerBytes,
  allBytes: LIMITS.mailboxAllBytes,
  keptMs: LIMITS.mailboxKeptMs,
}

interface Item {
  readonly file: string
  readonly digest: string
  readonly bytes: number
  readonly at: number
}

interface Mailbox {
  readonly access: Uint8Array
  /** A name of who opened it that only this keeper can make. */
  readonly owner: string
  bytes: number
  next: number
  readonly items: Map<number, Item>
}

const BOX = 'box'
/** number-time-digest */
const ITEM = /^(\d+)-(\d+)-([0-9a-f]{32})$/
const NAME = /^[0-9a-f]{64}$/
/** What a file costs beside its bytes. */
const AROUND = 512
/** What a mailbox costs beside its items: a folder, and the file of its key. Not of its own quota. */
const BOX_AROUND = 8_192

/** Sealed items on the disk of a keeper: a folder a mailbox, a file an item. Nothing in it names anybody. */
export class MailboxStore {
  readonly #folder: string
  readonly #now: () => number
  readonly #quotas: MailboxQuotas
  readonly #boxes = new Map<string, Mailbox>()
  readonly #byOwner = new Map<string, number>()
  #bytes = 0

  /** Reads what is there. @param folder made when absent, 0700 */
  constructor(folder: string, now: () => number, quotas: MailboxQuotas = MAILBOX_QUOTAS) {
    this.#folder = folder
    this.#now = now
    this.#quotas = quotas
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(folder)) if (NAME.test(name)) this.#load(name)
    this.expire()
  }

  get bytes(): number {
    return this.#bytes
  }

  get count(): number {
    return this.#boxes.size
  }

  /** The key that opens it; undefined while it is empty, and so is nobody's. */
  accessTo(id: Uint8Array): Uint8Array | undefined {
    return this.#boxes.get(nameOf(id))?.access
  }

  /**
   * Keeps an item and answers its number; what is there already is not kept twice.
   * @throws VivimError `TooLarge` when the mailbox or its owner has no room, `StorageFull` when the keeper has none
   */
  deposit(id: Uint8Array, access: Uint8Array, owner: string, sealed: Uint8Array): number {
    const name = nameOf(id)
    const digest = Buffer.from(itemDigest(sealed)).toString('hex')
    const present = this.#boxes.get(name)
    for (const [number, item] of present?.items ?? []) if (item.digest === digest) return number
    const bytes = sealed.length + AROUND
    const { mailboxBytes, ownerBytes, allBytes } = this.#quotas
    if ((present?.bytes ?? 0) + bytes > mailboxBytes) throw new VivimError('TooLarge', 'The mailbox is full.')
    const payer = present?.owner ?? owner
    const taken = bytes + (present ? 0 : BOX_AROUND)
    if ((this.#byOwner.get(payer) ?? 0) + taken > ownerBytes)
      throw new VivimError('TooLarge', 'The mailboxes of this person are full.')
    if (this.#bytes + taken > allBytes) throw new VivimError('StorageFull', 'The keeper has no room.')
    const box = present ?? this.#make(name, access, owner)
    const number = box.next++
    const at = this.#now()
    const file = `${number}-${at}-${digest}`
    try {
      replaceFile(join(this.#folder, name, file), sealed)
    } catch (error) {
      this.#dropIfEmpty(name)
      throw error
    }
    this.#hold(box, number, { file, digest, bytes, at })
    return number
  }

  list(id: Uint8Array, beyond: number): { number: number; digest: Uint8Array }[] {
    const items = [...(this.#boxes.get(nameOf(id))?.items ?? [])].filter(([number]) => number > beyond)
    return items
      .slice(0, LIMITS.mailboxListed)
      .map(([number, { digest }]) => ({ number, digest: new Uint8Array(Buffer.from(digest, 'hex')) }))
  }

  /** @throws VivimError `NotFound` */
  fetch(id: Uint8Array, number: number): Uint8Array {
    const item = this.#boxes.get(nameOf(id))?.items.get(number)
    if (!item) throw new VivimError('NotFound', 'There is no such item.')
    return new Uint8Array(readFileSync(join(this.#folder, nameOf(id), item.file)))
  }

  remove(id: Uint8Array, numbers: readonly number[]): void {
    const name = nameOf(id)
    for (const number of numbers) this.#drop(name, number)
    this.#dropIfEmpty(name)
  }

  /** Lets go of what has lain too long. Answers how many items. */
  expire(): number {
    const before = this.#now() - this.#quotas.keptMs
    let gone = 0
    for (const [name, box] of [...this.#boxes]) {
      for (const [number, { at }] of [...box.items])
        if (at <= before) {
          this.#drop(name, number)
          gone++
        }
      this.#dropIfEmpty(name)
    }
    return gone
  }

  #charge(owner: string, bytes: number): void {
    this.#bytes += bytes
    const all = (this.#byOwner.get(owner) ?? 0) + bytes
    if (all > 0) this.#byOwner.set(owner, all)
    else this.#byOwner.delete(owner)
  }

  #make(name: string, access: Uint8Array, owner: string): Mailbox {
    mkdirSync(join(this.#folder, name), { recursive: true, mode: 0o700 })
    replaceFile(join(this.#folder, name, BOX), encodeCanonical([access, owner]))
    const box: Mailbox = { access, owner, bytes: 0, next: 1, items: new Map() }
    this.#boxes.set(name, box)
    this.#charge(owner, BOX_AROUND)
    return box
  }

  #load(name: string): void {
    const folder = join(this.#folder, name)
    let key: Uint8Array
    try {
      key = new Uint8Array(readFileSync(join(folder, BOX)))
    } catch (error) {
      // A crash in the middle of making it: nothing was promised yet. What cannot be read today may be tomorrow.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') rmSync(folder, { recursive: true, force: true })
      return
    }
    const [access, owner] = tryDecodeArray(key) ?? []
    if (!(access instanceof Uint8Array) || typeof owner !== 'string') {
      rmSync(folder, { recursive: true, force: true })
      return
    }
    const box: Mailbox = { access, owner, bytes: 0, next: 1, items: new Map() }
    this.#boxes.set(name, box)
    this.#charge(owner, BOX_AROUND)
    const found = readdirSync(folder).flatMap((file) => {
      const [, number, at, digest] = ITEM.exec(file) ?? []
      const size = statSync(join(folder, file), { throwIfNoEntry: false })?.size
      if (digest === undefined || size === undefined) return []
      return [{ file, number: Number(number), at: Number(at), digest, bytes: size + AROUND }]
    })
    for (const { number, ...item } of found.sort((a, b) => a.number - b.number)) this.#hold(box, number, item)
    this.#dropIfEmpty(name)
  }

  #hold(box: Mailbox, number: number, item: Item): void {
    box.items.set(number, item)
    box.bytes += item.bytes
    box.next = Math.max(box.next, number + 1)
    this.#charge(box.owner, item.bytes)
  }

  #drop(name: string, number: number): void {
    const box = this.#boxes.get(name)
    const item = box?.items.get(number)
    if (!box || !item) return
    rmSync(join(this.#folder, name, item.file), { force: true })
    box.items.delete(number)
    box.bytes -= item.bytes
    this.#charge(box.owner, -item.bytes)
  }

  #dropIfEmpty(name: string): void {
    const box = this.#boxes.get(name)
    if (box?.items.size !== 0) return
    this.#boxes.delete(name)
    this.#charge(box.owner, -BOX_AROUND)
    rmSync(join(this.#folder, name), { recursive: true, force: true })
  }
}

function nameOf(id: Uint8Array): string {
  return Buffer.from(id).toString('hex')
}
