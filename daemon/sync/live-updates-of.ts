import type { EpochKey } from '../../crdt/sealed-message.ts'
import type { KnownDevices } from './known-devices.ts'
import { LiveUpdates, type LiveUpdatesOptions } from './live-updates.ts'

type Given = Pick<
  LiveUpdatesOptions,
  'network' | 'openVault' | 'count' | 'now' | 'space' | 'epochs' | 'onApplied' | 'onGap'
>

/** Live updates among the devices of one person, as those who are known judge them. */
export function liveUpdatesOf({
  devices,
  topic: topicNow,
  epochs,
  ...given
}: Given & {
  readonly devices: KnownDevices
  readonly epochs: () => readonly EpochKey[]
  /** Where the newest epoch is spoken of. */
  readonly topic: () => string | undefined
}): LiveUpdates {
  return new LiveUpdates({
    ...given,
    epochs,
    standingOf: (device) => devices.standingOf(device),
    peerOf: (device) => devices.peerOf(device),
    knowsMembership: (head) => devices.knowsMembership(head),
    current: () => {
      const epoch = epochs().at(-1)
      const topic = topicNow()
      return epoch && topic !== undefined ? { epoch, topic } : undefined
    },
  })
}
