import { keptEpochs } from '../../crdt/kept-epochs.ts'
import { type EpochKey, topicOf } from '../../crdt/sealed-message.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { MessageHandler, Network } from '../network/network.ts'

/** The topics of a person's space: that of the newest epoch, and for a week those before, for who has yet to learn of it. */
export class Topics {
  readonly #network: Pick<Network, 'subscribe' | 'unsubscribe'>
  readonly #space: Uint8Array
  readonly #hear: (topic: string, ...message: Parameters<MessageHandler>) => ReturnType<MessageHandler>
  /** Oldest first. */
  #list: readonly string[] = []

  constructor(
    network: Pick<Network, 'subscribe' | 'unsubscribe'>,
    space: Uint8Array,
    hear: (topic: string, ...message: Parameters<MessageHandler>) => ReturnType<MessageHandler>,
  ) {
    this.#network = network
    this.#space = space
    this.#hear = hear
  }

  get current(): string | undefined {
    return this.#list.at(-1)
  }

  /** Listens where it is time to, and leaves what is too old. */
  keep(epochs: readonly EpochKey[], now: number): void {
    const kept = keptEpochs(epochs, now, LIMITS.oldTopicsMs)
    const topics = kept.map((epoch) => topicOf(epoch, this.#space))
    for (const topic of topics)
      if (!this.#list.includes(topic))
        this.#network.subscribe(topic, (message, from) => this.#hear(topic, message, from))
    for (const topic of this.#list) if (!topics.includes(topic)) this.#network.unsubscribe(topic)
    this.#list = topics
  }

  leave(): void {
    for (const topic of this.#list) this.#network.unsubscribe(topic)
    this.#list = []
  }
}
