import { LIMITS } from '../../schema/limits.ts'

/** Two people's nodes agree that these are in contact over streams of this protocol; no server has a part in it. */
export const PEERS_PROTOCOL = '/vivim/peers/1'
export const PEERS_STREAM = {
  maxFrameBytes: LIMITS.contactFrameBytes,
  maxInbound: LIMITS.contactStreamsOpen,
} as const
