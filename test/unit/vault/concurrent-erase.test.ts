import { describe, expect, test } from 'vitest'
import { rowsOfConversation } from '../../../daemon/vault/conversation-rows.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import type { FactChange } from '../../../daemon/vault/vault.ts'
import { byteSearch } from '../../support/byte-search.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'

const put = ({ vault }: PairedVault, ...changes: FactChange[]) => vault.transact((tx) => tx.write(changes))
const conversation: FactChange = {
  kind: 'INSERT',
  entity: 'Conversation',
  key: 'c1',
  values: { title: 'a title', state: 'ACTIVE', version: 1 },
}
const message = (key: string, content: string): FactChange[] => [
  { kind: 'INSERT', entity: 'Message', key, values: { conversation_id: 'c1', role: 'user', hidden: 0 } },
  {
    kind: 'INSERT',
    entity: 'MessageVersion',
    key: `${key}:h`,
    values: {
      message_id: key,
      content_hash: 'h',
      parts_json: JSON.stringify([{ type: 'text', content }]),
    },
  },
]
const tag: FactChange = {
  kind: 'INSERT',
  entity: 'ConversationTag',
  key: 'c1:later',
  values: { conversation_id: 'c1', tag: 'canary-in-a-tag' },
}
const erase = ({ vault }: PairedVault) =>
  vault.transact((tx) => vault.erase(tx, rowsOfConversation(tx, vault.space, 'c1')))
const left = ({ vault }: PairedVault) =>
  ['conversations', 'messages', 'message_versions', 'conversation_tags'].flatMap((table) =>
    vault.all<{ id: string }>(`SELECT id FROM ${table}`).map(({ id }) => id),
  )
const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)

describe('an erase beside what another device writes into the same conversation', () => {
  test.each(['the eraser hears first', 'the writer hears first', 'in pieces'])('%s', (order) => {
    using pair = pairedVaults(3)
    const [a, b, c] = pair.vaults as [PairedVault, PairedVault, PairedVault]
    put(a, conversation, ...message('m1', 'known to all'))
    for (const other of [b, c]) pull(other, a)
    put(b, ...message('m2', 'canary-in-a-message'), tag)
    erase(a)
    const [first, second] = order === 'the eraser hears first' ? [a, b] : [b, a]
    pull(first, second, order === 'in pieces' ? 1 : undefined)
    for (let round = 0; round < 3; round++)
      for (const to of [a, b, c]) for (const from of [a, b, c]) if (to !== from) pull(to, from)
    for (const vault of [a, b, c]) {
      expect(left(vault)).toEqual([])
      vault.vault.purge()
      for (const canary of ['canary-in-a-message', 'canary-in-a-tag', 'known to all'])
        expect(byteSearch(vault.folder, canary)).toEqual([])
    }
    expect(digestOf(b)).toBe(digestOf(a))
    expect(digestOf(c)).toBe(digestOf(a))
  })

  test('pieces of a blob that was on its way go as well', () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    const bytes = Buffer.alloc(300_000, 'x')
    const hash = a.vault.transact((tx) => {
      const name = tx.putBlob(bytes, 'c1')
      tx.write([conversation, message('m1', '')[0]!])
      tx.write([
        {
          kind: 'INSERT',
          entity: 'MessageVersion',
          key: 'm1:h',
          values: { message_id: 'm1', content_hash: 'h', parts_blob: name },
        },
      ])
      return new Uint8Array(Buffer.from(name, 'hex'))
    })
    pull(b, a)
    b.replica.storeBlobPiece(a.replica.readBlob({ hash, offset: 0, maxBytes: 100_000 }))
    expect(b.vault.all('SELECT hash FROM blob_pieces')).toHaveLength(1)
    erase(a)
    pull(b, a)
    expect(b.vault.all('SELECT hash FROM blob_pieces')).toEqual([])
  })
})
