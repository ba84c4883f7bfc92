import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Params, Result } from '../../schema/methods/index.ts'
import type { PeerItem } from '../../schema/methods/peers.ts'
import { decodeDid } from '../identity/did.ts'
import { codeAsQr } from '../pairing/qr.ts'
import type { ContactRow, Reach } from '../vault/contact-rows.ts'
import { decodeCursor, encodeCursor } from '../vault/paging.ts'
import { ContactExchange } from './contact-exchange.ts'
import { issueConsent } from './contact-proof.ts'
import { ContactTeller, protectedName } from './contact-teller.ts'
import { decodeInvite, encodeInvite, hashOfSecret, INVITE_SECRET_BYTES } from './invite-link.ts'
import { LetterCarrier } from './letter-carrier.ts'
import type { PeersOptions } from './options.ts'
import { peerView } from './peer-view.ts'
import { PeersByHand } from './peers-by-hand.ts'
import { nameIsFree, personNamed, petnameOf } from './person.ts'
import { addressesToTell, readNodeAddress, refusePrivate } from './reach.ts'
import { SuccessionFollower } from './succession-follower.ts'
import { SuccessionWatch } from './succession-watch.ts'

/** On whose behalf, and what they may see and reach. */
export interface PeersCaller {
  readonly did: string
  readonly maxSecurityLevel: number
  /** Speaks for the owner of the node, so that its own network is open to them. */
  readonly mayReachPrivate: boolean
}

/**
 * The people a user is in contact with. Relations are facts of the user's vault, in step on all their devices; this is
 * what they mean on the network.
 */
export class PeersService {
  readonly #options: PeersOptions
  readonly #exchange: ContactExchange
  readonly #teller: ContactTeller
  readonly #letters: LetterCarrier
  readonly #byHand: PeersByHand
  readonly #watch: SuccessionWatch
  /** Invites being used by a user of this node: `<user> <secret>`. */
  readonly #using = new Set<string>()

  constructor(options: PeersOptions) {
    this.#options = options
    const follower = new SuccessionFollower({
      ...options,
      onFollowed: (did, { successor }) => {
        this.#teller.wake(did)
        // What they wrote while they were a stranger is looked at again.
        this.#letters.decided(did, successor)
      },
    })
    this.#watch = new SuccessionWatch({ ...options, follower })
    this.#exchange = new ContactExchange(options, {
      onSuccessions: (did, statements) => follower.follow(did, statements),
      onContact: (did) => {
        this.#teller.wake(did)
        this.#letters.wake(did)
      },
      onUnconfirmed: (did) => this.#teller.wake(did),
    })
    this.#teller = new ContactTeller({
      ...options,
      tell: (did, other, reach) => this.#exchange.tell(did, other, reach, null),
    })
    this.#letters = new LetterCarrier({ ...options, onContact: (did) => this.#teller.wake(did) })
    this.#byHand = new PeersByHand(options.network)
  }

  stop(): void {
    this.#watch.stop()
    this.#teller.stop()
    this.#letters.stop()
    this.#exchange.stop()
  }

  /** A user's database was opened. */
  opened(did: string): void {
    this.#teller.wake(did)
    this.#watch.wake(did)
    this.#letters.wake(did)
  }

  /** This node is reached elsewhere than before. */
  networkChanged(): void {
    this.#teller.moved()
  }

  /** The master came or went, or is another one. */
  masterChanged(): void {
    this.#letters.masterChanged()
    this.#watch.wakeAll()
  }

  /** A user was locked. */
  closed(did: string): void {
    this.#teller.forget(did)
    this.#watch.forget(did)
    this.#letters.forget(did)
    this.#byHand.forget(did)
    this.#options.network.protect(protectedName(did), [])
  }

  /** A user was deleted. */
  forget(did: string): void {
    this.closed(did)
    this.#options.network.forget(protectedName(did))
  }

  /**
   * The DID that is meant, by a user or by somebody who is not signed in and has no names.
   * @throws as `personNamed`
   */
  async person(did: string | undefined, text: string): Promise<string> {
    if (did !== undefined) return personNamed(this.#options.vault(did), text)
    decodeDid(text)
    return text
  }

  async list(caller: PeersCaller, { limit, cursor }: Params<'peers.list'>): Promise<Result<'peers.list'>> {
    const [after] = cursor === undefined ? [''] : decodeCursor(cursor, 1)
    const rows = await this.#vault(caller)('contacts', { after: String(after), limit: limit + 1 })
    const page = rows.slice(0, limit)
    const last = page.at(-1)
    return {
      items: page.map((row) => this.#view(caller, row)),
      nextCursor: rows.length > limit && last ? encodeCursor([last.did]) : null,
    }
  }

  async safety(caller: PeersCaller, { did: text }: Params<'peers.safety'>): Promise<Result<'peers.safety'>> {
    const did = await this.#person(caller, text)
    const row = await this.#vault(caller)('contact', { did })
    const { name, safety } = this.#view(caller, row ?? nobody(did))
    return { did, name, safety }
  }

  async createInvite(
    caller: PeersCaller,
    { name, hours }: Params<'peers.invite.create'>,
  ): Promise<Result<'peers.invite.create'>> {
    const { network, now, random } = this.#options
    const petname = name === undefined ? null : petnameOf(name)
    const addresses = addressesToTell(network.multiaddrs())
    if (!network.running || addresses.length === 0)
      throw new VivimError('Unavailable', 'The network is off: nobody could reach this node.', {
        hint: '`vivimd config set network.enabled true` takes this device online.',
      })
    const goodMs = hours === undefined ? LIMITS.contactInviteMs : hours * 3_600_000
    const expiresAt = Math.floor((now() + goodMs) / 1000) * 1000
    const secret = random(INVITE_SECRET_BYTES)
    const inviteId = Buffer.from(random(8)).toString('hex')
    const secretHash = hashOfSecret(secret)
    await this.#vault(caller)('makeContactInvite', { id: inviteId, secretHash, petname, expiresAt })
    const invite = encodeInvite({ did: caller.did, peerId: network.peerId, addresses, secret, expiresAt })
    return { inviteId, invite, qr: codeAsQr(invite), expiresAt }
  }

  async listInvites(caller: PeersCaller): Promise<Result<'peers.invite.list'>> {
    const now = this.#options.now()
    const rows = await this.#vault(caller)('contactInvites', {})
    const items = rows.map(({ id, petname, usedBy, ...times }) => {
      const open = now >= times.expiresAt ? ('expired' as const) : ('open' as const)
      const state = usedBy === null ? open : ('used' as const)
      return { inviteId: id, name: petname, state, usedBy, ...times }
    })
    return { items, nextCursor: null }
  }

  async revokeInvite(
    caller: PeersCaller,
    { inviteId }: Params<'peers.invite.revoke'>,
  ): Promise<Result<'peers.invite.revoke'>> {
    const { revoked } = await this.#vault(caller)('revokeContactInvite', { id: inviteId })
    if (!revoked)
      throw new VivimError('NotFound', 'There is no such invite on this device.', {
        field: 'inviteId',
        hint: '`vivimd peers invite list` shows those that this device made.',
      })
    return { inviteId }
  }

  /** @throws as the method says; `Exhausted` for an invite that its maker's node does not take, whatever the reason */
  async acceptInvite(caller: PeersCaller, params: Params<'peers.invite.accept'>): Promise<PeerItem> {
    const { now, keysOf } = this.#options
    const { did: other, peerId, addresses, secret } = decodeInvite(params.invite, now())
    const petname = params.name === undefined ? undefined : petnameOf(params.name)
    this.#notOneself(caller, other, 'invite')
    refusePrivate({ peerId, addresses }, caller.mayReachPrivate, 'invite')
    const name = `${caller.did} ${Buffer.from(secret).toString('hex')}`
    if (this.#using.has(name)) throw new VivimError('Conflict', 'That invite is being used right now.')
    this.#using.add(name)
    try {
      const vault = this.#vault(caller)
      const before = await vault('contact', { did: other })
      if (before?.state === 'accepted' && before.confirmedAt !== null && !before.blocked)
        throw new VivimError('Conflict', 'You are in contact with them already.', {
          field: 'invite',
          hint: '`vivimd peers list` shows your contacts.',
        })
      const keys = await keysOf(caller.did)
      const consent = issueConsent(keys, other, now())
      const reach = { peerId, addresses }
      if (petname !== undefined) await nameIsFree(vault, petname, other)
      await vault('askContact', { did: other, reach, consent })
      const told = await this.#exchange
        .tell(caller.did, other, reach, secret)
        .catch((error: unknown) => this.#sayUnreached(caller.did, other, secret, error))
      if (told === 'taken' || told === 'refused') {
        if (!before || before.state === 'removed')
          await vault('removeContact', { did: other, silently: true })
        throw notTaken()
      }
      if (petname !== undefined) await vault('nameContact', { did: other, name: petname })
      return await this.#seen(caller, other)
    } finally {
      this.#using.delete(name)
    }
  }

  async request(caller: PeersCaller, params: Params<'peers.request'>): Promise<Result<'peers.request'>> {
    const { now, keysOf } = this.#options
    const did = await this.#person(caller, params.did)
    this.#notOneself(caller, did, 'did')
    const vault = this.#vault(caller)
    const given = params.address === undefined ? undefined : readNodeAddress(params.address, 'address')
    if (given) refusePrivate(given, caller.mayReachPrivate, 'address')
    const known = (await vault('contact', { did }))?.reach ?? []
    const nodes = given ? [given] : [...known, ...this.#byHand.of(caller.did)]
    if (nodes.length === 0 && !(await this.#letters.isWanted(caller.did)))
      throw new VivimError('NotFound', 'No node of theirs is known here.', {
        field: 'address',
        hint: 'Ask them for an invite, or for the address `vivimd status` shows there. `vivimd peers privacy set --through-master` needs neither.',
      })
    this.#byHand.takeDial(caller.did)
    const consent = issueConsent(await keysOf(caller.did), did, now())
    const asked = await vault('askContact', { did, consent, ...(given ? { reach: given } : {}) })
    const [delivered, posted] = await Promise.all([
      this.#deliver(caller.did, did, nodes),
      this.#letters.say(caller.did, did),
    ])
    this.#teller.wake(caller.did)
    this.#letters.decided(caller.did, did)
    return { ...(await this.#seen(caller, did, asked)), delivered, posted }
  }

  async accept(caller: PeersCaller, { did: text }: Params<'peers.accept'>): Promise<Result<'peers.accept'>> {
    const { now, keysOf } = this.#options
    const did = await this.#person(caller, text)
    const own = issueConsent(await keysOf(caller.did), did, now())
    const { reach } = await this.#vault(caller)('acceptContact', { did, own })
    const [, posted] = await Promise.all([
      this.#deliver(caller.did, did, reach),
      this.#letters.say(caller.did, did),
    ])
    this.#teller.wake(caller.did)
    this.#letters.decided(caller.did, did)
    return { ...(await this.#seen(caller, did)), posted }
  }

  async remove(caller: PeersCaller, { did: text }: Params<'peers.remove'>): Promise<Result<'peers.remove'>> {
    const did = await this.#person(caller, text)
    const row = await this.#vault(caller)('removeContact', { did })
    const posted = await this.#letters.say(caller.did, did)
    this.#letters.decided(caller.did, did)
    return { ...this.#view(caller, row ?? nobody(did)), posted }
  }

  async block(caller: PeersCaller, text: string, blocked: boolean): Promise<PeerItem> {
    const did = await this.#person(caller, text)
    this.#notOneself(caller, did, 'did')
    const row = await this.#vault(caller)('blockContact', { did, blocked })
    this.#letters.decided(caller.did, did)
    return this.#view(caller, row)
  }

  async trust(caller: PeersCaller, { did: text, level }: Params<'peers.trust'>): Promise<PeerItem> {
    const did = await this.#person(caller, text)
    return this.#view(caller, await this.#vault(caller)('trustContact', { did, level }))
  }

  async name(caller: PeersCaller, { did: text, name }: Params<'peers.name'>): Promise<PeerItem> {
    const did = await this.#person(caller, text)
    const petname = name === undefined ? null : petnameOf(name)
    const row = await this.#vault(caller)('nameContact', { did, name: petname })
    return this.#view(caller, row ?? nobody(did))
  }

  async connect(
    caller: PeersCaller,
    { multiaddr }: Params<'peers.connect'>,
  ): Promise<Result<'peers.connect'>> {
    const reach = readNodeAddress(multiaddr, 'multiaddr')
    if (reach.peerId === this.#options.network.peerId)
      throw new VivimError('InvalidParams', 'That is this node itself.', { field: 'multiaddr' })
    refusePrivate(reach, caller.mayReachPrivate, 'multiaddr')
    await this.#byHand.connect(caller.did, reach)
    return { peerId: reach.peerId, address: multiaddr }
  }

  async disconnect(
    caller: PeersCaller,
    { peer }: Params<'peers.disconnect'>,
  ): Promise<Result<'peers.disconnect'>> {
    const { network } = this.#options
    const peerIds = this.#byHand.matching(caller.did, peer) ?? (await this.#nodesOf(caller, peer))
    const connected = peerIds.filter((peerId) => network.peers().includes(peerId))
    for (const peerId of connected) network.disconnect(peerId)
    this.#byHand.remove(caller.did, peerIds)
    return { peerIds: connected }
  }

  async privacy(
    caller: PeersCaller,
    change: Params<'peers.privacy.update'>,
  ): Promise<Result<'peers.privacy.get'>> {
    const { whoMayContact, requestsPerDay, throughMaster } = change
    const { who, ...rest } = await this.#vault(caller)('contactPolicy', {
      ...(whoMayContact === undefined ? {} : { who: whoMayContact }),
      ...(requestsPerDay === undefined ? {} : { requestsPerDay }),
      ...(throughMaster === undefined ? {} : { throughMaster }),
    })
    if (Object.keys(change).length > 0) this.#letters.decided(caller.did)
    return { whoMayContact: who, ...rest }
  }

  /** An invite whose maker's node cannot be reached may wait for it at the master. @throws what went wrong, in words */
  async #sayUnreached(did: string, other: string, secret: Uint8Array, error: unknown): Promise<'posted'> {
    const isAway = error instanceof VivimError && error.code === 'Unavailable'
    if (isAway && (await this.#letters.say(did, other, secret))) return 'posted'
    return rethrowUnreached(error)
  }

  /** True when a node took it. Never throws: who is not reached is tried again. */
  async #deliver(did: string, other: string, nodes: readonly Reach[]): Promise<boolean> {
    for (const reach of nodes) {
      try {
        await this.#exchange.tell(did, other, reach, null)
        return true
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        this.#options.log.info({ peer: reach.peerId, reason }, 'a request to be a contact was not delivered')
      }
    }
    return false
  }

  async #nodesOf(caller: PeersCaller, peer: string): Promise<string[]> {
    if (/^(?:\/|12D3KooW)/.test(peer))
      throw new VivimError('NotFound', 'You did not connect to that node.', { field: 'peer' })
    const did = await this.#person(caller, peer, 'peer')
    return ((await this.#vault(caller)('contact', { did }))?.reach ?? []).map(({ peerId }) => peerId)
  }

  async #seen(caller: PeersCaller, did: string, before?: ContactRow): Promise<PeerItem> {
    const row = await this.#vault(caller)('contact', { did })
    return this.#view(caller, row ?? before ?? nobody(did))
  }

  #view({ did, maxSecurityLevel }: PeersCaller, row: ContactRow): PeerItem {
    const peers = new Set(this.#options.network.peers())
    return peerView(did, row, (peerId) => peers.has(peerId), maxSecurityLevel)
  }

  #person(caller: PeersCaller, text: string, field?: string): Promise<string> {
    return personNamed(this.#vault(caller), text, field)
  }

  #vault({ did }: PeersCaller) {
    return this.#options.vault(did)
  }

  #notOneself({ did }: PeersCaller, other: string, field: string): void {
    if (did === other) throw new VivimError('InvalidParams', 'That is you yourself.', { field })
  }
}

function rethrowUnreached(error: unknown): never {
  if (!(error instanceof VivimError) || error.code !== 'Unavailable' || error.hint !== undefined) throw error
  throw new VivimError('Unavailable', 'The node that made the invite cannot be reached now.', {
    hint: 'The invite stays good: try again. `vivimd network` on that node says whether others reach it.',
    cause: error,
  })
}

/** Their node does not say why: whoever asks with a guess would learn who lives there. */
function notTaken(): VivimError {
  return new VivimError(
    'Exhausted',
    'That invite is not taken: it was used, was taken back or has expired, or its maker’s node cannot look at it now.',
    { field: 'invite', hint: 'Try again later, or ask for a new one: `vivimd peers invite create`.' },
  )
}

function nobody(did: string): ContactRow {
  return {
    did,
    state: 'removed',
    blocked: false,
    trust: 'acquaintance',
    petname: null,
    displayName: null,
    reach: [],
    initiated: false,
    askedAt: null,
    acceptedAt: null,
    confirmedAt: null,
    hasTheirConsent: false,
    lineage: { succeeds: null, followedAt: null, succeededBy: null, disputed: false, refused: false },
  }
}
