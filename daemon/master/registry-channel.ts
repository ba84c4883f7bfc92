import { VivimError } from '../../schema/errors.ts'
import type { FrameStream } from '../network/network.ts'
import { type Answer, decodeAnswer, encodeQuestion, type Question } from './registry-frames.ts'

/** Takes an answer to its question: true when it was the last one. @throws for one that does not belong to it */
export type TakeAnswer = (answer: Answer) => boolean

interface Waiting {
  readonly take: TakeAnswer
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** A question without its number, which the channel gives. */
export type Unnumbered = Question extends infer Q ? (Q extends Question ? Omit<Q, 'id'> : never) : never

/** One stream to a master, and the questions that wait for their answers on it. */
export class RegistryChannel {
  readonly #stream: FrameStream
  readonly #waiting = new Map<number, Waiting>()
  #next = 0
  #over: VivimError | undefined

  constructor(stream: FrameStream) {
    this.#stream = stream
    void this.#read()
  }

  /** No answer will come any more. */
  get over(): boolean {
    return this.#over !== undefined
  }

  /** Resolves with the last answer. @throws VivimError `Unavailable` when the stream ends, or what the signal says */
  async ask(question: Unnumbered, take: TakeAnswer, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#over) throw this.#over
    const id = this.#next++
    const answered = Promise.withResolvers<void>()
    this.#waiting.set(id, { take, resolve: answered.resolve, reject: answered.reject })
    const give = () => answered.reject(signal.reason)
    signal.addEventListener('abort', give)
    try {
      // Whichever fails first: a send that waits for room must not outlive the stream.
      await Promise.all([this.#send({ ...question, id } as Question, signal), answered.promise])
    } finally {
      signal.removeEventListener('abort', give)
      this.#waiting.delete(id)
    }
  }

  abort(reason: string): void {
    this.#stream.abort(reason)
    this.#end(new VivimError('Unavailable', 'The stream to the master was ended.'))
  }

  async #send(question: Question, signal: AbortSignal): Promise<void> {
    await this.#stream.send(encodeQuestion(question), signal)
  }

  async #read(): Promise<void> {
    try {
      for (let frame = await this.#stream.receive(); frame; frame = await this.#stream.receive())
        this.#take(decodeAnswer(frame))
      await this.#stream.close()
    } catch {
      this.#stream.abort('no answer of a registry')
    }
    this.#end(new VivimError('Unavailable', 'The master ended the stream.'))
  }

  /** Answers to a question that nobody waits for any more are dropped. */
  #take(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    if (!waiting) return
    try {
      if (waiting.take(answer)) waiting.resolve()
    } catch (error) {
      waiting.reject(error)
      // A refusal is an answer like others; anything else does not belong here.
      if (answer.type !== 'refused') throw error
    }
  }

  #end(error: VivimError): void {
    this.#over ??= error
    for (const { reject } of this.#waiting.values()) reject(this.#over)
  }
}
