import type { KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Result } from '../../schema/methods/index.ts'
import {
  ACTION_METHODS,
  type ActionCode,
  SHIPPED_ACTIONS,
  SHIPPED_COMMANDS,
  type SystemAction,
  type SystemCommand,
} from '../../schema/system-palette.ts'
import { replaceFile } from '../identity/atomic-file.ts'
import { encodeDid } from '../identity/did.ts'
import { publicKeyBytes } from '../identity/ed25519.ts'
import { publicKeyOfPeer } from '../identity/node-key.ts'
import { issuePalette, NO_CHANGES, type PaletteChanges, readPalette } from '../identity/palette-record.ts'
import type { MasterService } from './master-service.ts'

export interface SystemPaletteOptions {
  /** `<home>/master`. */
  readonly folder: string
  readonly nodeKey: KeyObject
  readonly master: Pick<MasterService, 'find' | 'role' | 'state' | 'instancePeerId' | 'putOwn'>
  /** Milliseconds UTC. */
  readonly now: () => number
}

type Part = 'commands' | 'actions'
const REMOVED = { commands: 'removedCommands', actions: 'removedActions' } as const

/** The slash palette of the instance this node belongs to: what is shipped, with what its operator changed and signed. */
export class SystemPalette {
  readonly #options: SystemPaletteOptions

  constructor(options: SystemPaletteOptions) {
    this.#options = options
  }

  async commands(signal?: AbortSignal): Promise<Result<'master.commands.list'>> {
    const changes = await this.#changes(signal)
    return { items: shown(merged(SHIPPED_COMMANDS, changes.commands, changes.removedCommands)) }
  }

  async actions(signal?: AbortSignal): Promise<Result<'master.actions.list'>> {
    const changes = await this.#changes(signal)
    return { items: shown(merged(SHIPPED_ACTIONS, changes.actions, changes.removedActions)) }
  }

  /** @throws VivimError `Conflict` unless this is a bootstrap node, `Exhausted`, `Unavailable` */
  async setCommand(command: SystemCommand): Promise<void> {
    await this.#change((changes) => ({
      ...changes,
      commands: [...changes.commands.filter(({ trigger }) => trigger !== command.trigger), command],
      removedCommands: changes.removedCommands.filter((trigger) => trigger !== command.trigger),
    }))
  }

  /** @throws as `setCommand` */
  async setAction(action: SystemAction): Promise<void> {
    await this.#change((changes) => ({
      ...changes,
      actions: [...changes.actions.filter(({ trigger }) => trigger !== action.trigger), action],
      removedActions: changes.removedActions.filter((trigger) => trigger !== action.trigger),
    }))
  }

  /** @throws as `setCommand`; `NotFound` */
  async remove(part: Part, trigger: string): Promise<void> {
    const { items } = await this[part]()
    if (!items.some((item) => item.trigger === trigger))
      throw new VivimError('NotFound', 'There is no such entry.', { field: 'trigger' })
    await this.#change((changes) => ({
      ...changes,
      [part]: changes[part].filter((item) => item.trigger !== trigger),
      [REMOVED[part]]: [...new Set([...changes[REMOVED[part]], trigger])],
    }))
  }

  async #change(edit: (changes: PaletteChanges) => PaletteChanges): Promise<void> {
    const { master, nodeKey, now } = this.#options
    if (master.role !== 'bootstrap')
      throw new VivimError(
        'Conflict',
        'The operator of the instance changes its palette, on the bootstrap node.',
      )
    const before = await this.#stored()
    const changes = edit(before?.changes ?? NO_CHANGES)
    if (Object.values(changes).some(({ length }) => length > LIMITS.paletteEntries))
      throw new VivimError('Exhausted', `A palette has at most ${LIMITS.paletteEntries} entries.`)
    const sequence = Math.max(now(), (before?.sequence ?? 0) + 1)
    await master.putOwn('palette', issuePalette(nodeKey, { sequence, changes }))
  }

  /** What the instance said last, as far as is known here. Never throws. */
  async #changes(signal?: AbortSignal): Promise<PaletteChanges> {
    const kept = this.#kept()
    if (this.#options.master.state().state !== 'online') return kept?.changes ?? NO_CHANGES
    try {
      const deadline = AbortSignal.timeout(LIMITS.paletteMs)
      const found = await this.#stored(signal ? AbortSignal.any([signal, deadline]) : deadline)
      if (!found || found.sequence <= (kept?.sequence ?? -1)) return kept?.changes ?? NO_CHANGES
      replaceFile(this.#file, found.bytes)
      return found.changes
    } catch {
      return kept?.changes ?? NO_CHANGES
    }
  }

  async #stored(signal?: AbortSignal) {
    const did = this.#instance
    const entry = did === undefined ? undefined : await this.#options.master.find(did, signal)
    const bytes = entry?.records.find(({ kind }) => kind === 'palette')?.bytes
    const record = bytes && readPalette(bytes)
    return bytes && record && record.did === did ? { ...record, bytes } : undefined
  }

  /** Of another instance than this node's it says nothing. */
  #kept() {
    try {
      const record = readPalette(new Uint8Array(readFileSync(this.#file)))
      return record?.did === this.#instance ? record : undefined
    } catch {
      return undefined
    }
  }

  get #file(): string {
    return join(this.#options.folder, 'palette')
  }

  get #instance(): string | undefined {
    const { master, nodeKey } = this.#options
    if (master.role === 'bootstrap') return encodeDid(publicKeyBytes(nodeKey))
    const key = master.instancePeerId === undefined ? undefined : publicKeyOfPeer(master.instancePeerId)
    return key && encodeDid(key)
  }
}

function merged<Item extends SystemAction>(
  shipped: readonly Item[],
  changed: readonly Item[],
  removed: readonly string[],
): Item[] {
  const all = new Map([...shipped, ...changed].map((item) => [item.trigger, item]))
  for (const trigger of removed) all.delete(trigger)
  return [...all.values()].sort((a, b) => (a.trigger < b.trigger ? -1 : 1))
}

/** With the one method that each stands for. */
function shown<Item extends { readonly actionCode: ActionCode }>(
  items: readonly Item[],
): (Item & { method: string })[] {
  return items.map((item) => ({ ...item, method: ACTION_METHODS[item.actionCode] }))
}
