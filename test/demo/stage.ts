const WIDTH = 100

const colours = process.stdout.isTTY && !process.env.NO_COLOR
const paint = (code: number, text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text)

/** What the demo prints: numbered steps, what was typed, what came back, how long it took. */
export class Stage {
  readonly #startedAt = performance.now()
  #step = 0

  /** Milliseconds since the demo began. */
  get elapsedMs(): number {
    return performance.now() - this.#startedAt
  }

  title(text: string): void {
    console.log(`\n${paint(1, text)}`)
  }

  step(text: string): void {
    this.#step += 1
    console.log(`\n${paint(1, `${this.#step}. ${text}`)}`)
  }

  /** A command as a person would type it, and on which machine. */
  typed(machine: string, command: string): void {
    console.log(`   ${paint(36, `${machine}$ ${command}`)}`)
  }

  /** What came back, at most `most` lines of it. */
  said(text: string, most = 14): void {
    const lines = text.trimEnd().split('\n')
    for (const line of lines.slice(0, most)) console.log(`     ${shorten(line, WIDTH)}`)
    if (lines.length > most) console.log(paint(2, `     … ${lines.length - most} more lines`))
  }

  /** A fact that was checked. */
  checked(text: string): void {
    console.log(`   ${paint(32, 'ok')} ${text}`)
  }

  /** Output of `work` with its time. */
  async timed<T>(work: () => Promise<T>): Promise<{ value: T; time: string }> {
    const start = performance.now()
    const value = await work()
    return { value, time: duration(performance.now() - start) }
  }
}

export function duration(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`
}

export function shorten(text: string, width: number): string {
  const characters = [...text]
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`
}

/** One line of a text that may have several. */
export function oneLine(text: string, width = 84): string {
  return shorten(text.replace(/\s+/g, ' ').trim(), width)
}
