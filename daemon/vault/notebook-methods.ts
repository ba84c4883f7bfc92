import type { UserMethodName } from '../../schema/methods/index.ts'
import type { UserMethods } from '../users/user-engine.ts'
import type { Notebooks } from './notebooks.ts'

/** The `notebooks.*` methods of one user. */
export function notebookMethods(
  notebooks: Notebooks,
): UserMethods<Extract<UserMethodName, `notebooks.${string}`>> {
  return {
    'notebooks.list': (params, call) => notebooks.list(params, call.maxSecurityLevel),
    'notebooks.get': ({ id }, call) => notebooks.get(id, call.maxSecurityLevel),
    'notebooks.create': (params, call) => notebooks.create(params, call.maxSecurityLevel),
    'notebooks.update': (params, call) => notebooks.update(params, call.maxSecurityLevel),
    'notebooks.delete': (params) => notebooks.delete(params),
    'notebooks.export': ({ id }, call) => notebooks.export(id, call.maxSecurityLevel),
    'notebooks.entries.add': (params, call) => notebooks.add(params, call.maxSecurityLevel),
    'notebooks.entries.edit': (params, call) => notebooks.edit(params, call.maxSecurityLevel),
    'notebooks.entries.move': (params, call) => notebooks.move(params, call.maxSecurityLevel),
    'notebooks.entries.remove': (params) => notebooks.remove(params),
  }
}
