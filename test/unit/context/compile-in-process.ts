import { ContextOrchestrator } from '../../../daemon/context/context-orchestrator.ts'
import { inThreadCounter } from '../../../daemon/tokenizer/in-thread-counter.ts'
import { contextMethods } from '../../../schema/methods/context.ts'
import { fillVault } from '../../support/small-corpus.ts'
import { temporaryVault } from '../../support/temporary-vault.ts'
import { CONVERSATIONS, TOPICS } from './corpus-fixture.ts'

/** Prints bundles of a vault made anew, without what names the vault's own log. */
using vault = temporaryVault()
fillVault(vault.vault, CONVERSATIONS, TOPICS)
const engine = new ContextOrchestrator(vault.vault, inThreadCounter)
for (const request of [
  { message: 'How hot is the water for green tea, and the kettle?', maxTokens: 700, conversationId: 'tea' },
  { message: '京都の茶室 and parseHttpHeader', maxTokens: 300 },
]) {
  const params = contextMethods['context.compile'].params.parse(request)
  const { epoch, ...bundle } = await engine.compile(params, new AbortController().signal)
  console.log(epoch.length, JSON.stringify(bundle))
}
