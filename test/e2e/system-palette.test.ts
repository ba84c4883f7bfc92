import { afterAll, expect, test } from 'vitest'
import { METHODS } from '../../schema/methods/index.ts'
import { eventually } from '../support/eventually.ts'
import { TestNode } from '../support/test-node.ts'

const LATE_MS = 120_000
const nodes: TestNode[] = []
afterAll(() => Promise.all(nodes.map((node) => node.dispose())))

async function running(...init: string[]): Promise<TestNode> {
  const node = await TestNode.start({ init })
  nodes.push(node)
  return node
}

test('the palette of an instance reaches its members, who go on with it alone', {
  timeout: 300_000,
}, async () => {
  const master = await running('--role', 'bootstrap')
  const hub = await master.client()
  const member = await running('--join', (await hub.call('master.status')).address!)
  let client = await member.client()
  const commands = async () => (await client.call('master.commands.list')).items
  const shipped = await commands()
  expect(shipped.map(({ trigger }) => trigger)).toContain('search')
  for (const { method } of [...shipped, ...(await client.call('master.actions.list')).items])
    expect(Object.keys(METHODS)).toContain(method)

  const label = 'Find\u001b it'
  await hub.call('master.commands.set', { trigger: 'find', label, actionCode: 'search', scope: 'chat' })
  const set = master.run('master', 'command', 'set', 'search', '--label', 'Look', '--action-code', 'topics')
  expect(set).toMatchObject({ status: 0, stderr: '' })
  await hub.call('master.commands.remove', { trigger: 'archive' })
  await hub.call('master.actions.set', { trigger: 'sync', label: 'Now', actionCode: 'sync-now' })
  const isThere = async () => !(await commands()).some(({ trigger }) => trigger === 'archive')
  await eventually('the member has it', isThere, LATE_MS)
  const find = { trigger: 'find', label, actionCode: 'search', scope: 'chat', method: 'search.query' }
  expect(await commands()).toContainEqual(find)
  expect(await commands()).toContainEqual({
    ...{ trigger: 'search', label: 'Look', actionCode: 'topics', scope: 'global', method: 'topics.list' },
  })
  expect(member.run('master', 'commands').stdout).not.toContain('\u001b')

  const refused = (method: 'set' | 'remove') =>
    method === 'set'
      ? client.call('master.commands.set', { trigger: 'x', label: 'x', actionCode: 'search' })
      : client.call('master.commands.remove', { trigger: 'find' })
  for (const method of ['set', 'remove'] as const)
    await expect(refused(method)).rejects.toMatchObject({ code: 'Conflict' })
  await expect(hub.call('master.actions.remove', { trigger: 'none' })).rejects.toMatchObject({
    code: 'NotFound',
  })
  const unknown = { trigger: 'x', label: 'x', actionCode: 'node.shutdown' as 'search' }
  await expect(hub.call('master.commands.set', unknown)).rejects.toMatchObject({ code: 'InvalidParams' })

  // Its master is gone, and it was started again.
  await master.stop()
  await member.restart()
  client = await member.client()
  expect(await commands()).toContainEqual(find)
  expect(
    (await client.call('master.actions.list')).items.find(({ trigger }) => trigger === 'sync')?.label,
  ).toBe('Now')
})
