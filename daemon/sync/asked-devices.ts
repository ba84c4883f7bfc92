import { VivimError } from '../../schema/errors.ts'
import type { Result } from '../../schema/methods/index.ts'
import type { DeviceLink } from './device-link.ts'
import type { KnownDevice } from './known-devices.ts'
import type { SyncSession, SyncTotals } from './sync-session.ts'

/** Devices that somebody wants something of now, and the ways to them. */
export interface Asking {
  readonly devices: readonly KnownDevice[]
  /** Aborted when whoever asks has waited long enough. */
  readonly signal: AbortSignal
  linkTo(device: KnownDevice): DeviceLink
  /** @throws VivimError `Unavailable` for a device that cannot be reached */
  openSession(device: KnownDevice, signal: AbortSignal): Promise<SyncSession>
  /** Digest of what this side holds. */
  frontier(): Uint8Array | undefined
  now(): number
}

type Synced = Pick<Result<'sync.now'>, 'applied' | 'sent' | 'devices'>
type AuditedDevice = Result<'sync.audit'>['devices'][number]

/** Compares with each, and answers once each holds the same or is out of reach. */
export async function syncAll(asking: Asking): Promise<Synced> {
  const outcomes = await Promise.all(asking.devices.map((device) => syncWith(asking, device)))
  const sum = (key: keyof SyncTotals) =>
    outcomes.reduce((total, { totals }) => total + (totals?.[key] ?? 0), 0)
  return { applied: sum('applied'), sent: sum('sent'), devices: outcomes.map(({ outcome }) => outcome) }
}

/** Compares all rows with each. */
export function auditAll(asking: Asking): Promise<AuditedDevice[]> {
  return Promise.all(asking.devices.map((device) => auditWith(asking, device)))
}

async function syncWith(
  asking: Asking,
  device: KnownDevice,
): Promise<{ outcome: Synced['devices'][number]; totals?: SyncTotals }> {
  const { deviceDid } = device
  try {
    const totals = await withSession(asking, device, (session) => session.sync(asking.signal))
    const { audits, session } = asking.linkTo(device)
    const frontier = asking.frontier()
    if (frontier && audits.changed(frontier)) session?.auditLater()
    return { outcome: { deviceDid, state: 'in-sync' }, totals }
  } catch (error) {
    const { result, message } = failureOf(error)
    return { outcome: { deviceDid, state: result, message } }
  }
}

async function auditWith(asking: Asking, device: KnownDevice): Promise<AuditedDevice> {
  const { deviceDid } = device
  const once = () =>
    withSession(asking, device, async (session) => {
      await session.sync(asking.signal)
      return session.audit(asking.signal)
    })
  try {
    const first = await once()
    // One of them may just have written something.
    const { result, rows, remade, names } = first.result === 'incomparable' ? await once() : first
    const found = result === 'different' ? { rows, remade, names: [...names] } : {}
    return { deviceDid, result, ...found, at: asking.now() }
  } catch (error) {
    return { deviceDid, ...failureOf(error), at: asking.now() }
  }
}

/** When both sides dial at once, one of the two sessions goes; what was asked of it is asked of the other. */
async function withSession<T>(
  { linkTo, openSession, signal }: Asking,
  device: KnownDevice,
  use: (session: SyncSession) => Promise<T>,
): Promise<T> {
  for (;;) {
    const session = linkTo(device).session ?? (await openSession(device, signal))
    try {
      return await use(session)
    } catch (error) {
      if (signal.aborted || session.reason !== 'busy') throw error
    }
  }
}

function failureOf(error: unknown): { result: 'unreachable' | 'failed'; message: string } {
  const unreachable = error instanceof VivimError && error.code === 'Unavailable'
  const message = error instanceof VivimError ? error.message : 'It did not answer in time.'
  return { result: unreachable ? 'unreachable' : 'failed', message }
}
