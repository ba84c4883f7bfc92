import { expect, test } from 'vitest'
import { rebuildTopics } from '../../../../daemon/knowledge/topics/topic-rows.ts'
import { temporaryVault } from '../../../support/temporary-vault.ts'

test('topics of units that were removed meanwhile are not stored', async () => {
  using temporary = temporaryVault()
  const { vault } = temporary
  vault.run(
    `INSERT INTO topic_profiles (id, label, terms_json, unit_count, conversation_count) VALUES ('t', 'kept', '[]', 3, 2)`,
  )
  await rebuildTopics(
    vault,
    async () => {},
    () => false,
  )
  expect(vault.all('SELECT id FROM topic_profiles')).toEqual([{ id: 't' }])
  await rebuildTopics(
    vault,
    async () => {},
    () => true,
  )
  expect(vault.all('SELECT id FROM topic_profiles')).toEqual([])
})
