import { createCipheriv, createDecipheriv } from 'node:crypto'
import { VivimError } from '../../schema/errors.ts'
import type { Random } from '../identity/key-wrapping.ts'
import type { FrameStream } from '../network/network.ts'
import { decodeMessage, type Ending, encodeMessage, type PairMessage } from './messages.ts'
import { handleOf, streamKeys } from './transcript.ts'

const VERSION = 1
const HANDLE_BYTES = 16
const SALT_BYTES = 16
const HELLO_BYTES = 1 + HANDLE_BYTES + SALT_BYTES
const TAG_BYTES = 16

/** The first frame, the only one in the clear: it names the pairing and brings randomness for the keys. */
export interface Hello {
  readonly handle: Uint8Array
  readonly salt: Uint8Array
}

/** Undefined for anything else, another version included. */
export function readHello(frame: Uint8Array | undefined): Hello | undefined {
  if (frame?.length !== HELLO_BYTES || frame[0] !== VERSION) return undefined
  return { handle: frame.slice(1, 1 + HANDLE_BYTES), salt: frame.slice(1 + HANDLE_BYTES) }
}

/**
 * Messages under AES-256-GCM with a key for each direction and stream. The nonce is the number of the frame, so a
 * frame that is lost, repeated or moved does not open.
 */
export class SealedChannel {
  readonly #stream: FrameStream
  readonly #sendKey: Uint8Array
  readonly #receiveKey: Uint8Array
  #sent = 0
  #received = 0
  #ending = false

  private constructor(stream: FrameStream, sendKey: Uint8Array, receiveKey: Uint8Array) {
    this.#stream = stream
    this.#sendKey = sendKey
    this.#receiveKey = receiveKey
  }

  /** The joiner's end. `own` is this node's peer id. @throws VivimError `Unavailable` when the stream ends */
  static async open(
    stream: FrameStream,
    secret: Uint8Array,
    own: string,
    random: Random,
    signal: AbortSignal,
  ): Promise<SealedChannel> {
    const salt = random(SALT_BYTES)
    await stream.send(Buffer.concat([Uint8Array.of(VERSION), handleOf(secret), salt]), signal)
    const answer = await stream.receive(signal)
    if (answer?.length !== SALT_BYTES) throw gone()
    const peers = { joiner: own, owner: stream.peerId }
    const { toOwner, toJoiner } = streamKeys(secret, Buffer.concat([salt, answer]), peers)
    return new SealedChannel(stream, toOwner, toJoiner)
  }

  /** The end of the one who made the code, once the hello was read and its handle found. */
  static async accept(
    stream: FrameStream,
    { salt }: Hello,
    secret: Uint8Array,
    own: string,
    random: Random,
  ): Promise<SealedChannel> {
    const answer = random(SALT_BYTES)
    await stream.send(answer)
    const peers = { joiner: stream.peerId, owner: own }
    const { toOwner, toJoiner } = streamKeys(secret, Buffer.concat([salt, answer]), peers)
    return new SealedChannel(stream, toJoiner, toOwner)
  }

  get peerId(): string {
    return this.#stream.peerId
  }

  /** @throws VivimError `Unavailable` when the stream is gone */
  send(message: PairMessage): Promise<void> {
    const cipher = createCipheriv('aes-256-gcm', this.#sendKey, nonceOf(this.#sent++))
    const body = [cipher.update(encodeMessage(message)), cipher.final()]
    return this.#stream.send(Buffer.concat([...body, cipher.getAuthTag()]))
  }

  /** The next message; undefined once the other side has closed. @throws VivimError `Unavailable`, `Corrupt` */
  async receive(signal: AbortSignal): Promise<PairMessage | undefined> {
    const frame = await this.#stream.receive(signal)
    if (!frame) return undefined
    const message = decodeMessage(this.#open(frame))
    if (!message) throw corrupt()
    return message
  }

  /** The next message, which must be of that type. @throws as `receive`, and `Unavailable` at the end */
  async expect<T extends PairMessage['type']>(
    type: T,
    signal: AbortSignal,
  ): Promise<Extract<PairMessage, { readonly type: T }>> {
    const message = await this.receive(signal)
    if (!message) throw gone()
    if (message.type === 'ended') throw new EndedByPeer(message.reason)
    if (message.type !== type) throw corrupt()
    return message as Extract<PairMessage, { readonly type: T }>
  }

  /** Says why it ends, if the other side still listens, and ends. */
  async end(reason: Ending): Promise<void> {
    if (this.#ending) return
    this.#ending = true
    await this.send({ type: 'ended', reason }).catch(() => {})
    await this.#stream.close()
  }

  /** Sends what is waiting and ends. */
  close(): Promise<void> {
    this.#ending = true
    return this.#stream.close()
  }

  /** Ends at once, unless it is ending in order. */
  abort(reason: string): void {
    if (!this.#ending) this.#stream.abort(reason)
  }

  #open(frame: Uint8Array): Uint8Array {
    const length = frame.length - TAG_BYTES
    if (length < 0) throw corrupt()
    const nonce = nonceOf(this.#received++)
    const decipher = createDecipheriv('aes-256-gcm', this.#receiveKey, nonce, { authTagLength: TAG_BYTES })
    decipher.setAuthTag(frame.subarray(length))
    try {
      return new Uint8Array(Buffer.concat([decipher.update(frame.subarray(0, length)), decipher.final()]))
    } catch {
      throw corrupt()
    }
  }
}

/** The other side said that the pairing has ended. */
export class EndedByPeer extends Error {
  readonly reason: Ending

  constructor(reason: Ending) {
    super(`the other side ended the pairing: ${reason}`)
    this.reason = reason
  }
}

function nonceOf(number: number): Uint8Array {
  const nonce = Buffer.alloc(12)
  nonce.writeBigUInt64BE(BigInt(number), 4)
  return nonce
}

function gone(): VivimError {
  return new VivimError('Unavailable', 'The other device ended the conversation.')
}

function corrupt(): VivimError {
  return new VivimError('Corrupt', 'The other device does not follow the protocol.')
}
