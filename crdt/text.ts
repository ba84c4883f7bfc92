import * as Y from 'yjs'
import { LIMITS } from '../schema/limits.ts'
import { decodeCanonical, encodeCanonical } from './cbor.ts'
import { hashOf } from './hash.ts'
import type { LogId } from './log.ts'

/**
 * Text that several devices edit at once: a set of Yjs updates per row and column. What is shown is a function of that
 * set alone. Each update has one writer, named by its log, and is judged before Yjs sees it.
 */

/** Bytes that name one editing session of a device: random, new each time a vault is opened. */
export const TEXT_SESSION_BYTES = 8

/** The one root type of each document. */
const ROOT = 'text'

/** Who edits: the client that the log and the session give. 52 bits, so that two never meet by accident. */
export function textClient({ space, device, incarnation }: LogId, session: Uint8Array): number {
  const hash = hashOf(['vivim/text-client/1', space, device, incarnation, session])
  return Buffer.from(hash.buffer, hash.byteOffset, 32).readUIntBE(0, 6) * 16 + (hash[6]! >> 4)
}

/** The value of a text column in a TEXT operation: canonical CBOR [session, update]. */
export function encodeTextChange(session: Uint8Array, update: Uint8Array): Uint8Array {
  return encodeCanonical([session, update])
}

/** An update of nobody but its writer. */
export interface TextChange {
  readonly client: number
  readonly inserts: boolean
  /** Which of its client's characters it inserts: from the first up to the last, exclusive. */
  readonly from: number
  readonly to: number
  /** Up to where it deletes characters of its own client. Those of others may come later, and are gone then. */
  readonly deletedTo: number
  readonly update: Uint8Array
}

/**
 * Where its client's clock stands after this update of a document, when it stood at `next` before; undefined when it
 * does not follow, or deletes characters its client has not written: then it is void.
 */
export function followingClock(change: TextChange, next: number): number | undefined {
  if (change.inserts && change.from !== next) return undefined
  const clock = change.inserts ? change.to : next
  return change.deletedTo <= clock ? clock : undefined
}

/**
 * Reads the value of a text column as written by that log; undefined when it is void: not readable, too large, empty, with
 * anything but plain characters, or with characters of another client. That it follows is for the caller to judge.
 */
export function readTextChange(value: unknown, log: LogId): TextChange | undefined {
  try {
    if (!(value instanceof Uint8Array) || value.length > LIMITS.textUpdateBytes) return undefined
    const parts = decodeCanonical(value)
    if (!Array.isArray(parts) || parts.length !== 2) return undefined
    const [session, update] = parts as unknown[]
    if (!(session instanceof Uint8Array) || session.length !== TEXT_SESSION_BYTES) return undefined
    if (!(update instanceof Uint8Array)) return undefined
    return judge(update, textClient(log, session))
  } catch {
    // Yjs throws what it likes at bytes that are no update.
    return undefined
  }
}

function judge(update: Uint8Array, client: number): TextChange | undefined {
  const { structs, ds } = Y.decodeUpdate(update)
  if (structs.length > LIMITS.textUpdateStructs) return undefined
  const from = structs[0]?.id.clock ?? 0
  let to = from
  for (const struct of structs) {
    if (!(struct instanceof Y.Item) || struct.id.client !== client || struct.id.clock !== to) return undefined
    if (!isPlain(struct)) return undefined
    to += struct.length
    if (!(to <= LIMITS.textClock)) return undefined
  }
  let ranges = 0
  let deletedTo = 0
  for (const [deleted, items] of ds.clients)
    for (const { clock, len } of items) {
      // Yjs cannot keep a deletion of nothing until its characters come: it throws.
      if (++ranges > LIMITS.textUpdateStructs || len < 1 || !(clock + len <= LIMITS.textClock))
        return undefined
      if (deleted === client) deletedTo = Math.max(deletedTo, clock + len)
    }
  if (to === from && ranges === 0) return undefined
  return { client, inserts: to > from, from, to, deletedTo, update }
}

/** Characters, or the place of characters already deleted, in the root text, after something that can exist. */
function isPlain(item: Y.Item): boolean {
  const { id, origin, rightOrigin, parent, parentSub, content } = item
  if (parentSub !== null) return false
  if (parent !== null ? (parent as unknown) !== ROOT : !origin && !rightOrigin) return false
  for (const neighbour of [origin, rightOrigin]) {
    if (!neighbour) continue
    // An item before or after itself would make Yjs look for what is not there.
    if (neighbour.client === id.client && neighbour.clock >= id.clock) return false
    if (neighbour.clock >= LIMITS.textClock) return false
  }
  if (content instanceof Y.ContentDeleted) return content.len > 0
  return content instanceof Y.ContentString && content.str.length > 0 && !content.str.includes('\0')
}

/** Replaces `delete` characters (UTF-16 units) from `at` on by `insert`. Several apply one after the other. */
export interface TextEdit {
  readonly at: number
  readonly delete: number
  readonly insert: string
}

/** A document: its accepted updates put together. */
export class SharedText {
  readonly #doc = new Y.Doc({ gc: true })

  /** `state`: what `state` answered. */
  constructor(state?: Uint8Array) {
    if (state) Y.applyUpdate(this.#doc, state)
  }

  /** Updates whose predecessors are missing wait in the state, and count once those come. */
  apply(updates: readonly Uint8Array[]): void {
    if (updates.length > 0) Y.applyUpdate(this.#doc, Y.mergeUpdates([...updates]))
  }

  /** What these updates would do to the text, as edits one after the other. They are applied here. */
  editsOf(updates: readonly Uint8Array[]): TextEdit[] {
    const edits: TextEdit[] = []
    const collect = ({ delta }: Y.YTextEvent) => {
      let at = 0
      for (const { retain = 0, delete: gone = 0, insert } of delta) {
        at += retain
        const come = typeof insert === 'string' ? insert : ''
        if (gone > 0 || come !== '') edits.push({ at, delete: gone, insert: come })
        at += come.length
      }
    }
    this.#text.observe(collect)
    try {
      this.apply(updates)
    } finally {
      this.#text.unobserve(collect)
    }
    return edits
  }

  get text(): string {
    return this.#text.toString()
  }

  get state(): Uint8Array {
    return Y.encodeStateAsUpdate(this.#doc)
  }

  /**
   * Edits as that client; answers the updates that say so, each small enough for one operation: as few as can be.
   * @throws RangeError for an edit that is not within the text
   */
  edit(client: number, edits: readonly TextEdit[]): Uint8Array[] {
    // Set after loading: Yjs leaves an id it sees come in.
    this.#doc.clientID = client
    const updates: Uint8Array[] = []
    const collect = (update: Uint8Array) => updates.push(update)
    this.#doc.on('update', collect)
    try {
      for (const edit of edits) this.#edit(edit)
    } finally {
      this.#doc.off('update', collect)
    }
    return gathered(updates)
  }

  #edit({ at, delete: length, insert }: TextEdit): void {
    if (at < 0 || length < 0 || at + length > this.#text.length) throw new RangeError('beyond the text')
    for (let left = length; left > 0; left -= STEP) this.#text.delete(at, Math.min(left, STEP))
    for (let done = 0; done < insert.length; ) {
      const end = stepEnd(insert, done)
      this.#text.insert(at + done, insert.slice(done, end))
      done = end
    }
  }

  get #text(): Y.Text {
    return this.#doc.getText(ROOT)
  }
}

/** Characters that one update deletes or inserts at most: 3 bytes each, or a range of their own, fit an operation. */
const STEP = 1_000

/** Never between the two halves of a character. */
function stepEnd(text: string, from: number): number {
  const end = from + STEP
  if (end >= text.length) return text.length
  return /[\uD800-\uDBFF]/.test(text[end - 1]!) ? end - 1 : end
}

/** Neighbouring updates of one client as one, as far as they fit. */
function gathered(updates: readonly Uint8Array[]): Uint8Array[] {
  const result: Uint8Array[] = []
  let group: Uint8Array[] = []
  let bytes = 0
  for (const update of updates) {
    if (group.length > 0 && (bytes + update.length > GATHERED_BYTES || group.length >= GATHERED)) {
      result.push(Y.mergeUpdates(group))
      group = []
      bytes = 0
    }
    group.push(update)
    bytes += update.length
  }
  if (group.length > 0) result.push(Y.mergeUpdates(group))
  return result
}

const GATHERED_BYTES = 40_000
/** Each may have as many ranges as it deletes characters. */
const GATHERED = 50

/** The shortest edits that turn one text into another: what is equal before and after stays as it is. */
export function editsBetween(before: string, after: string): TextEdit[] {
  let start = 0
  const shorter = Math.min(before.length, after.length)
  while (start < shorter && before[start] === after[start]) start++
  if (start > 0 && isHighHalf(before[start - 1]!)) start--
  let end = 0
  while (end < shorter - start && before.at(-1 - end) === after.at(-1 - end)) end++
  if (end > 0 && isLowHalf(before.at(-end)!)) end--
  const gone = before.slice(start, before.length - end)
  const come = after.slice(start, after.length - end)
  if (gone === '' && come === '') return []
  return [{ at: start, delete: gone.length, insert: come }]
}

function isHighHalf(unit: string): boolean {
  return unit >= '\uD800' && unit <= '\uDBFF'
}

function isLowHalf(unit: string): boolean {
  return unit >= '\uDC00' && unit <= '\uDFFF'
}
