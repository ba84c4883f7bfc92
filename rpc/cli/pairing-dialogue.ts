import { setTimeout as delay } from 'node:timers/promises'
import { VivimError } from '../../schema/errors.ts'
import type { Result } from '../../schema/methods/index.ts'
import type { Client } from '../client/types.ts'
import { type CliIo, Interrupted } from './io.ts'
import { pairedText, spaced } from './views/devices.ts'
import { oneLine } from './views/text.ts'

type Status = Result<'devices.pair.status'>

const LOOK_EVERY_MS = 500

/** Resolves with the first status that is wanted. @throws VivimError when the pairing ends before; `Interrupted` */
export async function pairingReaches(
  node: Client,
  io: CliIo,
  pairingId: string,
  wanted: (status: Status) => boolean,
): Promise<Status> {
  const abort = new AbortController()
  const ignore = io.onInterrupt(() => abort.abort(new Interrupted()))
  try {
    for (;;) {
      const status = await node.call('devices.pair.status', { pairingId }, { signal: abort.signal })
      if (wanted(status)) return status
      if (status.state === 'expired') throw new VivimError('Expired', 'The pairing code has expired.')
      if (status.state === 'failed')
        throw new VivimError('Conflict', 'The pairing was cancelled or failed on one of the devices.')
      await delay(LOOK_EVERY_MS, undefined, { signal: abort.signal }).catch(() => {})
      abort.signal.throwIfAborted()
    }
  } finally {
    ignore()
  }
}

/**
 * Asks the person whether both devices show the same digits, confirms and waits until all is done. Whoever says no, or
 * presses Ctrl-C before, cancels.
 */
export async function confirmOnTerminal(node: Client, io: CliIo, status: Status): Promise<void> {
  const { pairingId, check = '', side, deviceName = 'the new device' } = status
  const other = side === 'started' ? `"${oneLine(deviceName)}"` : 'the other device'
  const answer = await io.ask(`Does ${other} show ${spaced(check)} too? [y/N] `)
  if (!/^y(es)?$/i.test(answer.trim())) {
    await node.call('devices.pair.cancel', { pairingId })
    throw new VivimError('Conflict', 'Cancelled: the devices are not paired.')
  }
  const { complete, deviceDid } = await node.call('devices.pair.confirm', { pairingId, check })
  if (!complete) {
    io.err('Now confirm on the other device.\n')
    await pairingReaches(node, io, pairingId, ({ state }) => state === 'done')
  }
  io.out(pairedText(deviceDid))
}

/** Runs a dialogue; Ctrl-C before its end cancels the pairing. */
export async function cancelledWithIt<T>(node: Client, pairingId: string, dialogue: Promise<T>): Promise<T> {
  try {
    return await dialogue
  } catch (error) {
    if (error instanceof Interrupted)
      await node.call('devices.pair.cancel', { pairingId }).catch((refusal) => {
        if (!(refusal instanceof VivimError)) throw refusal
      })
    throw error
  }
}
