import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { MasterLog } from '../../../daemon/master/master-log.ts'

/** Things to undo after a test, the last first. */
export class Temporary {
  readonly #undo: (() => unknown)[] = []

  folder(): string {
    const path = mkdtempSync(join(tmpdir(), 'vivim-master-'))
    this.#undo.push(() => rmSync(path, { recursive: true, force: true }))
    return path
  }

  after(undo: () => unknown): void {
    this.#undo.push(undo)
  }

  async undo(): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) await undo()
  }
}

export interface RecordingLog extends MasterLog {
  /** Everything that was written, as one text. */
  text(): string
}

export function recordingLog(): RecordingLog {
  const lines: string[] = []
  const note = (details: object, message: string) =>
    void lines.push(
      `${message} ${JSON.stringify(details, (_, value) => (value instanceof Error ? value.stack : value))}`,
    )
  return { info: note, warn: note, error: note, text: () => lines.join('\n') }
}

/** Looks again and again until it is so; what never happens fails the test with its name. */
export async function eventually(what: string, is: () => unknown, withinMs = 30_000): Promise<number> {
  const began = performance.now()
  while (!(await is())) {
    if (performance.now() - began > withinMs) throw new Error(`${what}: not within ${withinMs} ms`)
    await delay(10)
  }
  return performance.now() - began
}

/** What a promise is rejected with. */
export async function failureOf(work: Promise<unknown>): Promise<Error & { code?: string; hint?: string }> {
  try {
    await work
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not fail')
}
