import type { z } from 'zod'
import { annotationsMethods } from './annotations.ts'
import { authMethods } from './auth.ts'
import { backupMethods } from './backup.ts'
import { captureMethods } from './capture.ts'
import { configMethods } from './config.ts'
import { contextMethods } from './context.ts'
import { conversationsMethods } from './conversations.ts'
import { devicesMethods } from './devices.ts'
import { knowledgeMethods } from './knowledge.ts'
import { liveCaptureMethods } from './live-capture.ts'
import { masterMethods } from './master.ts'
import type { Method } from './method.ts'
import { networkMethods } from './network.ts'
import { nodeMethods } from './node.ts'
import { notebooksMethods } from './notebooks.ts'
import { peersMethods } from './peers.ts'
import { rpcMethods } from './rpc.ts'
import { syncMethods } from './sync.ts'
import { usersMethods } from './users.ts'

/** The method table: the single source of validation, types, clients, commands, help, docs and tests. */
export const METHODS = {
  ...rpcMethods,
  ...nodeMethods,
  ...usersMethods,
  ...authMethods,
  ...configMethods,
  ...captureMethods,
  ...liveCaptureMethods,
  ...conversationsMethods,
  ...knowledgeMethods,
  ...contextMethods,
  ...annotationsMethods,
  ...notebooksMethods,
  ...syncMethods,
  ...devicesMethods,
  ...peersMethods,
  ...masterMethods,
  ...backupMethods,
  ...networkMethods,
} as const

type Methods = typeof METHODS
export type MethodName = keyof Methods
/** What a caller sends. */
export type ParamsInput<M extends MethodName> = z.input<Methods[M]['params']>
/** What a handler receives: parsed, with defaults. */
export type Params<M extends MethodName> = z.output<Methods[M]['params']>
export type Result<M extends MethodName> = z.output<Methods[M]['result']>

type UserNamespace =
  | 'capture'
  | 'conversations'
  | 'acus'
  | 'topics'
  | 'search'
  | 'context'
  | 'annotations'
  | 'notebooks'
  | 'sync'
  | 'devices'
/** Of these namespaces, what needs the network and is answered on the main thread. */
type NetworkMethodName = Extract<
  MethodName,
  | 'sync.now'
  | 'sync.audit'
  | 'devices.revoke'
  | 'devices.renew'
  | 'devices.resolve'
  | `devices.pair.${string}`
>
/** Methods that run inside the user's worker. */
export type UserMethodName = Exclude<Extract<MethodName, `${UserNamespace}.${string}`>, NetworkMethodName>
/** Methods that run on the main thread. */
export type NodeMethodName = Exclude<MethodName, UserMethodName>

export function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(METHODS, name)
}

/** A method of the table under its general type. */
export function methodOf(name: MethodName): Method {
  return METHODS[name] as unknown as Method
}

/** True for methods that the user's own worker answers. */
export function isUserMethod(name: MethodName): name is UserMethodName {
  const { access, served } = methodOf(name)
  return access !== 'open' && access !== 'owner' && served !== 'gateway'
}

export type { Access, Example, Method } from './method.ts'
