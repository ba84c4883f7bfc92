import { type LogPosition, logName } from '../../crdt/frontier.ts'
import type { VaultReplica } from './vault-replica.ts'

/** A device that was taken out, by one of the others. */
export interface Removal {
  readonly device: Uint8Array
  /** How far each of its logs counts, by the log's name: what the other one held. Of the rest nothing counts. */
  readonly cutOffs: ReadonlyMap<string, number>
}

/** What was decided of devices that are gone, taken down when it was; and who knows of it. */
export class Removals {
  readonly #all: Removal[] = []

  add(removal: Removal): void {
    this.#all.push(removal)
  }

  /** It did not come to be: the process ended before. */
  forget(removal: Removal): void {
    this.#all.splice(this.#all.indexOf(removal), 1)
  }

  has(device: Uint8Array): boolean {
    return this.#all.some((removal) => Buffer.compare(removal.device, device) === 0)
  }

  /** How many of a log's operations count in the end: of every cut-off the least. */
  limit(log: Omit<LogPosition, 'sequence'>): number {
    return limitOf(this.#all, log)
  }

  /** How many of a log's operations count for a device, by the decisions it has heard of. */
  limitFor({ vault }: VaultReplica, log: Omit<LogPosition, 'sequence'>): number {
    const heard = new Set(
      [...vault.records.cutOffs.values()].map(({ device, logs }) =>
        nameOf({
          device,
          cutOffs: new Map(
            logs.map(({ incarnation, sequence }) => [logName({ device, incarnation }), sequence]),
          ),
        }),
      ),
    )
    return limitOf(
      this.#all.filter((removal) => heard.has(nameOf(removal))),
      log,
    )
  }

  /** Decisions that a device has not heard of. */
  unheard(replica: VaultReplica): readonly Removal[] {
    return this.#all.filter(({ device }) => !replica.vault.authority.isTakenOut(device))
  }
}

function limitOf(removals: readonly Removal[], log: Omit<LogPosition, 'sequence'>): number {
  const limits = removals
    .filter(({ device }) => Buffer.compare(device, log.device) === 0)
    .map(({ cutOffs }) => cutOffs.get(logName(log)) ?? 0)
  return Math.min(Number.POSITIVE_INFINITY, ...limits)
}

function nameOf({ device, cutOffs }: Removal): string {
  return JSON.stringify([Buffer.from(device).toString('hex'), [...cutOffs].sort()])
}
