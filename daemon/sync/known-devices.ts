import { GENESIS_HASH } from '../../crdt/log.ts'
import { hex } from '../../crdt/membership.ts'
import { readMembershipEntry, type VerifyRoot } from '../../crdt/membership-entry.ts'
import type { EpochKey } from '../../crdt/sealed-message.ts'
import { type MemberDocument, readMemberDocument } from '../identity/member-document.ts'
import { rootVerifier } from '../identity/member-reader.ts'
import type { ReplicaMembers } from '../vault/replica.ts'
import type { Standing } from './live-judge.ts'
import { openRendezvous, type Rendezvous } from './rendezvous.ts'

/** Another device of the same person, and where it was last. */
export interface KnownDevice extends Rendezvous {
  readonly device: Uint8Array
  readonly deviceDid: string
}

export interface MembersNews {
  /** How many devices there are, this one among them. */
  readonly count: number
  /** What a master may keep: this device's document, and what the root key signed. */
  readonly documents: readonly Uint8Array[]
  /** DIDs of other devices that were taken out. */
  readonly takenOut: readonly string[]
}

/** The devices of one person as their documents show them. */
export class KnownDevices {
  readonly #did: string
  readonly #epochs: () => readonly EpochKey[]
  #documents: readonly (MemberDocument & { readonly bytes: Uint8Array })[] = []
  #devices: readonly KnownDevice[] = []
  #excluded: ReadonlySet<string> = new Set()
  /** Peers of excluded devices. */
  #excludedPeers: ReadonlySet<string> = new Set()
  #signedByRoot: readonly Uint8Array[] = []
  readonly #verifyRoot: VerifyRoot
  /** Entries of the membership log, by hash in hex. */
  #heads: ReadonlySet<string> = new Set([hex(GENESIS_HASH)])

  constructor(did: string, epochs: () => readonly EpochKey[]) {
    this.#did = did
    this.#epochs = epochs
    this.#verifyRoot = rootVerifier(did)
  }

  update({ documents, excluded }: Pick<ReplicaMembers, 'documents' | 'excluded'>): void {
    this.#excluded = new Set(excluded)
    this.#documents = documents.flatMap((bytes) => {
      const document = readMemberDocument(bytes)
      return document?.did === this.#did ? [{ ...document, bytes }] : []
    })
    this.#heads = new Set([
      hex(GENESIS_HASH),
      ...documents.flatMap((bytes) => {
        const entry = readMembershipEntry(bytes, this.#did, this.#verifyRoot)
        return entry ? [hex(entry.hash)] : []
      }),
    ])
    // A node that was paired a second time is its newest device; the one before is gone.
    const newest = new Map<string, KnownDevice>()
    const members = this.#documents.filter(({ deviceDid }) => !this.#excluded.has(deviceDid))
    for (const document of members.sort((a, b) => a.sequence - b.sequence)) {
      const rendezvous = openRendezvous(this.#epochs(), document.rendezvous)
      const { device, deviceDid } = document
      if (rendezvous) newest.set(rendezvous.peerId, { ...rendezvous, device, deviceDid })
    }
    this.#devices = [...newest.values()]
    const out = this.#documents.filter(({ deviceDid }) => this.#excluded.has(deviceDid))
    const peers = out.map(({ rendezvous }) => openRendezvous(this.#epochs(), rendezvous)?.peerId)
    this.#excludedPeers = new Set(peers.filter((peerId) => peerId !== undefined))
    const devices = new Set(this.#documents.map(({ bytes }) => bytes))
    this.#signedByRoot = documents.filter((bytes) => !devices.has(bytes))
  }

  get list(): readonly KnownDevice[] {
    return this.#devices
  }

  /** How many there are, reachable or not. */
  get count(): number {
    return this.#documents.filter(({ deviceDid }) => !this.#excluded.has(deviceDid)).length
  }

  /** What others on this node may want to know, as the device `own`. */
  news(own: string): MembersNews {
    const takenOut = [...this.#excluded].filter((deviceDid) => deviceDid !== own)
    return { count: this.count, documents: this.publishable(own), takenOut }
  }

  /** The person took that device out. */
  excludes(deviceDid: string): boolean {
    return this.#excluded.has(deviceDid)
  }

  knows(bytes: Uint8Array): boolean {
    const isIt = (document: Uint8Array) => Buffer.compare(document, bytes) === 0
    return this.#documents.some((document) => isIt(document.bytes)) || this.#signedByRoot.some(isIt)
  }

  /** A device's document, read, and as it was signed. */
  documentOf(deviceDid: string): (MemberDocument & { readonly bytes: Uint8Array }) | undefined {
    return this.#documents.find((document) => document.deviceDid === deviceDid)
  }

  /** What the root key signed; whoever was taken out may see it too. */
  get signedByRoot(): readonly Uint8Array[] {
    return this.#signedByRoot
  }

  /** What a device may have a master keep: its own document, and what the root key signed. */
  publishable(deviceDid: string): readonly Uint8Array[] {
    const own = this.documentOf(deviceDid)
    return own ? [own.bytes, ...this.#signedByRoot] : this.#signedByRoot
  }

  /** What the devices that are not taken out say of themselves. */
  get saidByDevices(): readonly Uint8Array[] {
    return this.#documents.filter(({ deviceDid }) => !this.#excluded.has(deviceDid)).map(({ bytes }) => bytes)
  }

  /** What a peer may be told of the devices: one that was taken out learns why, and nothing of the others. */
  tellable(peerId: string, documents: readonly Uint8Array[]): readonly Uint8Array[] {
    return this.#excludedPeers.has(peerId) && !this.at(peerId) ? this.#signedByRoot : documents
  }

  /** What a device with that key is to this person. */
  standingOf(device: Uint8Array): Standing {
    const document = this.#documents.find((candidate) => Buffer.compare(candidate.device, device) === 0)
    if (!document) return 'unknown'
    return this.#excluded.has(document.deviceDid) ? 'revoked' : 'member'
  }

  /** The list of devices up to that entry is known here; so is the one without entries. */
  knowsMembership(head: Uint8Array): boolean {
    return this.#heads.has(hex(head))
  }

  /** The peer id of a device's node, also of one that was taken out. */
  peerOf(device: Uint8Array): string | undefined {
    const document = this.#documents.find((candidate) => Buffer.compare(candidate.device, device) === 0)
    return document && openRendezvous(this.#epochs(), document.rendezvous)?.peerId
  }

  /** The device whose node that is. */
  at(peerId: string): KnownDevice | undefined {
    return this.#devices.find((device) => device.peerId === peerId)
  }
}
