import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { readConnectionQuestion } from '../identity/connection-question.ts'
import type { Query } from './database.ts'
import type { CheckedRecord } from './record-kinds.ts'
import { isTakenOut, signerOf } from './revoked-signers.ts'
import { bytesOf, entriesOf } from './stored-entries.ts'

const PUT = `
INSERT INTO peer_connections (from_did, to_did, sequence, record, updated_at)
SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($4 AS BYTEA), CAST($5 AS BIGINT)
WHERE EXISTS (SELECT 1 FROM peer_connections WHERE from_did = $1 AND to_did = $2)
  OR (SELECT count(*) FROM peer_connections WHERE from_did = $1) < $6
ON CONFLICT (from_did, to_did) DO UPDATE SET sequence = excluded.sequence, record = excluded.record,
  updated_at = excluded.updated_at
WHERE peer_connections.sequence < excluded.sequence OR $7`

/**
 * Those of people whom the recipient never wrote to, but for the newest. Who floods somebody pushes out others that wait;
 * their nodes notice and write again.
 */
const PUSH_OUT = `
DELETE FROM peer_connections c USING (
  SELECT from_did, to_did FROM peer_connections p
  WHERE to_did = $1
    AND NOT EXISTS (SELECT 1 FROM peer_connections a WHERE a.from_did = $1 AND a.to_did = p.from_did)
  ORDER BY updated_at DESC, from_did OFFSET $2
) old
WHERE c.from_did = old.from_did AND c.to_did = old.to_did`

/**
 * Keeps one person's half of a connection. `stored` false: there is one that is as new. `pushedOut`: how many gave way.
 * @throws VivimError `Forbidden` when nobody is registered who could read it, `Exhausted`
 */
export async function putConnection(
  query: Query,
  {
    did,
    subject,
    sequence,
    record,
  }: Pick<CheckedRecord, 'did' | 'subject' | 'sequence'> & { record: Buffer },
  now: number,
): Promise<{ stored: boolean; pushedOut: number }> {
  const recipient = await query('SELECT 1 FROM devices WHERE did = $1 LIMIT 1', [subject])
  if (recipient.rows.length === 0)
    throw new VivimError('Forbidden', 'That person is not registered here.', { field: 'record' })
  const one = 'SELECT record FROM peer_connections WHERE from_did = $1 AND to_did = $2'
  const present = (await query(one, [did, subject])).rows[0]
  const lapsed = present !== undefined && (await isLapsed(query, did, bytesOf(present.record)))
  const most = LIMITS.registryConnections
  const { changed } = await query(PUT, [did, subject, sequence, record, now, most, lapsed])
  if (changed > 0) {
    const gone = await query(PUSH_OUT, [subject, LIMITS.registryConnectionsTo])
    return { stored: true, pushedOut: gone.changed }
  }
  if (present) return { stored: false, pushedOut: 0 }
  throw new VivimError('Exhausted', `A master keeps ${most} connections of one person.`)
}

/**
 * What was written to the person who asks, and by them.
 * @throws VivimError `Forbidden` unless a device of theirs asked, that was not taken out, and now
 */
export async function connectionsFor(
  query: Query,
  question: Uint8Array,
  { instance, now }: { readonly instance: string; readonly now: number },
): Promise<unknown[]> {
  const asked = readConnectionQuestion(question)
  if (asked?.instance !== instance || Math.abs(asked.at - now) > LIMITS.connectionQuestionMs) throw notAsked()
  if (isTakenOut(asked.document, await entriesOf(query, asked.did))) throw notAsked()
  const sql = `SELECT record FROM peer_connections WHERE (to_did = $1 OR from_did = $1) AND updated_at >= $2
    ORDER BY updated_at, from_did, to_did`
  return (await query(sql, [asked.did, asked.since])).rows.map(({ record }) => record)
}

/** The device that signed it was taken out since: no sequence of its holds that place. */
async function isLapsed(query: Query, did: string, bytes: Uint8Array): Promise<boolean> {
  const signer = signerOf({ kind: 'connection', bytes })
  return signer !== undefined && isTakenOut(signer, await entriesOf(query, did))
}

function notAsked(): VivimError {
  return new VivimError('Forbidden', 'That is told to the devices of that person alone.')
}
