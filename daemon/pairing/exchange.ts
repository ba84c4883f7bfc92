import type { Confirmation } from './confirmation.ts'
import type { PairMessage } from './messages.ts'
import { EndedByPeer, type SealedChannel } from './sealed-channel.ts'

/** A stream on which nothing came for so long is given up. */
const SILENCE_MS = 20_000

/**
 * The part of a stream after the six digits: both sides tell where they stand until it is over. Answers when the
 * stream ends in order. @throws VivimError `Unavailable`, `Corrupt`; EndedByPeer; whatever `take` throws
 */
export async function exchange(
  channel: SealedChannel,
  take: (message: PairMessage) => void | Promise<void>,
): Promise<void> {
  for (;;) {
    const message = await channel.receive(AbortSignal.timeout(SILENCE_MS))
    if (!message) return
    if (message.type === 'ended') throw new EndedByPeer(message.reason)
    await take(message)
  }
}

export function stateOf({ confirmed, peerConfirmed }: Confirmation): PairMessage {
  return { type: 'state', confirmed, seen: peerConfirmed }
}
