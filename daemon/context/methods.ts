import type { UserCall, UserMethods } from '../users/user-engine.ts'
import type { Vault } from '../vault/vault.ts'
import { ContextOrchestrator } from './context-orchestrator.ts'
import type { TokenCounter } from './token-counter.ts'

export interface ContextDeps {
  readonly vault: Vault
  readonly counter: TokenCounter
}

/** The methods of search and context over one open vault; what they keep in memory lives as long as the table. */
export function contextMethods({
  vault,
  counter,
}: ContextDeps): UserMethods<'search.query' | 'context.compile'> {
  const orchestrator = new ContextOrchestrator(vault, counter)
  return {
    'search.query': (params, call: UserCall) => orchestrator.search(params, call.maxSecurityLevel),
    'context.compile': (params, call: UserCall) =>
      orchestrator.compile(
        { ...params, maxSecurityLevel: Math.min(params.maxSecurityLevel, call.maxSecurityLevel) },
        call.signal,
      ),
  }
}
