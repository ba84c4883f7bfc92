import type { Handlers } from '../../rpc/types.ts'
import type { NodeContext } from '../node-context.ts'

type NodeHandlers = Pick<
  Handlers,
  'node.status' | 'node.version' | 'node.health' | 'node.metrics' | 'node.shutdown'
>

export function nodeHandlers(node: NodeContext): NodeHandlers {
  return {
    'node.status': () => node.status(),
    'node.version': () => node.versions(),
    'node.health': async () => {
      const checks = await node.users.health()
      if (node.stopping) checks.push({ name: 'node', ok: false, ms: 0, message: 'The node is stopping.' })
      return { ok: checks.every(({ ok }) => ok), checks }
    },
    'node.metrics': () => ({ counters: node.counters() }),
    'node.shutdown': ({ reason = 'asked to' }) => {
      setImmediate(() => node.shutdown(reason))
      return { stopping: true, pid: process.pid }
    },
  }
}
