import type { KeyObject } from 'node:crypto'
import type { Frontier } from '../../crdt/frontier.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Params, Result } from '../../schema/methods/index.ts'
import { readMemberDocument } from '../identity/member-document.ts'
import type { Revocation } from '../identity/revocation.ts'
import type { UserKeys } from '../identity/user-keys.ts'
import type { FrameStream, Network } from '../network/network.ts'
import { StreamAllowance } from '../network/stream-allowance.ts'
import { DeviceDirectory } from './device-directory.ts'
import { answerProposal, SYNC_PROTOCOL, SYNC_STREAM } from './handshake.ts'
import type { MembersNews } from './known-devices.ts'
import { ownRendezvous } from './own-rendezvous.ts'
import type { SyncParty } from './party.ts'
import { openRendezvous } from './rendezvous.ts'
import { answerRenewal, RENEW_PROTOCOL, RENEW_STREAM } from './renewal-protocol.ts'
import type { Replicate, ReplicateIfOpen } from './sync-session.ts'
import { UserSync } from './user-sync.ts'
import type { UserSyncOptions } from './user-sync-options.ts'

export interface SyncServiceOptions
  extends Pick<UserSyncOptions, 'network' | 'now' | 'random' | 'log' | 'count' | 'lookUp'> {
  readonly replicate: (did: string) => Replicate
  readonly ifOpen: (did: string) => ReplicateIfOpen
  /** The way to a user's database while it is open. */
  readonly openVault: (did: string) => Replicate | undefined
  /** A user's own document is new or confirmed. */
  readonly onDocument: (keys: UserKeys, document: Uint8Array) => void
  readonly onMembers: (keys: UserKeys, members: MembersNews) => void
  /** The certificates of a device are others: its keys, to be kept. @throws as the keystore */
  readonly onRenewed: (keys: UserKeys) => void
  /** The device a name means; undefined when it is no name of theirs. */
  readonly deviceNamed: (did: string, name: string) => Promise<string | undefined>
}

/** Synchronises the unlocked users of this node with their other devices. */
export class SyncService {
  readonly #options: SyncServiceOptions
  readonly #network: Network
  readonly #users = new Map<string, { readonly user: UserSync; readonly started: Promise<void> }>()
  readonly #allowance: StreamAllowance
  readonly #directory: DeviceDirectory
  #stopListening: (() => void)[] = []

  constructor(options: SyncServiceOptions) {
    this.#options = options
    this.#network = options.network
    this.#directory = new DeviceDirectory({ network: options.network, now: options.now })
    this.#allowance = new StreamAllowance({
      perPeer: LIMITS.syncHellosPerPeer,
      ofAll: LIMITS.syncHellos,
      now: options.now,
    })
  }

  start(): void {
    this.#directory.start()
    this.#network.handle(SYNC_PROTOCOL, SYNC_STREAM, (stream) => this.#answer(stream))
    this.#network.handle(RENEW_PROTOCOL, RENEW_STREAM, (stream) => this.#renew(stream))
    this.#stopListening = [
      this.#network.onPeer((peerId, connected) => {
        if (connected) for (const { user } of this.#users.values()) user.peerFound(peerId)
      }),
      this.#network.onDiscovered((peerId, addresses) => {
        for (const { user } of this.#users.values()) user.peerFound(peerId, addresses)
      }),
    ]
  }

  stop(): void {
    this.#directory.stop()
    for (const stop of this.#stopListening) stop()
    this.#network.unhandle(SYNC_PROTOCOL)
    this.#network.unhandle(RENEW_PROTOCOL)
    for (const did of [...this.#users.keys()]) this.remove(did)
  }

  /** A user's keys are at hand: from now on their devices are kept in step. Resolves once they are looked for. */
  async add(keys: UserKeys): Promise<void> {
    const present = this.#users.get(keys.did)
    if (present) {
      present.user.reopened()
      return present.started
    }
    const user = this.#userOf(keys)
    const started = user.start()
    this.#users.set(keys.did, { user, started })
    try {
      await started
    } catch (error) {
      if (this.#users.get(keys.did)?.user === user) this.remove(keys.did)
      throw error
    }
  }

  #userOf(keys: UserKeys): UserSync {
    const { network, now, random, log, count, replicate, ifOpen, openVault, onDocument } = this.#options
    const { onMembers, onRenewed } = this.#options
    return new UserSync({
      keys,
      network,
      now,
      random,
      log,
      count,
      lookUp: (person) => this.#lookUp(person),
      replicate: replicate(keys.did),
      ifOpen: ifOpen(keys.did),
      openVault: () => openVault(keys.did),
      onRenewed,
      onDocument: (document) => {
        this.#directory.publish(keys.did, this.currentKeys(keys).epochs, keys.deviceDid, document)
        onDocument(keys, document)
      },
      onMembers: (news) => {
        const others = this.#users.get(keys.did)?.user.otherDevices ?? []
        network.protect(
          keys.did,
          others.map(({ peerId }) => peerId),
        )
        onMembers(keys, news)
      },
    })
  }

  /** The user's keys are gone: sessions end, topics are left. */
  remove(did: string): void {
    this.#users.get(did)?.user.stop()
    this.#network.protect(did, [])
    this.#directory.forget(did)
    this.#users.delete(did)
  }

  /** @param written signed segments of what this device committed, if that was little */
  committed(did: string, frontier: Frontier, written: readonly Uint8Array[]): void {
    this.#users.get(did)?.user.committed(frontier, written)
  }

  /** The network came up. */
  async networkChanged(): Promise<void> {
    await Promise.allSettled([...this.#users.values()].map(({ user }) => user.networkChanged()))
  }

  /** A device was paired: its document, as it signed it. */
  async addMember(did: string, document: Uint8Array): Promise<void> {
    await this.#user(did).addMember(document)
  }

  /** A user's devices and keys, for those who leave something for the ones that are away. */
  party(did: string): SyncParty | undefined {
    return this.#users.get(did)?.user.party
  }

  get dids(): readonly string[] {
    return [...this.#users.keys()]
  }

  /** Documents of a user's devices that came another way than over a session. */
  async learn(did: string, documents: readonly Uint8Array[]): Promise<void> {
    await this.#user(did).learn(documents)
  }

  /** Nodes of users' other devices that this node is in a session with. */
  connectedPeers(): readonly string[] {
    return [...new Set([...this.#users.values()].flatMap(({ user }) => user.connectedPeers))]
  }

  /** What this device's document says of where it is. */
  rendezvous(keys: UserKeys): Uint8Array {
    return ownRendezvous(this.#network, this.currentKeys(keys))
  }

  /** The same keys with the epochs that began since they were unlocked. */
  currentKeys(keys: UserKeys): UserKeys {
    return this.#users.get(keys.did)?.user.keys ?? keys
  }

  /** The keys with which another device is let in. @throws VivimError `Conflict` while none may be */
  enrollingKeys(keys: UserKeys): UserKeys {
    this.#users.get(keys.did)?.user.insistOnEnrolling()
    return this.currentKeys(keys)
  }

  /** What the table of the bootstrap nodes says of the other devices of a user. @throws as `syncNow` */
  async findDevices(did: string): Promise<Result<'network.dht.find'>> {
    const user = this.#online(did)
    const others = user.otherDevices.map(({ deviceDid }) => deviceDid)
    const documents = await this.#directory.find(user.keys.epochs, others)
    const items = documents.flatMap((bytes) => {
      const document = readMemberDocument(bytes)
      const found = document && openRendezvous(user.keys.epochs, document.rendezvous)
      return found
        ? [{ deviceDid: document.deviceDid, at: document.sequence, addresses: [...found.addresses] }]
        : []
    })
    return { items }
  }

  /** What others know of a user's devices, the table only when it was not asked a moment ago. */
  async #lookUp(did: string): Promise<readonly Uint8Array[]> {
    const user = this.#users.get(did)?.user
    const others = user?.otherDevices.map(({ deviceDid }) => deviceDid) ?? []
    const found = await Promise.allSettled([
      this.#options.lookUp(did),
      user ? this.#directory.findNowAndThen(did, user.keys.epochs, others) : [],
    ])
    return found.flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
  }

  /** Takes a device out. @throws as `makeRevocation`; `Unavailable` for a user that is not synchronised yet */
  async revoke(did: string, rootKey: KeyObject, deviceDid: string): Promise<Revocation> {
    return this.#user(did).revoke(rootKey, deviceDid)
  }

  /** Settles on one of two versions of the list of devices. @throws as `UserSync.resolve` */
  async resolve(did: string, rootKey: KeyObject, number: number, hash: string): Promise<void> {
    await this.#user(did).resolve(rootKey, number, hash)
  }

  /** @throws VivimError `Unavailable` while the network is off, `NotFound` for a device that is not theirs */
  async syncNow(did: string, { peer }: Params<'sync.now'>): Promise<Result<'sync.now'>> {
    return this.#online(did).syncNow(await this.#meant(did, peer))
  }

  /** @throws VivimError `Unavailable` while the network is off, `NotFound` for a device that is not theirs */
  async audit(did: string, { peer }: Params<'sync.audit'>): Promise<Result<'sync.audit'>> {
    return this.#online(did).audit(await this.#meant(did, peer))
  }

  #online(did: string): UserSync {
    if (!this.#network.running)
      throw new VivimError('Unavailable', 'The network is off.', {
        hint: '`vivimd config set network.enabled true` takes this device online.',
      })
    return this.#user(did)
  }

  /** Which devices a person means by a name or a DID; all when they say nothing. */
  async #meant(did: string, peer: string | undefined): Promise<(deviceDid: string) => boolean> {
    if (peer === undefined) return () => true
    const known = this.#user(did).otherDevices.some(({ deviceDid }) => deviceDid === peer)
    const deviceDid = known ? peer : await this.#options.deviceNamed(did, peer)
    if (deviceDid === undefined)
      throw new VivimError('NotFound', 'There is no such device.', {
        field: 'peer',
        hint: '`vivimd device list` shows yours.',
      })
    return (candidate) => candidate === deviceDid
  }

  #user(did: string): UserSync {
    const user = this.#users.get(did)?.user
    if (!user)
      throw new VivimError('Unavailable', 'That user is not being synchronised yet.', { retryAfterMs: 500 })
    return user
  }

  /** Certificates that the root key renewed here, where the user is being kept in step. */
  async renewed(keys: UserKeys): Promise<void> {
    await this.#users.get(keys.did)?.user.renewed(keys)
  }

  /** Who asks shows a document of a device of this person; what is given is for that device alone. */
  async #renew(stream: FrameStream): Promise<void> {
    const { random, count } = this.#options
    if (!this.#allowance.take(stream.peerId)) {
      count('sync.hellos.refused')
      return stream.abort('too many')
    }
    const userOf = (did: string) => this.#users.get(did)?.user
    try {
      await answerRenewal(
        stream,
        this.#network.peerId,
        random,
        (member) => userOf(member.did)?.grantFor(member),
        async ({ did, deviceDid }, document) => {
          if (readMemberDocument(document)?.deviceDid === deviceDid) await userOf(did)?.learn([document])
        },
      )
      await stream.close()
    } catch {
      stream.abort('no renewal')
    }
  }

  async #answer(stream: FrameStream): Promise<void> {
    const { random, count, now } = this.#options
    if (!this.#allowance.take(stream.peerId)) {
      count('sync.hellos.refused')
      return stream.abort('too many')
    }
    const candidates = [...this.#users.values()].map((each) => each.user)
    let matched: Awaited<ReturnType<typeof answerProposal<UserSync>>>
    try {
      matched = await answerProposal(stream, this.#network.peerId, candidates, random, now)
    } catch {
      stream.abort('no hello')
      return
    }
    if (matched) return matched.owner.accept({ stream, time: matched.time })
    count('sync.strangers')
    await stream.close()
  }
}
