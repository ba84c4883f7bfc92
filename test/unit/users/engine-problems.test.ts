import { MessageChannel } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { serveUserEngine } from '../../../daemon/users/serve-user-engine.ts'
import type { UserEngineOptions } from '../../../daemon/users/user-engine-options.ts'
import type { FromEngine } from '../../../daemon/users/user-messages.ts'
import { VivimError } from '../../../schema/errors.ts'

test('a failure in the background crosses to the log by part and code, without what it says', async () => {
  const { port1, port2 } = new MessageChannel()
  const problems: FromEngine[] = []
  const told = new Promise<void>((resolve) => {
    port2.on('message', (message: FromEngine) => {
      if (message.type === 'problem') problems.push(message)
      if (problems.length === 2) resolve()
    })
  })
  const served = serveUserEngine(port1, {} as UserEngineOptions, async ({ onProblem }) => {
    onProblem('tidying', new VivimError('StorageFull'))
    onProblem('import', new Error('canary of a conversation'))
    return {
      call: async () => ({}) as never,
      replica: {} as never,
      probe: async () => {},
      busy: false,
      close: async () => {},
    }
  })
  await told
  port2.postMessage({ type: 'close' })
  await served
  port1.close()
  expect(problems).toMatchObject([
    { part: 'tidying', error: { code: 'StorageFull' } },
    { part: 'import', error: { code: 'Internal' }, trace: expect.stringContaining('engine-problems') },
  ])
  expect(JSON.stringify(problems)).not.toContain('canary')
})
