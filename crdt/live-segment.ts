import { deviceTag } from './device.ts'
import { type LogHead, logName } from './frontier.ts'
import { compareHlc } from './hlc.ts'
import { GENESIS_HASH, LogChain } from './log.ts'
import { decodeOperation } from './operation.ts'
import { commitmentIn, decodeShippedSegment, type ShippedSegment } from './shipped-segment.ts'

/** A segment said on gossip, whole in form. Chain and signature are still to be looked at. */
export interface LiveSegment {
  readonly segment: ShippedSegment
  readonly log: string
  /** Sequence of the last operation; the first it carries is `segment.from`. */
  readonly last: number
}

/**
 * Reads a segment with its operations. @throws when it or an operation is not canonical, an operation bears another
 * device's stamp, or the stamps do not grow
 */
export function readLiveSegment(bytes: Uint8Array): LiveSegment {
  const segment = decodeShippedSegment(bytes)
  const tag = deviceTag(segment.device)
  let before: ReturnType<typeof decodeOperation>['hlc'] | undefined
  for (const operation of segment.operations) {
    if (!('body' in operation)) continue
    const { hlc } = decodeOperation(operation.body)
    if (Buffer.compare(hlc.device, tag) !== 0) throw new Error("an operation with another device's stamp")
    if (before && compareHlc(hlc, before) <= 0) throw new Error('stamps that do not grow')
    before = hlc
  }
  return { segment, log: logName(segment), last: segment.first + segment.count - 1 }
}

/** True when its operations, put after this head, end in the hash that was signed. The head is the one before `from`. */
export function follows({ segment, last }: LiveSegment, head: Pick<LogHead, 'hash'> | undefined): boolean {
  const chain = new LogChain(segment)
  let hash = head?.hash ?? GENESIS_HASH
  for (let sequence = segment.from; sequence <= last; sequence++)
    hash = chain.hash(sequence, hash, commitmentIn(segment, sequence).commitment)
  return Buffer.compare(hash, segment.headHash) === 0
}
