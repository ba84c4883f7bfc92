import { GENESIS_HASH } from './log.ts'
import type { Role, SignedEntry } from './membership-entry.ts'

/** What the entries up to a head, or all of them, say of the devices. Keys are device keys in hex. */
export interface MembershipFold {
  /** Devices the root itself vouches for. */
  readonly admitted: ReadonlySet<string>
  /** Absent: a writer. */
  readonly roles: ReadonlyMap<string, Role>
  /** Devices that were readers once. */
  readonly readers: ReadonlySet<string>
  /** Revoked devices: for each revocation the hashes of its cut-offs, in hex, one for each space. */
  readonly revoked: ReadonlyMap<string, readonly (readonly string[])[]>
}

/**
 * A person's DID log as a set of signed entries: append-only and hash-linked, so the set alone says everything,
 * whatever order it came in. Entries whose predecessor is not here are kept and count for nothing.
 *
 * Two entries with one number mean that the root key signed two versions. Nothing is chosen between them by itself:
 * revocations of both count, and nobody is admitted from that number on. A resolution (`resolve`) names the one that
 * counts; the other one, with what follows it, then counts for nothing, as if it had never come. Two resolutions that name
 * different ones resolve nothing.
 */
export class MembershipLog {
  readonly #linked = new Map<string, SignedEntry>()
  /** What a resolution set aside, by hash. */
  readonly #setAside: ReadonlySet<string>
  readonly #heads: readonly SignedEntry[]
  readonly #folds = new Map<string, MembershipFold>()
  #whole: MembershipFold | undefined
  /** The lowest number that two entries have; absent while the log is one line. */
  readonly forkedAt: number | undefined

  constructor(entries: Iterable<SignedEntry>) {
    const waiting = new Map<string, SignedEntry[]>()
    for (const entry of new Map([...entries].map((each) => [hex(each.hash), each])).values()) {
      const name = hex(entry.previous)
      const group = waiting.get(name)
      if (group) group.push(entry)
      else waiting.set(name, [entry])
    }
    const chosen = chosenIn(waiting)
    const setAside = new Set<string>()
    const heads: SignedEntry[] = []
    const next: { readonly name: string; readonly number: number; readonly entry?: SignedEntry }[] = [
      { name: hex(GENESIS_HASH), number: 0 },
    ]
    let forkedAt: number | undefined
    for (let at = next.pop(); at; at = next.pop()) {
      const { name, number, entry } = at
      const all = (waiting.get(name) ?? []).filter((each) => each.number === number + 1)
      const resolved = chosenOf(all, chosen)
      const followers = resolved ? [resolved] : all
      for (const other of all) if (resolved && other !== resolved) addLine(other, waiting, setAside)
      if (followers.length > 1) forkedAt = Math.min(forkedAt ?? Infinity, number + 1)
      if (followers.length === 0 && entry) heads.push(entry)
      for (const follower of followers) {
        this.#linked.set(hex(follower.hash), follower)
        next.push({ name: hex(follower.hash), number: follower.number, entry: follower })
      }
    }
    this.forkedAt = forkedAt
    this.#setAside = setAside
    this.#heads = heads.sort((a, b) => b.number - a.number || Buffer.compare(a.hash, b.hash))
  }

  /** How many entries are linked. */
  get size(): number {
    return this.#linked.size
  }

  /** The longest line's last entry, of equally long ones that with the lowest hash. */
  get head(): Uint8Array {
    return this.#heads[0]?.hash ?? GENESIS_HASH
  }

  /** Number of the entry at a head; 0 before the first. */
  numberAt(head: Uint8Array): number {
    return this.#linked.get(hex(head))?.number ?? 0
  }

  /** One more than one of them is an equivocation. Longest first. */
  get heads(): readonly Uint8Array[] {
    return this.#heads.map(({ hash }) => hash)
  }

  /** Whether that head and everything before it is here. */
  knows(head: Uint8Array): boolean {
    return isGenesis(head) || this.#linked.has(hex(head))
  }

  /** That entry is of a version that a resolution passed over. */
  isSetAside(hash: Uint8Array): boolean {
    return this.#setAside.has(hex(hash))
  }

  /** True when `ancestor` is `head` or comes before it; false for heads that are not known. */
  descends(head: Uint8Array, ancestor: Uint8Array): boolean {
    if (!this.knows(head)) return false
    if (isGenesis(ancestor)) return true
    for (const entry of this.#lineTo(head)) if (equal(entry.hash, ancestor)) return true
    return false
  }

  /** What a writer puts into its next segment: the best head that descends from its last one. */
  headAfter(last: Uint8Array): Uint8Array {
    if (this.isSetAside(last)) return this.head
    return this.heads.find((head) => this.descends(head, last)) ?? last
  }

  /** The fold of the entries up to a known head. */
  foldAt(head: Uint8Array): MembershipFold {
    const name = hex(head)
    let fold = this.#folds.get(name)
    if (!fold) {
      fold = foldOf([...this.#lineTo(head)].reverse(), this.forkedAt)
      this.#folds.set(name, fold)
    }
    return fold
  }

  /** The fold of everything known, both versions of a forked log included. */
  get whole(): MembershipFold {
    const inOrder = () =>
      [...this.#linked.values()].sort((a, b) => a.number - b.number || Buffer.compare(a.hash, b.hash))
    this.#whole ??= foldOf(inOrder(), this.forkedAt)
    return this.#whole
  }

  /** From a head back to the first entry. */
  *#lineTo(head: Uint8Array): Generator<SignedEntry> {
    let entry = this.#linked.get(hex(head))
    while (entry) {
      yield entry
      entry = this.#linked.get(hex(entry.previous))
    }
  }
}

type Waiting = ReadonlyMap<string, readonly SignedEntry[]>

/** For each number what resolutions say of it, each of which stands on the line that it names. */
function chosenIn(waiting: Waiting): ReadonlyMap<number, ReadonlySet<string>> {
  const all = [...waiting.values()].flat()
  const byHash = new Map(all.map((entry) => [hex(entry.hash), entry]))
  const chosen = new Map<number, Set<string>>()
  for (const { change, previous, number } of all) {
    if (change.kind !== 'resolve' || change.number >= number) continue
    let at = byHash.get(hex(previous))
    // Numbers fall by one along a line, so this ends.
    for (let below = number; at && at.number === below - 1 && at.number > change.number; below--)
      at = byHash.get(hex(at.previous))
    if (at?.number !== change.number || !equal(at.hash, change.chosen)) continue
    const names = chosen.get(change.number) ?? new Set()
    chosen.set(change.number, names.add(hex(change.chosen)))
  }
  return chosen
}

/** The one of several entries after the same that the resolutions agree on. */
function chosenOf(
  followers: readonly SignedEntry[],
  chosen: ReadonlyMap<number, ReadonlySet<string>>,
): SignedEntry | undefined {
  if (followers.length < 2) return undefined
  const names = chosen.get(followers[0]!.number)
  const named = followers.filter(({ hash }) => names?.has(hex(hash)))
  return named.length === 1 ? named[0] : undefined
}

function addLine(first: SignedEntry, waiting: Waiting, into: Set<string>): void {
  const next = [first]
  for (let entry = next.pop(); entry; entry = next.pop()) {
    into.add(hex(entry.hash))
    next.push(...(waiting.get(hex(entry.hash)) ?? []))
  }
}

function foldOf(entries: readonly SignedEntry[], forkedAt: number | undefined): MembershipFold {
  const admitted = new Set<string>()
  const roles = new Map<string, Role>()
  const readers = new Set<string>()
  const revoked = new Map<string, string[][]>()
  for (const { number, change } of entries) {
    const device = hex(change.device)
    const frozen = forkedAt !== undefined && number >= forkedAt
    if (change.kind === 'resolve') continue
    if (change.kind === 'revoke') {
      const before = revoked.get(device) ?? []
      revoked.set(device, [...before, change.cutOffs.map(hex)])
    } else if (change.kind === 'role') {
      // Of two versions the smaller right: which of them comes last says nothing.
      if (!frozen || change.role === 'reader') roles.set(device, change.role)
    } else if (!frozen && !admitted.has(device)) {
      admitted.add(device)
      roles.set(device, change.role)
    }
    if (roles.get(device) === 'reader') readers.add(device)
  }
  return { admitted, roles, readers, revoked }
}

/** A device as folds name it. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function isGenesis(hash: Uint8Array): boolean {
  return equal(hash, GENESIS_HASH)
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
