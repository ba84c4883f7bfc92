import type { Transferable } from 'node:worker_threads'
import type { Frontier } from '../../crdt/frontier.ts'
import { type ErrorData, VivimError } from '../../schema/errors.ts'
import type { UserMethodName } from '../../schema/methods/index.ts'
import type { ReplicaAction } from '../vault/replica.ts'
import type { Progress } from './user-engine.ts'

export type ErrorObject = { message: string } & ErrorData

/** Main thread to engine. `id` numbers calls, replica actions and probes of one link. */
export type ToEngine =
  | {
      readonly type: 'call'
      readonly id: number
      readonly method: UserMethodName
      readonly params: unknown
      readonly maxSecurityLevel: number
      readonly mayReadPaths: boolean
    }
  | {
      readonly type: 'replicate'
      readonly id: number
      readonly action: ReplicaAction
      readonly params: unknown
    }
  | { readonly type: 'probe'; readonly id: number }
  | { readonly type: 'abort'; readonly id: number; readonly reason: ErrorObject }
  | { readonly type: 'close' }

/** Engine to main thread. `trace` are stack frames for the log, without the message: that could quote content. */
export type FromEngine =
  | { readonly type: 'opened' }
  | { readonly type: 'refused'; readonly error: ErrorObject; readonly trace?: string }
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'failure'; readonly id: number; readonly error: ErrorObject; readonly trace?: string }
  | { readonly type: 'progress'; readonly id: number; readonly progress: Progress }
  | { readonly type: 'pending'; readonly pending: boolean }
  | {
      readonly type: 'committed'
      readonly frontier: Frontier
      readonly written: readonly Uint8Array[]
    }
  | { readonly type: 'problem'; readonly part: string; readonly error: ErrorObject; readonly trace?: string }
  | { readonly type: 'closed'; readonly error?: ErrorObject; readonly trace?: string }

/** An error as it crosses: ours by code, anything else as `Internal` with its stack frames for the log. */
export function describeError(error: unknown): { error: ErrorObject; trace?: string } {
  if (error instanceof VivimError) return { error: error.toObject() }
  return { error: new VivimError('Internal').toObject(), trace: traceOf(error) }
}

function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return [error.name, ...frames].join('\n')
}

/**
 * The buffers in a value that may move instead of being copied: those a byte array fills. A view into a larger buffer
 * is a piece of a pool, which others use.
 */
export function transferables(value: unknown, found: Set<ArrayBuffer> = new Set()): Transferable[] {
  collect(value, found)
  return [...found]
}

function collect(value: unknown, found: Set<ArrayBuffer>): void {
  if (typeof value !== 'object' || value === null) return
  if (value instanceof Uint8Array) {
    if (value.buffer instanceof ArrayBuffer && value.byteLength === value.buffer.byteLength)
      found.add(value.buffer)
    return
  }
  for (const item of Object.values(value)) collect(item, found)
}
