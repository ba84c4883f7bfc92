import { dialSignal } from '../dial.ts'
import type { Dialer } from '../dialer.ts'
import type { Relay } from '../options.ts'
import type { CircuitRelayTransport } from './relay-transport.ts'

const FIRST_RETRY_MS = 1_000
const LAST_RETRY_MS = 60_000

export interface Seat {
  readonly peerId: string
  readonly state: 'held' | 'waiting' | 'unwanted'
  /** Why there is none. */
  readonly problem?: string
}

interface Place {
  readonly relay: Relay
  state: Seat['state']
  problem: string | undefined
  failures: number
  timer: NodeJS.Timeout | undefined
  trying: boolean
}

export interface RelaySeatsOptions {
  readonly dialer: Dialer
  readonly transport: CircuitRelayTransport
  readonly relays: readonly Relay[]
  readonly onChange: () => void
  readonly onConnected: (peerId: string) => void
}

/**
 * Stays connected to the relays it was given, and holds a seat at each while one is wanted. What is lost is taken
 * again, for ever: the library would give a relay up that did not answer once.
 */
export class RelaySeats {
  readonly #options: RelaySeatsOptions
  readonly #places: readonly Place[]
  #wanted = true
  #stopped = false

  constructor(options: RelaySeatsOptions) {
    this.#options = options
    this.#places = options.relays.map((relay) => ({
      relay,
      state: 'waiting',
      problem: undefined,
      failures: 0,
      timer: undefined,
      trying: false,
    }))
    options.transport.reservationStore.addEventListener('relay:removed', ({ detail }) =>
      this.#lost(detail.relay.toString()),
    )
  }

  start(): void {
    for (const place of this.#places) void this.#take(place)
  }

  stop(): void {
    this.#stopped = true
    for (const place of this.#places) clearTimeout(place.timer)
  }

  /** Whether others need a relay to get here. */
  want(wanted: boolean): void {
    if (this.#wanted === wanted) return
    this.#wanted = wanted
    if (!wanted) this.#options.transport.reservationStore.cancelReservations()
    for (const place of this.#places) {
      if (wanted) place.state = 'waiting'
      void this.#take(place)
    }
    this.#options.onChange()
  }

  /** This node is elsewhere in the network: what did not work before may work now. */
  hurry(): void {
    for (const place of this.#places) {
      place.failures = 0
      if (place.state === 'waiting') void this.#take(place)
    }
  }

  list(): Seat[] {
    return this.#places.map(({ relay: { peerId }, state, problem }) => ({
      peerId,
      state,
      ...(problem === undefined ? {} : { problem }),
    }))
  }

  /** Where others find this node at the relays. */
  addresses(ownPeerId: string): string[] {
    return this.#places
      .filter(({ state }) => state === 'held')
      .flatMap(({ relay: { peerId, addresses } }) =>
        addresses.map((address) => {
          const whole = address.endsWith(`/p2p/${peerId}`) ? address : `${address}/p2p/${peerId}`
          return `${whole}/p2p-circuit/p2p/${ownPeerId}`
        }),
      )
  }

  /** A relay this node knows by itself, rather than somebody who offers to be one. */
  knows(peerId: string): boolean {
    return this.#places.some(({ relay }) => relay.peerId === peerId)
  }

  async #take(place: Place): Promise<void> {
    if (this.#stopped || place.trying) return
    clearTimeout(place.timer)
    place.trying = true
    const { dialer, transport, onChange, onConnected } = this.#options
    try {
      const signal = dialSignal(undefined)
      const { remotePeer } = await dialer.connect(place.relay, signal)
      onConnected(place.relay.peerId)
      if (this.#wanted && !this.#stopped) {
        await transport.reservationStore.addRelay(remotePeer, 'configured')
        place.state = 'held'
      } else place.state = 'unwanted'
      place.problem = undefined
      place.failures = 0
    } catch (error) {
      place.state = 'waiting'
      place.problem = problemOf(error)
      this.#later(place)
    } finally {
      place.trying = false
    }
    if (!this.#stopped) onChange()
  }

  #later(place: Place): void {
    if (this.#stopped) return
    const ms = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** place.failures++)
    clearTimeout(place.timer)
    place.timer = setTimeout(() => void this.#take(place), ms)
    place.timer.unref()
  }

  #lost(peerId: string): void {
    const place = this.#places.find(({ relay }) => relay.peerId === peerId)
    if (place?.state !== 'held' || !this.#wanted) return
    place.state = 'waiting'
    place.problem = 'the connection to it ended'
    this.#later(place)
    this.#options.onChange()
  }
}

function problemOf(error: unknown): string {
  const { name, message } = error as Error
  if (name === 'UnsupportedProtocolError') return 'it is no relay'
  if (message.includes('RESERVATION_REFUSED')) return 'it has no place left'
  if (message.includes('PERMISSION_DENIED')) return 'it gives this node no place'
  return 'it does not answer'
}
