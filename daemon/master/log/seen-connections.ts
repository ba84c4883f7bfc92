import { type CheckedRecord, readRecord, type SignedRecord } from '../record-kinds.ts'

/** What of a person's connections was in an answer before, and is older now or gone. */
export interface Missed {
  readonly older: boolean
  readonly gone: readonly {
    readonly name: string
    readonly other: string
    /** Each of the two has written to the other one: a master does not let that go. */
    readonly answered: boolean
  }[]
}

/** As whose records a reader remembers what is written to a person, and by them. */
export function connectionName(did: string): string {
  return `connections of ${did}`
}

/** What a reader remembers one half of a connection by. */
export function pairName(from: string, to: string): string {
  return `${from} ${to}`
}

/** The records of an answer that the person wrote or got; of two from one person to another the newer. */
export function newestConnections(did: string, answer: readonly SignedRecord[]): CheckedRecord[] {
  const newest = new Map<string, CheckedRecord>()
  for (const each of answer) {
    const record = each.kind === 'connection' ? readRecord(each) : undefined
    if (record?.did !== did && record?.subject !== did) continue
    const name = pairName(record.did, record.subject)
    if ((newest.get(name)?.sequence ?? -1) < record.sequence) newest.set(name, record)
  }
  return [...newest.values()]
}

/** `seen`: sequences by `pairName`. */
export function missedConnections(
  did: string,
  seen: ReadonlyMap<string, number>,
  records: readonly CheckedRecord[],
): Missed {
  const present = new Map(records.map((each) => [pairName(each.did, each.subject), each.sequence]))
  const older = [...seen].some(([name, sequence]) => (present.get(name) ?? sequence) < sequence)
  const gone = [...seen.keys()].flatMap((name) => {
    if (present.has(name)) return []
    const [from, to] = name.split(' ') as [string, string]
    const back = pairName(to, from)
    const answered = seen.has(back) || present.has(back)
    return [{ name, other: from === did ? to : from, answered }]
  })
  return { older, gone }
}
