import type { CaptureConversation } from '../../schema/capture.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Result } from '../../schema/methods/index.ts'
import type { Pace } from '../vault/pace.ts'
import { planExport } from './export-plan.ts'
import { readExport } from './export-reader.ts'
import type { Source } from './sources/source.ts'

/** Counts what an import would read, without storing anything. */
export async function scanExport(
  source: Source,
  options: { readonly provider?: string | undefined; readonly pace: Pace; readonly signal: AbortSignal },
): Promise<Result<'capture.scan'>> {
  const plan = await planExport(source, options.provider)
  const skipped = new Map<string, number>()
  const errors: { where: string; code: string; message: string }[] = []
  let conversations = 0
  let messages = 0
  let from: number | null = null
  let to: number | null = null
  for await (const item of readExport(source, plan)) {
    options.signal.throwIfAborted()
    if (item.kind === 'known') continue
    if (item.kind === 'others') {
      skipped.set(item.reason, item.count)
      continue
    }
    if (item.kind !== 'parsed') {
      const { where, message } = item
      const code = item.kind === 'broken' ? item.code : 'Corrupt'
      if (errors.length < LIMITS.reportErrors) errors.push({ where, code, message })
      continue
    }
    for (const reason of [...item.parsed.skipped, ...item.parsed.notes])
      skipped.set(reason, (skipped.get(reason) ?? 0) + 1)
    for (const conversation of item.parsed.conversations) {
      conversations++
      messages += conversation.messages.length
      for (const time of timesOf(conversation)) {
        from = Math.min(from ?? time, time)
        to = Math.max(to ?? time, time)
      }
    }
    await options.pace()
  }
  return {
    provider: plan.provider.name,
    container: source.kind,
    validated: plan.provider.validated,
    conversations,
    messages,
    bytes: plan.files.reduce((sum, { size }) => sum + size, 0),
    from,
    to,
    skipped: [...skipped].map(([reason, count]) => ({ reason, count })),
    errors,
  }
}

function timesOf({ createdAt, updatedAt, messages }: CaptureConversation): number[] {
  return [createdAt, updatedAt, ...messages.map((message) => message.createdAt)].flatMap((time) => {
    if (time === undefined) return []
    return typeof time === 'number' ? time : Date.parse(time)
  })
}
