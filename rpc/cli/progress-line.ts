import type { RpcProgress } from '../types.ts'
import type { CliIo } from './io.ts'
import { cut } from './views/text.ts'

const BAR = 20

/** One line on stderr that is drawn over; nothing where it would not be seen as one. */
export class ProgressLine {
  readonly #io: CliIo
  readonly #on: boolean
  readonly #name: string
  #drawn = ''

  constructor(io: CliIo, on: boolean, name: string) {
    this.#io = io
    this.#on = on
    this.#name = name
  }

  show({ done, total, stage }: Pick<RpcProgress, 'done' | 'total' | 'stage'>): void {
    if (!this.#on) return
    const text = cut(`${barOf(done, total)} ${stage}  ${this.#name}`, this.#io.columns - 1)
    if (text === this.#drawn) return
    this.#drawn = text
    this.#io.err(`\r\u001b[K${text}`)
  }

  clear(): void {
    if (this.#drawn !== '') this.#io.err('\r\u001b[K')
    this.#drawn = ''
  }
}

function barOf(done: number, total: number | undefined): string {
  if (total === undefined || total === 0) return String(done)
  const filled = Math.min(BAR, Math.round((done / total) * BAR))
  return `[${'='.repeat(filled)}${' '.repeat(BAR - filled)}] ${done}/${total}`
}
