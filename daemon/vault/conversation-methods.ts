import type { UserMethodName } from '../../schema/methods/index.ts'
import type { UserMethods } from '../users/user-engine.ts'
import type { Conversations } from './conversations.ts'

/** The `conversations.*` methods of one user. */
export function conversationMethods(
  conversations: Conversations,
): UserMethods<
  Exclude<
    Extract<UserMethodName, `conversations.${string}`>,
    'conversations.append' | 'conversations.attachment'
  >
> {
  return {
    'conversations.list': (params, call) => conversations.list(params, call.maxSecurityLevel),
    'conversations.get': (params, call) => conversations.get(params, call.maxSecurityLevel),
    'conversations.rename': (params, call) => conversations.rename(params, call.maxSecurityLevel),
    'conversations.tag': (params, call) => conversations.tag(params, call.maxSecurityLevel),
    'conversations.archive': ({ id }, call) => conversations.setState(id, 'ARCHIVED', call.maxSecurityLevel),
    'conversations.unarchive': ({ id }, call) => conversations.setState(id, 'ACTIVE', call.maxSecurityLevel),
    'conversations.delete': (params) => conversations.delete(params),
    'conversations.restore': (params, call) => conversations.restore(params, call.maxSecurityLevel),
    'conversations.trash': (params, call) => conversations.trash(params, call.maxSecurityLevel),
    'conversations.stats': () => conversations.stats(),
  }
}
