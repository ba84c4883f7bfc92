import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Sql } from './sql.ts'
import type { Vault } from './vault.ts'

export interface InviteRow {
  readonly id: string
  readonly petname: string | null
  /** Milliseconds UTC. */
  readonly createdAt: number
  readonly expiresAt: number
  /** The DID of who used it. */
  readonly usedBy: string | null
  readonly usedAt: number | null
}

const COLUMNS =
  'id, petname, created_at AS createdAt, expires_at AS expiresAt, used_by AS usedBy, used_at AS usedAt'

/** Invites this device made. They stay until they are taken back, or long over. */
export class ContactInvites {
  readonly #vault: Vault

  constructor(vault: Vault) {
    this.#vault = vault
  }

  /** Newest first. */
  list(): InviteRow[] {
    return this.#vault.all<InviteRow>(
      `SELECT ${COLUMNS} FROM contact_invites ORDER BY created_at DESC, id LIMIT ?`,
      [LIMITS.contactInvites],
    )
  }

  /** @throws VivimError `Exhausted` when too many are open */
  make(invite: {
    readonly id: string
    readonly secretHash: Uint8Array
    readonly petname: string | null
    readonly expiresAt: number
  }): null {
    this.#vault.transact((tx) => {
      const now = this.#vault.now()
      tx.run('DELETE FROM contact_invites WHERE expires_at < ?', [now - LIMITS.contactInviteKeptMs])
      const { open } = tx.get<{ open: number }>('SELECT count(*) AS open FROM contact_invites')!
      if (open >= LIMITS.contactInvites)
        throw new VivimError('Exhausted', `You have ${open} invites; take some back first.`, {
          hint: '`vivimd peers invite list` shows them, `vivimd peers invite revoke ID` takes one back.',
        })
      tx.run(
        'INSERT INTO contact_invites (id, secret_hash, petname, created_at, expires_at) VALUES (?, ?, ?, ?, ?)',
        [invite.id, invite.secretHash, invite.petname, now, invite.expiresAt],
      )
    })
    return null
  }

  /** True when there was one. */
  revoke(id: string): boolean {
    return this.#vault.transact((tx) => {
      const there = tx.get('SELECT 1 FROM contact_invites WHERE id = ?', [id]) !== undefined
      tx.run('DELETE FROM contact_invites WHERE id = ?', [id])
      return there
    })
  }
}

/**
 * Uses an invite up. Undefined when there is none, it is over, or it was used: also by the same person, who is a contact
 * since then, or was taken off the list.
 */
export function takeInvite(
  tx: Sql,
  secretHash: Uint8Array,
  did: string,
  now: number,
): Pick<InviteRow, 'petname'> | undefined {
  const invite = tx.get<InviteRow>(`SELECT ${COLUMNS} FROM contact_invites WHERE secret_hash = ?`, [
    secretHash,
  ])
  if (!invite || invite.usedBy !== null || now >= invite.expiresAt) return undefined
  tx.run('UPDATE contact_invites SET used_by = ?, used_at = ? WHERE id = ?', [did, now, invite.id])
  return { petname: invite.petname }
}
