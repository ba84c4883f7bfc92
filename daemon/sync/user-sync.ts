import type { KeyObject } from 'node:crypto'
import { type Frontier, frontierDigest } from '../../crdt/frontier.ts'
import { privateSpaceId } from '../../crdt/space.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Result } from '../../schema/methods/index.ts'
import { publicKeyBytes } from '../identity/ed25519.ts'
import type { MemberDocument } from '../identity/member-document.ts'
import { makeResolution } from '../identity/resolution.ts'
import { makeRevocation, type Revocation } from '../identity/revocation.ts'
import type { UserKeys } from '../identity/user-keys.ts'
import type { ReplicaMembers } from '../vault/replica.ts'
import { type Asking, auditAll, syncAll } from './asked-devices.ts'
import { AuditSchedule } from './audit-schedule.ts'
import { Conduct } from './conduct.ts'
import { DeviceLink } from './device-link.ts'
import { insistOnEnrolling, insistOnResolved, reportFork } from './enrolling.ts'
import { EpochKeys } from './epoch-keys.ts'
import { type MatchedStream, proposeSpace } from './handshake.ts'
import { type KnownDevice, KnownDevices } from './known-devices.ts'
import type { LiveUpdates } from './live-updates.ts'
import { liveUpdatesOf } from './live-updates-of.ts'
import { MasterNews } from './master-news.ts'
import { OwnCertificate } from './own-certificate.ts'
import { newDocument } from './own-document.ts'
import { partyOf, type SyncParty } from './party.ts'
import { type Audited, reportAudit } from './session-audits.ts'
import { SoonestTimer } from './soonest-timer.ts'
import { type PeerDevice, SyncSession } from './sync-session.ts'
import { Topics } from './topics.ts'
import type { UserSyncOptions } from './user-sync-options.ts'

/** How long after a failed beginning it is tried again, at first and at most. */
const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 30_000

/** Keeps one person's devices together: finds them, compares with them, tells them of changes. */
export class UserSync {
  readonly #options: UserSyncOptions
  readonly #space: Uint8Array
  readonly #epochs: EpochKeys
  readonly #topics: Topics
  readonly #devices: KnownDevices
  readonly #links = new Map<string, DeviceLink>()
  readonly #sessions = new Set<SyncSession>()
  #frontier: Frontier | undefined
  readonly #live: LiveUpdates
  readonly #master: MasterNews
  readonly #conduct: Conduct
  readonly #certificate: OwnCertificate
  #chain: readonly Uint8Array[]
  readonly #telling = new SoonestTimer(() => this.#tellSessions())
  #beacon: NodeJS.Timeout | undefined
  #beginning: NodeJS.Timeout | undefined
  #forked = false
  #stopped = false

  constructor(options: UserSyncOptions) {
    this.#options = options
    const { did, deviceKey } = options.keys
    this.#space = privateSpaceId(did)
    this.#chain = options.keys.chain
    this.#epochs = new EpochKeys(options.keys, publicKeyBytes(deviceKey), this.#space)
    this.#devices = new KnownDevices(did, () => this.#epochs.list)
    this.#live = liveUpdatesOf({
      ...options,
      space: this.#space,
      devices: this.#devices,
      epochs: () => this.#epochs.list,
      topic: () => this.#topics.current,
      onApplied: (frontier, missingBlobs) => {
        this.#frontier = frontier
        for (const session of this.#sessions) session.lacking(missingBlobs)
      },
      onGap: () => {
        for (const session of this.#sessions) session.trigger()
        this.#reach()
      },
    })
    this.#master = new MasterNews({ ...options, did, take: (documents) => this.learn(documents) })
    const { now, count, network } = options
    this.#certificate = new OwnCertificate({
      ...options,
      keys: () => this.keys,
      devices: this.#devices,
      adopt: (renewed) => this.renewed(renewed),
    })
    this.#topics = new Topics(network, this.#space, (topic, message, from) =>
      this.#live.hear(topic, message, from, topic === this.#topics.current),
    )
    this.#conduct = new Conduct({ now, count, misbehaved: (peerId) => network.misbehaved(peerId) })
  }

  /** With the epochs that began, and the certificates that were renewed, since they were unlocked. */
  get keys(): UserKeys {
    return { ...this.#options.keys, chain: this.#chain, epochs: this.#epochs.list }
  }

  /** Certificates of this device that last longer, and epoch keys; answers its document with them. @throws as the keystore */
  async renewed({ chain, epochs }: Pick<UserKeys, 'chain' | 'epochs'>): Promise<Uint8Array | undefined> {
    if (this.#stopped) return undefined
    const newEpoch = this.#epochs.add(epochs)
    this.#chain = chain
    this.#options.onRenewed(this.keys)
    if (newEpoch) this.#listen()
    await this.#refreshDocument()
    this.#reach()
    return this.#devices.documentOf(this.keys.deviceDid)?.bytes
  }

  /** A new certificate for another device, wrapped for it. */
  grantFor(member: MemberDocument): Uint8Array | undefined {
    return this.#certificate.grantFor(member)
  }

  /** Begins to look for the other devices. When the database has no room to open now, it is tried again. */
  async start(): Promise<void> {
    this.#listen()
    this.#beacon = setInterval(() => void this.#beat(), this.#jittered(LIMITS.syncBeaconMs))
    this.#beacon.unref()
    await this.#begin(FIRST_WAIT_MS)
  }

  #listen(): void {
    this.#topics.keep(this.#epochs.list, this.#options.now())
  }

  async #begin(waitMs: number): Promise<void> {
    try {
      const { replicate } = this.#options
      this.#members(await replicate('members', {}))
      this.#hold(await replicate('frontier', {}))
      await this.networkChanged()
    } catch (error) {
      if (!(error instanceof VivimError) || error.code !== 'UserUnavailable') throw error
      if (this.#stopped) return
      const ms = Math.max(waitMs, error.retryAfterMs ?? 0)
      this.#beginning = setTimeout(() => {
        this.#begin(Math.min(ms * 2, LONGEST_WAIT_MS)).catch((failure: unknown) =>
          this.#options.log.warn({ reason: reasonOf(failure) }, "a user's devices are not kept in step"),
        )
      }, ms)
      this.#beginning.unref()
    }
  }

  stop(): void {
    this.#stopped = true
    clearInterval(this.#beacon)
    this.#telling.stop()
    this.#live.stop()
    this.#master.stop()
    clearTimeout(this.#beginning)
    this.#topics.leave()
    for (const link of this.#links.values()) link.stop()
    for (const session of this.#sessions) session.close('closing')
  }

  /** The network came up or has other addresses: the others are told where this device is, and looked for. */
  async networkChanged(): Promise<void> {
    if (!this.#options.network.running || this.#stopped) return
    try {
      await this.#refreshDocument()
    } finally {
      this.#reach()
    }
    void this.#master.ask()
    void this.#certificate.renewIfDue(this.otherDevices)
  }

  committed(frontier: Frontier, written: readonly Uint8Array[]): void {
    this.#frontier = frontier
    const told = this.#live.hold(frontier, this.#links.size > 0 ? written : [])
    // Who wrote says so again; eight devices that all repeat what each has heard would drown what is new.
    if (this.#links.size > 0 && (written.length > 0 || !told))
      this.#live.announceSoon(told ? LIMITS.liveFollowMs : LIMITS.syncAnnounceMs)
    if (!told) {
      this.#tellSessions()
      return
    }
    // What goes over gossip is compared afterwards: the sessions would send it a second time.
    for (const session of this.#sessions) session.told(frontier)
    this.#telling.within(written.length > 0 ? LIMITS.liveFollowMs : LIMITS.liveSettleMs)
  }

  #tellSessions(): void {
    if (this.#frontier) for (const session of this.#sessions) session.committed(this.#frontier)
  }

  /** The database was opened again: it does not remember who is there. */
  reopened(): void {
    for (const { device, peerTime } of this.#sessions)
      if (device)
        void this.#options.ifOpen('seen', { device: device.device, connected: true, time: peerTime })
  }

  #hold(frontier: Frontier): void {
    this.#frontier = frontier
    this.#live.hold(frontier, [])
    this.#tellSessions()
  }

  /** A peer connected, or the local network told of it. */
  peerFound(peerId: string, addresses: readonly string[] = []): void {
    const device = this.#devices.at(peerId)
    if (!device || this.#stopped) return
    this.#linkTo(device).hurry()
    void this.#dial({ ...device, addresses: [...addresses, ...device.addresses] })
  }

  /** A stream on which the other side has proven that it holds a key of this space. */
  async accept(matched: MatchedStream): Promise<void> {
    if (this.#stopped) matched.stream.abort('this user left')
    else await this.#run(matched, matched.stream.peerId)
  }

  async addMember(document: Uint8Array): Promise<void> {
    await this.learn([document])
    this.#reach()
  }

  /** For those who leave something for devices that are away; undefined while this device is out or unknown. */
  get party(): SyncParty | undefined {
    return partyOf(this.keys, this.#devices, (deviceDid) => this.#links.get(deviceDid)?.session !== undefined)
  }

  /** Documents of this person's devices, wherever they come from. @throws as the database */
  async learn(documents: readonly Uint8Array[]): Promise<void> {
    const unknown = documents.filter((document) => !this.#devices.knows(document))
    if (unknown.length > 0)
      this.#members(await this.#options.replicate('saveMembers', { documents: unknown }))
  }

  get frontierDigest(): Uint8Array | undefined {
    return this.#frontier && frontierDigest(this.#frontier)
  }

  get otherDevices(): readonly KnownDevice[] {
    return this.#devices.list.filter(({ deviceDid }) => deviceDid !== this.keys.deviceDid)
  }

  /** Nodes of other devices that this one is in a session with. */
  get connectedPeers(): readonly string[] {
    return [...this.#sessions].flatMap(({ device, peerId }) => (device ? [peerId] : []))
  }

  /** Compares with the devices named, or all, and answers once each holds the same or is out of reach. */
  async syncNow(wanted: (deviceDid: string) => boolean): Promise<Result<'sync.now'>> {
    const began = performance.now()
    const totals = await syncAll(await this.#ask(wanted))
    return { ...totals, ms: Math.round(performance.now() - began) }
  }

  /** Compares all rows with the devices named, or all; `at` is when it ended. */
  async audit(wanted: (deviceDid: string) => boolean): Promise<Result<'sync.audit'>> {
    return { devices: await auditAll(await this.#ask(wanted)) }
  }

  /** What it takes to ask devices for something now. */
  async #ask(wanted: (deviceDid: string) => boolean): Promise<Asking> {
    this.#hold(await this.#options.replicate('frontier', {}))
    return {
      devices: this.otherDevices.filter(({ deviceDid }) => wanted(deviceDid)),
      signal: AbortSignal.timeout(LIMITS.syncNowMs),
      linkTo: (device) => this.#linkTo(device),
      openSession: (device, signal) => this.#openSession(device, signal),
      frontier: () => this.frontierDigest,
      now: this.#options.now,
    }
  }

  /** Asks where it is due, of devices that are there. */
  #auditWhatIsDue(frontier: Uint8Array): void {
    for (const { audits, session } of this.#links.values())
      if (session && audits.due(this.#options.now(), frontier)) session.auditLater()
  }

  #audited(device: PeerDevice, audited: Audited): void {
    const { audits } = this.#linkTo(device)
    audits.done(this.#options.now(), audited.result === 'incomparable' ? undefined : this.frontierDigest)
    reportAudit(this.#options, device, audited)
  }

  /** Dials and waits until a session of either direction is there. */
  async #openSession(device: KnownDevice, signal: AbortSignal): Promise<SyncSession> {
    const link = this.#linkTo(device)
    link.hurry()
    if (!(await this.#dial(device))) throw new VivimError('Unavailable', 'That device cannot be reached now.')
    const until = performance.now() + LIMITS.syncSettleMs
    while (!link.session && performance.now() < until && !signal.aborted)
      await new Promise((resolve) => setTimeout(resolve, 20))
    if (link.session) return link.session
    throw new VivimError('Unavailable', 'That device cannot be reached now.')
  }

  /** All sessions hear of it: operations of a device they do not know would be refused. */
  #members(members: ReplicaMembers, heardBy?: SyncSession): void {
    if (this.#stopped) return
    const newEpoch = this.#epochs.update(members.documents)
    this.#devices.update(members)
    if (members.forked && !this.#forked) reportFork(this.#options)
    this.#forked = members.forked
    if (newEpoch) this.#beginEpoch()
    this.#options.onMembers(this.#devices.news(this.keys.deviceDid))
    void this.#certificate.follow(this.otherDevices)
    for (const device of this.otherDevices) this.#linkTo(device)
    for (const session of this.#sessions) if (session !== heardBy) session.members(members)
  }

  /** @throws VivimError `Conflict` while nobody can be let in: two versions of the log, or this device is out */
  insistOnEnrolling(): void {
    insistOnEnrolling(this.#devices, this.keys.deviceDid, this.#forked)
  }

  /** Addresses go under the new key, which a device that was taken out does not have. */
  #beginEpoch(): void {
    this.#listen()
    if (!this.#options.network.running || this.#devices.documentOf(this.keys.deviceDid) === undefined) return
    this.#refreshDocument().catch((error: unknown) =>
      this.#options.log.warn({ reason: reasonOf(error) }, 'addresses are not told under the new key yet'),
    )
  }

  /**
   * Takes one of the person's devices out, tells the others, and ends its sessions.
   * @throws as `makeRevocation`
   */
  async revoke(rootKey: KeyObject, deviceDid: string): Promise<Revocation> {
    const { replicate, now, random } = this.#options
    const [members, frontier] = await Promise.all([replicate('members', {}), replicate('frontier', {})])
    this.#epochs.update(members.documents)
    const revocation = makeRevocation({
      ...members,
      rootKey,
      keys: this.keys,
      deviceDid,
      frontier,
      now: now(),
      random,
    })
    this.#members(await replicate('saveMembers', { documents: revocation.documents }))
    this.#links.get(deviceDid)?.stop()
    this.#reach()
    return revocation
  }

  /** Has one of two versions of the list of devices count. @throws as `makeResolution`; `Conflict` where it is not believed */
  async resolve(rootKey: KeyObject, number: number, hash: string): Promise<void> {
    const { replicate, now } = this.#options
    const { documents } = await replicate('members', {})
    const entry = makeResolution({ rootKey, keys: this.keys, documents, number, hash, now: now() })
    this.#members(await replicate('saveMembers', { documents: [entry] }))
    insistOnResolved(this.#forked)
    for (const link of this.#links.values()) link.hurry()
    this.#reach()
  }

  #linkTo(device: Pick<KnownDevice, 'deviceDid'>): DeviceLink {
    let link = this.#links.get(device.deviceDid)
    if (!link) {
      const { now, random } = this.#options
      link = new DeviceLink(device, new AuditSchedule(now(), random(1)[0]! / 255))
      this.#links.set(device.deviceDid, link)
    }
    return link
  }

  #reach(): void {
    for (const device of this.otherDevices) void this.#dial(device)
  }

  /** Answers whether the way is open: by this dial, one under way, or a session that is there. */
  async #dial(device: KnownDevice): Promise<boolean> {
    const { network, log, random, now } = this.#options
    const link = this.#linkTo(device)
    // The others have nothing to say to a device that was taken out, and it knows.
    if (this.#stopped || !network.running || this.#devices.excludes(this.keys.deviceDid)) return false
    if (link.dialing || link.session) return true
    link.dialing = true
    try {
      const matched = await proposeSpace(network, device, this.keys, random, now)
      if (this.#stopped) {
        matched.stream.abort('this user left')
        return false
      }
      void this.#run(matched, network.peerId)
      return true
    } catch (error) {
      log.info({ device: device.deviceDid, reason: reasonOf(error) }, 'another device is not reached')
      link.retryLater(() => void this.#redial(device.deviceDid), random(1)[0]! / 255)
      return false
    } finally {
      link.dialing = false
    }
  }

  /** With the addresses that are known by then, those a master has among them. */
  async #redial(deviceDid: string): Promise<void> {
    await this.#master.ask()
    const device = this.otherDevices.find((candidate) => candidate.deviceDid === deviceDid)
    if (device) await this.#dial(device)
  }

  async #run({ stream, time }: MatchedStream, initiator: string): Promise<void> {
    const { network, replicate, ifOpen, log, count } = this.#options
    const preferred = [network.peerId, stream.peerId].sort()[0]!
    const session = new SyncSession({
      stream,
      time,
      initiator,
      replicate,
      log,
      count,
      deviceOf: (members, peerId) => {
        this.#devices.update(members)
        const device = this.#devices.at(peerId)
        const document = device && this.#devices.documentOf(device.deviceDid)
        if (!document || device.deviceDid === this.keys.deviceDid) return undefined
        return this.#certificate.accepts(document, time.ms) ? device : undefined
      },
      documentsFor: ({ documents }, peerId) => this.#devices.tellable(peerId, documents),
      onDevice: (running, device) => {
        if (!this.#linkTo(device).adopt(running, preferred)) return running.close('busy')
        count('sync.sessions')
        network.allowGossip(running.peerId)
        void ifOpen('seen', { device: device.device, connected: true, time: running.peerTime })
      },
      onForked: () => this.#beginAnew(),
      mayCome: this.#conduct.meter(stream.peerId),
      onBreach: () => this.#conduct.breach(stream.peerId),
      onMembers: (members) => this.#members(members, session),
      onInSync: (running, { applied, sent }) => {
        const device = running.device
        if (!device) return
        this.#linkTo(device).succeeded()
        void ifOpen('inSync', { device: device.device })
        count('sync.rounds')
        count('sync.operations.applied', applied)
        count('sync.operations.sent', sent)
      },
      onAudited: (running, audited) => {
        if (running.device) this.#audited(running.device, audited)
      },
    })
    this.#sessions.add(session)
    const reason = await session.run()
    this.#sessions.delete(session)
    const { device } = session
    log.info({ device: device?.deviceDid, reason }, 'a session with another device ended')
    if (!device) return
    const link = this.#linkTo(device)
    if (link.session || this.#stopped) return
    void ifOpen('seen', { device: device.device, connected: false })
    if (reason === 'refused' || session.failed) link.failedForGood()
    link.retryLater(() => void this.#redial(device.deviceDid), this.#options.random(1)[0]! / 255)
  }

  /** After a fork the heads of a log are others than those that were told. */
  #beginAnew(): void {
    this.#options.count('sync.forks')
    for (const session of [...this.#sessions]) session.close('busy')
    for (const link of this.#links.values()) link.hurry()
  }

  /** Says that this device is there, and looks again at what it says it holds. */
  async #beat(): Promise<void> {
    this.#listen()
    this.#master.askIfDue()
    if (this.otherDevices.length === 0) return
    void this.#certificate.renewIfDue(this.otherDevices)
    const frontier = await this.#options.ifOpen('frontier', {})
    if (this.#stopped) return
    if (frontier) this.#hold(frontier)
    this.#live.announce()
    if (frontier) this.#auditWhatIsDue(frontierDigest(frontier))
    for (const session of this.#sessions) session.trigger()
  }

  /** Signs a new document of this device when it is reached elsewhere than its last one says. */
  async #refreshDocument(): Promise<void> {
    const { replicate, now, onDocument, network } = this.#options
    const present = this.#devices.documentOf(this.keys.deviceDid)
    const document = newDocument(this.keys, network, present, now())
    if (!document) return present && onDocument(present.bytes)
    const members = await replicate('saveMembers', { documents: [document] })
    this.#members(members)
    for (const session of this.#sessions) session.members(members)
    onDocument(document)
  }

  #jittered(ms: number): number {
    return ms * (0.8 + (0.4 * this.#options.random(1)[0]!) / 255)
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
