import { isUnspaced } from '../knowledge/words/terms.ts'
import type { Sql } from '../vault/sql.ts'
import type { Corpus } from './corpus.ts'
import type { Query, QueryTerm } from './query.ts'

/** Units that go on to the exact scoring. */
const CANDIDATES = 200
/** Postings one query may walk: a word in half of a large vault's units says little and costs tens of ms. */
const POSTINGS = 6_000
/** Rarest words first, and no more than this many. */
const MATCHED_TERMS = 16

/** Row numbers of units that share words with the query, by the indexes; in no meaningful order. */
export function findCandidates(sql: Sql, corpus: Corpus, query: Query): number[] {
  const found = new Set<number>()
  const add = (rows: readonly { rowid: number }[]) => {
    for (const { rowid } of rows) found.add(rowid)
  }
  const words = affordableTerms(corpus, query.terms)
  if (words.length > 0)
    add(
      sql.all(
        `SELECT rowid FROM unit_index WHERE unit_index MATCH ?
         ORDER BY bm25(unit_index, 1.0, 0.5), rowid LIMIT ${CANDIDATES}`,
        [words.map(({ plain }) => quoted(plain)).join(' OR ')],
      ),
    )
  if (query.fragments.length > 0)
    add(
      sql.all(
        `SELECT rowid FROM unit_trigram_index WHERE unit_trigram_index MATCH ?
         ORDER BY rank, rowid LIMIT ${CANDIDATES / 2}`,
        [query.fragments.map(quoted).join(' OR ')],
      ),
    )
  for (const run of query.shortRuns)
    add(
      sql.all(
        `SELECT rowid_ref AS rowid FROM atomic_chat_units WHERE instr(content, ?) > 0
         ORDER BY rowid_ref LIMIT ${CANDIDATES / 2}`,
        [run],
      ),
    )
  return [...found]
}

/** The rarest words that occur at all, while their postings stay affordable; at least one. */
function affordableTerms(corpus: Corpus, terms: readonly QueryTerm[]): QueryTerm[] {
  const known = terms
    .filter(({ plain }) => !isUnspaced(plain))
    .map((term) => ({ term, frequency: corpus.frequencyOf(term.term) }))
    .filter(({ frequency }) => frequency > 0)
    .sort((a, b) => a.frequency - b.frequency || (a.term.term < b.term.term ? -1 : 1))
  const chosen: QueryTerm[] = []
  let postings = 0
  for (const { term, frequency } of known.slice(0, MATCHED_TERMS)) {
    postings += frequency
    if (chosen.length > 0 && postings > POSTINGS) break
    chosen.push(term)
  }
  return chosen
}

/** A string of FTS5's syntax. What goes in holds letters, digits and identifier marks; quotes are doubled anyway. */
function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}
