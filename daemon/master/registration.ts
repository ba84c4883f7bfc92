import { issueMemberDocument } from '../identity/member-document.ts'
import type { UserKeys } from '../identity/user-keys.ts'
import { issueUserRecord } from '../identity/user-record.ts'
import type { MasterLog } from './master-log.ts'
import type { MasterService } from './master-service.ts'

export interface RegistrationOptions {
  readonly master: Pick<MasterService, 'publishUser' | 'publishDevice'>
  /** Milliseconds UTC. */
  readonly now: () => number
  /** Where this node is reached, sealed for the user's other devices. */
  readonly rendezvous: (keys: UserKeys) => Uint8Array
  readonly log: MasterLog
}

/** Makes this node's users and devices known to a master, now or whenever there is one. */
export class Registration {
  readonly #options: RegistrationOptions

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
    const { master, now, log } = this.#options
    const user = issueUserRecord(deviceKey, document, { did, displayName, sequence: now() })
    Promise.all([master.publishDevice(document), master.publishUser(user)]).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      log.warn({ reason }, 'a registration cannot be kept for the master')
    })
  }
}
