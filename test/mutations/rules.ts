/** A rule taken out: in `file`, `without` stands where `rule` stood once; then one of these test files must fail. */
export interface Mutation {
  readonly name: string
  readonly file: string
  readonly rule: string
  readonly without: string
  readonly tests: readonly string[]
}

const REMOTE = 'daemon/vault/remote-operations.ts'
const REPLICATION = 'test/unit/vault/replication.test.ts'
const PERMUTATIONS = 'test/simulation/permutations.test.ts'
const SIMULATION = 'test/simulation/vaults-1.test.ts'
const CBOR = 'test/unit/crdt/cbor-reader.test.ts'
const VECTORS = 'test/conformance/replication-vectors.test.ts'

const TAKING_IN: readonly Mutation[] = [
  [
    'a signature is checked',
    'if (!verify(segment.device, segmentMessage(segment), segment.signature))',
    'if (!verify)',
  ],
  [
    'a segment ends in the hash that was signed',
    'if (!equal(previous, segment.headHash)) return undefined',
    '',
  ],
  ['only certified devices write', 'if (!isCertified(segment.device))', 'if (!isCertified)'],
  ['a segment is of this space', "if (!equal(segment.space, spaceId)) throw invalid('of another space')", ''],
  [
    'a stamp is of its own device',
    'if (!equal(operation.hlc.device, tag)) throw invalid("with another device\'s stamp")',
    '',
  ],
  ['stamps grow within a log', "if (!grows) throw invalid('whose stamps do not grow')", ''],
  ['what is ahead of time waits', 'if (!voided && ms > batch.now + LIMITS.clockAheadMs) {', 'if (ms < 0) {'],
  [
    'what is void changes nothing',
    "if (validity !== 'valid' || erased) return",
    "if (validity === 'unknown' || erased) return",
  ],
  [
    'what a newer program knows waits',
    "if (validity === 'unknown') held.add(at.log, at.seq, 'schema', null)",
    '',
  ],
  [
    'what is erased stays erased',
    "if (validity !== 'valid' || erased) return",
    "if (validity !== 'valid') return",
  ],
  ['what is erased is stored hollow', 'if (erased || !body) bare.push', 'if (!body) bare.push'],
  [
    'no seed confirms what is hollow',
    'segment.seed !== undefined && !hollow && alone',
    'segment.seed !== undefined && alone',
  ],
  ['a clock hears of what it takes in', 'if (!voided) batch.hear({ ms, counter })', ''],
  [
    'the head of a log grows with it',
    'this.#deps.logs.advance(ref, segment.first + segment.count - 1, segment.headHash)',
    '',
  ],
].map(([name, rule, without]) => ({
  name: name!,
  file: REMOTE,
  rule: rule!,
  without: without!,
  tests: [REPLICATION, SIMULATION, PERMUTATIONS],
}))

const CLOCK: readonly Mutation[] = [
  {
    name: 'an ERASE in a range that was taken back stays',
    file: REMOTE,
    rule: "if (voided && operation.kind !== 'ERASE') return",
    without: 'if (voided) return',
    tests: ['test/unit/vault/clock.test.ts'],
  },
  {
    name: 'a VOID that does not count takes nothing back',
    file: 'daemon/vault/void-operations.ts',
    rule: 'AND v.seq >= s.first AND v.seq < s.first + s.count AND v.seq > s.counts_to',
    without: 'AND 0',
    tests: ['test/unit/vault/clock.test.ts'],
  },
  {
    name: 'nothing counts behind a VOID',
    file: 'crdt/void.ts',
    rule: 'const runs: VoidedRun[] = [{ log, first: seq + 1, last: END }]',
    without: 'const runs: VoidedRun[] = []',
    tests: ['test/unit/crdt/void.test.ts'],
  },
  {
    name: 'a log that is kept back is told to nobody',
    file: 'daemon/vault/logs.ts',
    rule: 'head_seq >= start && suspect === null',
    without: 'head_seq >= start',
    tests: ['test/unit/vault/clock.test.ts'],
  },
]

const MERGING: readonly Mutation[] = [
  {
    name: 'the highest stamp wins',
    file: 'crdt/merge.ts',
    rule: 'if (present && compareStamps(stamp, present, deviceOf) <= 0) continue',
    without: '',
    tests: [PERMUTATIONS],
  },
  {
    name: 'the counter decides within a millisecond',
    file: 'crdt/stamps.ts',
    rule: 'const byTime = a.ms - b.ms || a.counter - b.counter',
    without: 'const byTime = a.ms - b.ms',
    tests: [REPLICATION, SIMULATION],
  },
  {
    name: 'only UNDELETE brings a row back',
    file: 'crdt/merge.ts',
    rule: "if (operation.kind === 'UNDELETE') return new Map([[TOMBSTONE, 0]])",
    without: "if (operation.kind !== 'UPDATE') return new Map([[TOMBSTONE, 0], ...operation.columns])",
    tests: [PERMUTATIONS, SIMULATION],
  },
  {
    name: 'a key that names no row is void',
    file: 'crdt/validity.ts',
    rule: "if (typeof operation.key === 'string' && !isStorableKey(operation.key)) return 'void'",
    without: '',
    tests: ['test/unit/crdt/validity.test.ts', PERMUTATIONS],
  },
  {
    name: 'a row without columns is a row',
    file: 'crdt/stability.ts',
    rule: 'if (columns.length === 0) return false',
    without: '',
    tests: ['test/unit/crdt/stability.test.ts'],
  },
  {
    name: 'a body is dropped only when what replaced it is stable',
    file: 'crdt/stability.ts',
    rule: 'return isStable(winner, stableUpTo)',
    without: 'return true',
    tests: ['test/unit/crdt/stability.test.ts', 'test/unit/vault/compaction.test.ts'],
  },
]

const CANONICAL: readonly Mutation[] = [
  [
    'nothing stands behind a value',
    "if (this.#at !== this.#bytes.length) throw refused('something is behind the value')",
    '',
  ],
  ['heads have their shortest form', "if (value < least) throw refused('a head in a longer form')", ''],
].map(([name, rule, without]) => ({
  name: name!,
  file: 'crdt/cbor-reader.ts',
  rule: rule!,
  without: without!,
  tests: [CBOR],
}))

const BYTES: readonly Mutation[] = [
  {
    name: 'a salt is of its sequence',
    file: 'crdt/operation.ts',
    rule: "encodeCanonical('vivim/salt/1')",
    without: "encodeCanonical('vivim/salt/2')",
    tests: [VECTORS],
  },
  {
    name: 'a seal is bound to its topic',
    file: 'crdt/sealed-message.ts',
    rule: 'return sha256(encodeCanonical([topic, epoch, length]))',
    without: 'return sha256(encodeCanonical([epoch, length].concat(topic.length * 0)))',
    tests: [VECTORS],
  },
  {
    name: 'the digest shows who wrote',
    file: 'crdt/state-digest.ts',
    rule: 'return [hlcToBytes({ ...stamp, device: tag }), device, stamp.hash]',
    without: 'return [hlcToBytes({ ...stamp, device: tag }), tag, stamp.hash]',
    tests: [VECTORS],
  },
]

const LASTING: readonly Mutation[] = [
  {
    name: 'a commit stores the head of its log',
    file: 'daemon/vault/operation-log.ts',
    rule: "this.#sql.run('UPDATE logs SET head_seq = ?, head_hash = ? WHERE ref = ?', [sequence, head, this.ref])",
    without: '',
    tests: [SIMULATION],
  },
  {
    name: 'a restored vault writes a log of its own',
    file: 'daemon/vault/incarnations.ts',
    rule: 'if (present && !copied) return',
    without: 'if (present) return',
    tests: ['test/unit/vault/incarnations.test.ts', SIMULATION],
  },
  {
    name: 'what another device erased leaves the log here',
    file: 'daemon/vault/eraser.ts',
    rule: 'const rows = [...names.ever(erased).values()]\n    hollowOperations(sql, rows)\n    for (const row of rows) this.#remove(row)\n    this.#purgeLater()',
    without:
      'const rows = [...names.ever(erased).values()]\n    for (const row of rows) this.#remove(row)\n    this.#purgeLater()',
    tests: [SIMULATION, REPLICATION],
  },
  {
    name: 'a device says that it has purged',
    file: 'daemon/vault/open-vault.ts',
    rule: 'purgeFile(this, this.#path)\n    this.acknowledgePurge()',
    without: 'purgeFile(this, this.#path)',
    tests: [SIMULATION, 'test/unit/vault/erasures.test.ts'],
  },
]

const GUARDING: readonly Mutation[] = [
  {
    name: 'branches are logs of their device',
    file: 'daemon/vault/log-quota.ts',
    rule: 'return present.length + 2 <= most',
    without: 'return most > 0',
    tests: ['test/unit/vault/stolen-forks.test.ts'],
  },
  {
    name: 'a stamp ahead of time keeps no device present',
    file: 'daemon/vault/acknowledgements.ts',
    rule: 'this.stampAt(log.ref, this.#heldUpTo(log))?.ms',
    without: 'this.stampAt(log.ref, log.head_seq)?.ms',
    tests: ['test/unit/vault/stolen-traces.test.ts'],
  },
  {
    name: 'what made no row is erased all the same',
    file: 'daemon/vault/named-rows.ts',
    rule: 'if (unknown.length === 0) return named',
    without: 'return named',
    tests: ['test/unit/vault/stolen-traces.test.ts'],
  },
  {
    name: 'of one device so many logs are taken in',
    file: 'daemon/vault/log-quota.ts',
    rule: 'if (present.length >= LIMITS.deviceLogs) return false',
    without: '',
    tests: ['test/unit/vault/log-quota.test.ts'],
  },
  {
    name: 'a log that a cut-off names is taken in whatever was before',
    file: 'daemon/vault/log-quota.ts',
    rule: 'return this.#authority.isNamedByCutOff(id) || ',
    without: 'return ',
    tests: ['test/unit/vault/log-quota.test.ts'],
  },
  {
    name: 'a seed says only the salts it made',
    file: REMOTE,
    rule: 'const keepsSeed = segment.seed !== undefined && !hollow && alone',
    without: 'const keepsSeed = segment.seed !== undefined && !hollow && (alone || stored?.seed !== null)',
    tests: ['test/unit/vault/overlapping-segments.test.ts'],
  },
  {
    name: 'what is erased is counted by when it comes',
    file: 'daemon/vault/erasure-guard.ts',
    rule: 'const count = Math.max(touched.size, this.#stampedTogether(device, arriving))',
    without: 'const count = this.#stampedTogether(device, arriving)',
    tests: ['test/unit/vault/erasure-guard.test.ts'],
  },
  {
    name: 'what was erased before counts with what comes',
    file: 'daemon/vault/erasure-guard.ts',
    rule: 'const before = erasures.touchedBy(device, since)',
    without: 'const before = erasures.touchedBy(device, Infinity)',
    tests: ['test/unit/vault/erasure-guard.test.ts'],
  },
  {
    name: 'a number of a log that was taken back is of nobody',
    file: 'daemon/vault/open-vault.ts',
    rule: 'this.logs.reload()\n',
    without: '',
    tests: ['test/unit/vault/newer-kinds.test.ts'],
  },
  {
    name: 'a kind may be a number of several bytes',
    file: 'crdt/operation-head.ts',
    rule: 'if (info > 27) return undefined',
    without: 'return undefined',
    tests: ['test/unit/crdt/operation-head.test.ts', 'test/unit/vault/newer-kinds.test.ts'],
  },
]

const TEXT = 'test/unit/crdt/text.test.ts'

const ADDING: readonly Mutation[] = [
  {
    name: 'an update of a text holds characters of its own client alone',
    file: 'crdt/text.ts',
    rule: 'struct.id.client !== client || ',
    without: '',
    tests: [TEXT],
  },
  {
    name: 'the client of a text follows from the log and the session',
    file: 'crdt/text.ts',
    rule: "hashOf(['vivim/text-client/1', space, device, incarnation, session])",
    without: "hashOf(['vivim/text-client/1', space, device, incarnation.slice(8), session])",
    tests: [SIMULATION],
  },
  {
    name: 'an update of a text goes on where its client stood',
    file: 'crdt/text.ts',
    rule: 'if (change.inserts && change.from !== next) return undefined',
    without: '',
    tests: [TEXT],
  },
  {
    name: 'of two branches under one client the earlier stamp counts',
    file: 'daemon/vault/text-updates.ts',
    rule: 'updates.some(({ stamp }) => Buffer.compare(stampBytes(stamp), last) <= 0)',
    without: 'updates.length === 0',
    tests: ['test/unit/vault/shared-columns-forks.test.ts'],
  },
  {
    name: 'a branch counts on from what its log had said',
    file: 'crdt/counter.ts',
    rule: 'sum += value - (above === null ? 0 : cells.get(above)!.value)',
    without: 'sum += value',
    tests: ['test/unit/vault/shared-columns-forks.test.ts'],
  },
  {
    name: 'counters and texts are written by their own kinds alone',
    file: 'crdt/validity.ts',
    rule: '!isWrittenBy(operation.kind, column) || ',
    without: '',
    tests: ['test/unit/vault/notes-hostile.test.ts'],
  },
  {
    name: 'what is erased leaves no update of a text',
    file: 'daemon/vault/row-store.ts',
    rule: 'this.shared.remove(space, entity, key)',
    without: '',
    tests: ['test/unit/vault/notes-erased.test.ts'],
  },
]

export const MUTATIONS: readonly Mutation[] = [
  ...TAKING_IN,
  ...MERGING,
  ...CLOCK,
  ...CANONICAL,
  ...BYTES,
  ...LASTING,
  ...GUARDING,
  ...ADDING,
]
