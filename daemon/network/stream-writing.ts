import type { Stream } from '@libp2p/interface'

/** Waits until at most so many bytes are unsent; answers false when the stream goes first. @throws the signal's reason */
export async function roomToWrite(
  stream: Stream,
  unsentBytes: number,
  signal?: AbortSignal,
): Promise<boolean> {
  while (stream.writeBufferLength > unsentBytes) {
    if (stream.status !== 'open') return false
    await writingMoved(stream, signal)
  }
  return stream.status === 'open'
}

function writingMoved(stream: Stream, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const moved = () => resolve()
  const aborted = () => reject(signal?.reason)
  if (signal?.aborted) aborted()
  // `drain` comes before the bytes are written on; the loop above looks, and waits for the next.
  for (const event of ['drain', 'idle', 'close'] as const) stream.addEventListener(event, moved)
  signal?.addEventListener('abort', aborted)
  return promise.finally(() => {
    for (const event of ['drain', 'idle', 'close'] as const) stream.removeEventListener(event, moved)
    signal?.removeEventListener('abort', aborted)
  })
}
