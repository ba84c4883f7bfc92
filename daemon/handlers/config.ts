import type { Handlers } from '../../rpc/types.ts'
import type { NodeContext } from '../node-context.ts'

type ConfigHandlers = Pick<Handlers, 'config.list' | 'config.get' | 'config.set'>

export function configHandlers({ config }: NodeContext): ConfigHandlers {
  return {
    'config.list': () => ({ items: config.list() }),
    'config.get': ({ key }) => config.get(key),
    'config.set': ({ key, value }) => config.set(key, value),
  }
}
