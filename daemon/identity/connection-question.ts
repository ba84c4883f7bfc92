import { documentBehind } from './document-behind.ts'
import type { MemberDocument } from './member-document.ts'
import { isCount } from './signed-statement.ts'
import type { UserKeys } from './user-keys.ts'
import { issueVouchedStatement, readVouchedStatement } from './vouched-statement.ts'

const DOMAIN = 'vivimd/peer-connection-question/1'

/** A device asks one master for what was written to its person, and by them: nobody else is told. */
export interface ConnectionQuestion {
  readonly did: string
  /** The DID of the master's own key: another master cannot ask with it. */
  readonly instance: string
  /** Milliseconds UTC. */
  readonly at: number
  /** What the master took since then, by its own clock; 0: everything. */
  readonly since: number
  readonly document: MemberDocument
}

export function issueConnectionQuestion(
  keys: UserKeys,
  { instance, at, since }: Pick<ConnectionQuestion, 'instance' | 'at' | 'since'>,
): Uint8Array {
  const fields = [keys.did, instance, at, since] as const
  return issueVouchedStatement(keys.deviceKey, documentBehind(keys), DOMAIN, fields)
}

/** Undefined unless a device of that person signed it. */
export function readConnectionQuestion(bytes: Uint8Array): ConnectionQuestion | undefined {
  const statement = readVouchedStatement(bytes, DOMAIN, 3)
  const [instance, at, since] = statement?.fields ?? []
  if (!statement || typeof instance !== 'string' || !isCount(at) || !isCount(since)) return undefined
  return { did: statement.member.did, instance, at, since, document: statement.member }
}
