/** What a reader found wrong with a master, in the words people see. */
export const FINDINGS = {
  'rolled-back': 'The master shows an older log than before, as if it had been restored from a copy.',
  'history-changed':
    'The log of the master does not continue the one it showed before: records were dropped, changed or reordered.',
  'split-view': 'The master shows another of your devices another log.',
  forged: 'The master answered with something that was not signed by whom it says.',
  dropped: 'A record that the master had taken is gone.',
  replayed: 'The master answered with an older record than it had before.',
  'not-logged': 'The master serves a record that is not in its log.',
  'connection-forged': 'The master answered with what somebody is to have written to you, and did not sign.',
  'connection-dropped': 'What somebody you know wrote to you, or you to them, is gone from the master.',
  'connection-replayed': 'The master answered with something older than what somebody wrote to you since.',
  'connection-not-logged': 'The master serves what somebody wrote to you, and it is not in its log.',
} as const

export type FindingKind = keyof typeof FINDINGS

export interface Finding {
  readonly kind: FindingKind
  /** The person whose records it is about; absent when it is about the log itself. */
  readonly did?: string | undefined
  /** First and last time; milliseconds UTC. */
  readonly since: number
  readonly lastAt: number
}

/** The kinds that are about the log itself, and that a log which continues puts an end to. */
const OF_LOG: readonly FindingKind[] = ['rolled-back', 'history-changed']
/** Kinds about one person's records, which a good answer about them puts an end to. */
const OF_PERSON: readonly FindingKind[] = ['forged', 'dropped', 'replayed', 'not-logged']
/** And about what people write to that one. */
const OF_CONNECTIONS: readonly FindingKind[] = [
  'connection-forged',
  'connection-dropped',
  'connection-replayed',
  'connection-not-logged',
]
const MOST = 100

/** What is wrong now. A split view stays until the operator begins another generation: its proof does not go away. */
export class Findings {
  #list: Finding[]

  constructor(list: readonly Finding[]) {
    this.#list = [...list]
  }

  get list(): readonly Finding[] {
    return this.#list
  }

  /** Answers whether it is a new one. */
  add(kind: FindingKind, now: number, did?: string): boolean {
    const present = this.#list.find((each) => each.kind === kind && each.did === did)
    const others = this.#list.filter((each) => each !== present)
    this.#list = [...others, { kind, did, since: present?.since ?? now, lastAt: now }].slice(-MOST)
    return !present
  }

  /** The log is as it should be. Answers whether that ended something. */
  logIsWell(): boolean {
    return this.#drop(({ kind, did }) => OF_LOG.includes(kind) || (kind === 'forged' && did === undefined))
  }

  /** Everything about a person's records is as it should be, but for what was just found. */
  personIsWell(about: string, except: ReadonlySet<FindingKind>): boolean {
    return this.#drop(({ kind, did }) => did === about && OF_PERSON.includes(kind) && !except.has(kind))
  }

  /** The same for what people write to them. */
  connectionsAreWell(about: string, except: ReadonlySet<FindingKind>): boolean {
    return this.#drop(({ kind, did }) => did === about && OF_CONNECTIONS.includes(kind) && !except.has(kind))
  }

  newGeneration(): boolean {
    return this.#drop(() => true)
  }

  #drop(isOver: (finding: Finding) => boolean): boolean {
    const before = this.#list.length
    this.#list = this.#list.filter((each) => !isOver(each))
    return this.#list.length < before
  }
}
