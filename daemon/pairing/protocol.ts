import { LIMITS } from '../../schema/limits.ts'

/** Two devices become one person's over streams of this protocol; no server has a part in it. */
export const PAIR_PROTOCOL = '/vivim/pair/1'
export const PAIR_STREAM = { maxFrameBytes: LIMITS.pairingFrameBytes, maxInbound: 4 } as const
