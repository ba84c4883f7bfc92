import type { Result } from '../../../schema/methods/index.ts'
import { FINDINGS } from './findings.ts'
import type { ReaderReport } from './log-reader.ts'

const LOG_KINDS: readonly string[] = ['rolled-back', 'history-changed']

/** For `master.status`: what a reader knows of the log, in words. */
export function logReport(
  { trust, head, confirmedAt, generationAt, findings }: ReaderReport,
  role: 'solo' | 'member' | 'bootstrap',
): NonNullable<Result<'master.status'>['log']> {
  const anew = findings.some(({ kind }) => LOG_KINDS.includes(kind))
  return {
    trust,
    findings: findings.map(({ kind, did, since, lastAt }) => ({
      kind,
      words: FINDINGS[kind],
      since,
      lastAt,
      ...(did === undefined ? {} : { did }),
    })),
    ...(head
      ? {
          head: {
            generation: head.generation,
            size: head.size,
            root: Buffer.from(head.root).toString('hex'),
            time: head.time,
          },
        }
      : {}),
    ...(confirmedAt === undefined ? {} : { confirmedAt }),
    ...(generationAt === undefined ? {} : { generationAt }),
    ...(anew
      ? {
          hint:
            role === 'bootstrap'
              ? 'When you restored its database from a copy: `vivimd master new-generation`.'
              : 'Ask its operator whether the database was restored from a copy.',
        }
      : {}),
  }
}
