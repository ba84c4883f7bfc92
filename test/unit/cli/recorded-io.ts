import { type CliIo, Interrupted } from '../../../rpc/cli/io.ts'

/** Streams that a test reads; `answers` are what the person types. */
export class RecordedIo implements CliIo {
  stdout = ''
  stderr = ''
  outIsTerminal = false
  errIsTerminal = false
  inIsTerminal = false
  columns = 80
  input = ''
  readonly answers: (string | Interrupted)[] = []
  readonly asked: { question: string; hidden: boolean }[] = []
  readonly #interrupts = new Set<() => void>()

  out(text: string): void {
    this.stdout += text
  }

  err(text: string): void {
    this.stderr += text
  }

  async readInput(): Promise<string> {
    return this.input
  }

  async ask(question: string, { hidden = false } = {}): Promise<string> {
    this.asked.push({ question, hidden })
    const answer = this.answers.shift()
    if (answer === undefined) throw new Error(`nobody answers ${question}`)
    if (answer instanceof Interrupted) throw answer
    return answer
  }

  onInterrupt(listener: () => void): () => void {
    this.#interrupts.add(listener)
    return () => void this.#interrupts.delete(listener)
  }

  interrupt(): void {
    for (const listener of this.#interrupts) listener()
  }
}
