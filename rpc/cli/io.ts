/** What the command line touches of its process; tests bring their own. */
export interface CliIo {
  out(text: string): void
  err(text: string): void
  readonly outIsTerminal: boolean
  readonly errIsTerminal: boolean
  readonly inIsTerminal: boolean
  /** Characters of a terminal line. */
  readonly columns: number
  /** All of standard input as text. */
  readInput(): Promise<string>
  /** Asks on the terminal; `hidden` shows nothing of the answer. Rejects with `Interrupted` on Ctrl-C. */
  ask(question: string, options?: { hidden?: boolean }): Promise<string>
  /** Calls `listener` on Ctrl-C instead of ending; returns a function that ends that. */
  onInterrupt(listener: () => void): () => void
}

/** The person pressed Ctrl-C. */
export class Interrupted extends Error {
  constructor(message = 'Interrupted.') {
    super(message)
    this.name = 'Interrupted'
  }
}
