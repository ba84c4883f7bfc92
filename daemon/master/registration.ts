import { sha256 } from '../../crdt/hash.ts'
import { hex } from '../../crdt/membership.ts'
import { readMembershipEntry } from '../../crdt/membership-entry.ts'
import { issueMemberDocument, readMemberDocument } from '../identity/member-document.ts'
import { rootVerifier } from '../identity/member-reader.ts'
import { issueSealedRecord, readSealedRecord } from '../identity/sealed-record.ts'
import type { UserKeys } from '../identity/user-keys.ts'
import { issueUserRecord } from '../identity/user-record.ts'
import type { MasterLog } from './master-log.ts'
import type { MasterService } from './master-service.ts'
import type { RegistryEntry } from './registry.ts'

export interface RegistrationOptions {
  readonly master: Pick<MasterService, 'publish'>
  /** Milliseconds UTC. */
  readonly now: () => number
  /** Where this node is reached, sealed for the user's other devices. */
  readonly rendezvous: (keys: UserKeys) => Uint8Array
  readonly log: MasterLog
}

/** Makes this node's users and devices known to a master, now or whenever there is one. */
export class Registration {
  readonly #options: RegistrationOptions
  /** Hashes of what was handed over since this node started. */
  readonly #handed = new Set<string>()

  constructor(options: RegistrationOptions) {
    this.#options = options
  }

  /** Signs a new document of this device and publishes it. Never throws. */
  register(keys: UserKeys, displayName: string | null): void {
    const { now, rendezvous } = this.#options
    const { deviceKey, did, deviceDid, chain, receiveKey } = keys
    const record = { did, deviceDid, chain, receiveKey, sequence: now(), rendezvous: rendezvous(keys) }
    this.publish(keys, issueMemberDocument(deviceKey, record), displayName)
  }

  /** Publishes a document that this device signed, and who the person is. Never throws. */
  publish({ deviceKey, did }: UserKeys, document: Uint8Array, displayName: string | null): void {
    const { master, now } = this.#options
    const user = issueUserRecord(deviceKey, document, { did, displayName, sequence: now() })
    this.#keep(Promise.all([master.publish('device', document), master.publish('user', user)]))
  }

  /**
   * Publishes what the root key signed of a person's devices, so that a device learns of it that meets none of the
   * others: the DID log as it is, the rest under this device's signature. Never throws.
   */
  publishMembership({ deviceKey, did, deviceDid }: UserKeys, documents: readonly Uint8Array[]): void {
    const { master } = this.#options
    const own = documents.find((document) => readMemberDocument(document)?.deviceDid === deviceDid)
    for (const document of documents) {
      const name = hex(sha256(document))
      if (this.#handed.has(name) || readMemberDocument(document)) continue
      const isEntry = readMembershipEntry(document, did, rootVerifier(did)) !== undefined
      if (!isEntry && !own) continue
      this.#handed.add(name)
      if (isEntry) this.#keep(master.publish('entry', document))
      else
        this.#keep(master.publish('sealed', issueSealedRecord(deviceKey, own!, { did, payload: document })))
    }
  }

  #keep(published: Promise<unknown>): void {
    published.catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      this.#options.log.warn({ reason }, 'a registration cannot be kept for the master')
    })
  }
}

/** What a master's answer says of a person's devices, in the form in which these hand it each other. */
export function documentsOf(entry: RegistryEntry | undefined): Uint8Array[] {
  if (!entry) return []
  const others = entry.records.flatMap(({ kind, bytes }) =>
    kind === 'entry' ? [bytes] : (readSealedRecord(bytes)?.payload ?? []),
  )
  return [...entry.devices, ...others]
}
