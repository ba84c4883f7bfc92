import { rowsOfConversation } from '../../daemon/vault/conversation-rows.ts'
import type { OpenVault } from '../../daemon/vault/open-vault.ts'
import type { AddingChange, FactChange, VaultTransaction } from '../../daemon/vault/vault.ts'
import { ENTITY_BY_NAME, type ReplicatedEntityName } from '../../schema/entities/index.ts'
import { VivimError } from '../../schema/errors.ts'
import type { SeededRandom } from '../support/seed.ts'
import type { Intent } from './vault-history.ts'

const ENTITIES: readonly ReplicatedEntityName[] = [
  'Conversation',
  'Conversation',
  'Conversation',
  'Message',
  'MessageVersion',
  'ConversationTag',
  'Device',
  'Notebook',
  'NotebookEntry',
  'NotebookEntry',
]
/** So few that devices meet on the same rows. */
const KEYS_OF_EACH = 5
/** More than a segment takes. */
const MANY = 300

/** What people do with their data, by chance. Every text is a word that is written once in the whole world. */
export class Workload {
  readonly #random: SeededRandom
  /** Messages stand in conversations, and go with them. */
  readonly #linked: boolean
  #words = 0

  constructor(random: SeededRandom, linked: boolean) {
    this.#random = random
    this.#linked = linked
  }

  /** Writes some changes in one transaction; answers them. */
  write(vault: OpenVault): readonly Intent[] {
    const many = this.#random.next() < 0.01
    const count = many ? MANY : 1 + this.#random.integer(4)
    const wanted = Array.from({ length: count }, () => this.#change())
    const made: (FactChange | AddingChange)[] = []
    vault.transact((tx) => {
      for (const change of wanted) {
        const possible = isPossible(tx, change) ? this.#meant(tx, change) : undefined
        if (!possible) continue
        if (isWritten(tx, possible)) made.push(possible)
      }
    })
    return made.map((change) => ({
      kind: change.kind,
      entity: change.entity,
      key: change.key,
      values: ('values' in change ? (change.values ?? {}) : {}) as Intent['values'],
    }))
  }

  /** Of an entry mostly its note is edited, somewhere in what it is, or something is counted. */
  #meant(tx: VaultTransaction, change: FactChange): FactChange | AddingChange {
    const { next, integer } = this.#random
    const { kind, entity, key } = change
    if (entity !== 'NotebookEntry' || kind !== 'UPDATE') return change
    if (next() < 0.4) return { kind: 'COUNTER', entity, key, amounts: { tally: integer(9) - 4 } }
    const body = tx.get<{ body: string | null }>('SELECT body FROM notebook_entries WHERE id = ?', [
      key,
    ])?.body
    const at = integer((body?.length ?? 0) + 1)
    const gone = next() < 0.4 ? Math.min(integer(30), (body?.length ?? 0) - at) : 0
    return { kind: 'TEXT', entity, key, edits: { body: [{ at, delete: gone, insert: this.#word() }] } }
  }

  /** Erases a row, or a conversation with what is in it. */
  erase(vault: OpenVault): void {
    const entity = this.#random.pick(ENTITIES)
    const key = this.#key(entity)
    vault.transact((tx) => {
      if (tx.isErased(entity, key)) return
      const rows =
        entity === 'Conversation'
          ? rowsOfConversation(tx, vault.space, key)
          : [{ entity: ENTITY_BY_NAME.get(entity)!, key }]
      vault.erase(tx, rows)
    })
  }

  #change(): FactChange {
    const { next, pick } = this.#random
    const entity = pick(ENTITIES)
    const key = this.#key(entity)
    const chance = next()
    if (chance < 0.1) return { kind: 'DELETE', entity, key }
    if (chance < 0.15) return { kind: 'UNDELETE', entity, key }
    return { kind: chance < 0.5 ? 'INSERT' : 'UPDATE', entity, key, values: this.#values(entity) }
  }

  #key(entity: ReplicatedEntityName): string {
    const number = this.#random.integer(KEYS_OF_EACH)
    if (entity === 'MessageVersion') return `${this.#linked ? 'm' : 'n'}${number}:v${this.#random.integer(2)}`
    return `${entity === 'Message' ? 'm' : entity.toLowerCase()}${number}`
  }

  #values(entity: ReplicatedEntityName): Record<string, string | number> {
    const { next, integer, pick } = this.#random
    const parent: Record<string, string> =
      this.#linked && next() < 0.7 ? { conversation_id: this.#key('Conversation') } : {}
    const some = (values: Record<string, string | number>) =>
      Object.fromEntries(Object.entries(values).filter(() => next() < 0.6))
    switch (entity) {
      case 'Conversation':
        return some({
          title: this.#word(),
          custom_title: this.#word(),
          state: pick(['ACTIVE', 'ARCHIVED']),
          updated_at: integer(2 ** 31),
          metadata_json: JSON.stringify({ at: [integer(100)] }),
        })
      case 'Message':
        return { ...some({ author: this.#word(), position: integer(9), hidden: integer(2) }), ...parent }
      case 'MessageVersion':
        return some({ content_hash: this.#word(), parts_json: JSON.stringify([integer(1_000)]) })
      case 'ConversationTag':
        return { ...some({ tag: this.#word() }), ...parent }
      case 'NotebookEntry':
        return some({ notebook_id: this.#key('Notebook'), title: this.#word(), sort_order: integer(9) / 8 })
      default:
        return { name: this.#word() }
    }
  }

  #word(): string {
    return `word-${this.#words++}-${this.#random.integer(2 ** 30).toString(36)}-end`
  }
}

/** Refused while all devices agree on forgetting that row. */
function isWritten(tx: VaultTransaction, change: FactChange | AddingChange): boolean {
  try {
    tx.write([change])
    return true
  } catch (error) {
    if (error instanceof VivimError && error.code === 'Conflict') return false
    throw error
  }
}

/** The product refuses to write what is erased; a message is captured with a conversation that is there. */
function isPossible(tx: VaultTransaction, { entity, key, values = {} }: FactChange): boolean {
  const parent = values.conversation_id
  return !tx.isErased(entity, key) && !(typeof parent === 'string' && tx.isErased('Conversation', parent))
}
