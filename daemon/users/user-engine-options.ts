import type { KeyObject } from 'node:crypto'
import type { MessagePort } from 'node:worker_threads'
import type { Frontier } from '../../crdt/frontier.ts'
import type { UserEngine } from './user-engine.ts'

/** What a user's engine is opened with, in whichever thread it runs. */
export interface UserEngineOptions {
  readonly did: string
  readonly deviceDid: string
  /** Absolute; its folder exists. */
  readonly databasePath: string
  /** The device's private Ed25519 key. */
  readonly deviceKey: KeyObject
  /** 32 bytes each. */
  readonly vaultKey: Uint8Array
  readonly spaceSecret: Uint8Array
  /** Added to the machine's clock; 0 outside tests. */
  readonly clockOffsetMs: number
  /** The node's own folders: no import reads them. */
  readonly privateFolders?: readonly string[]
  /** The way to the token counter all users share. */
  readonly tokenizer?: MessagePort
  /**
   * Told before work that must survive a crash is acknowledged, and again when none is left. What it does is durable
   * when it returns in the same thread, and before later answers are seen in another.
   */
  onPendingWork(pending: boolean): void
  /**
   * Operations were made or taken in; several commits in a row may be told once. `written` are signed segments of what
   * this device wrote since it last told, unless that is much.
   */
  onCommitted(frontier: Frontier, written: readonly Uint8Array[]): void
  /** Work in the background failed and goes on without what failed; `part` names the part and holds no content. */
  onProblem(part: string, error: unknown): void
}

/** What an engine tells of itself; the rest of its options can cross to another thread. */
export type EngineListeners = 'onPendingWork' | 'onCommitted' | 'onProblem'

export type OpenUserEngine = (options: UserEngineOptions) => Promise<UserEngine>
