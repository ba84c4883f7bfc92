import type { UserMethodName } from '../../schema/methods/index.ts'
import type { UserMethods } from '../users/user-engine.ts'
import type { Annotations } from './annotations.ts'

/** The `annotations.*` methods of one user. */
export function annotationMethods(
  annotations: Annotations,
): UserMethods<Extract<UserMethodName, `annotations.${string}`>> {
  return {
    'annotations.list': (params, call) => annotations.list(params, call.maxSecurityLevel),
    'annotations.create': (params, call) => annotations.create(params, call.maxSecurityLevel),
    'annotations.edit': (params, call) => annotations.edit(params, call.maxSecurityLevel),
    'annotations.delete': (params) => annotations.delete(params),
  }
}
