import { authorise } from '../../rpc/access.ts'
import type { Handlers, RpcCall, RpcConnection } from '../../rpc/types.ts'
import { VivimError } from '../../schema/errors.ts'
import type { Result } from '../../schema/methods/index.ts'
import { givenRootKey } from '../given-root-key.ts'
import { certifiedUntil } from '../identity/certificate-life.ts'
import type { NodeContext } from '../node-context.ts'

type Status = Result<'devices.pair.status'>
type DevicesHandlers = Pick<
  Handlers,
  | 'devices.pair.start'
  | 'devices.pair.join'
  | 'devices.pair.confirm'
  | 'devices.pair.status'
  | 'devices.pair.cancel'
  | 'devices.revoke'
  | 'devices.renew'
  | 'devices.resolve'
>

export function devicesHandlers({ pairing, users, revokeDevice, resolveFork }: NodeContext): DevicesHandlers {
  const chosen = (pairingId: string | undefined, { connection }: RpcCall) =>
    choose(pairing.list(), pairingId, connection).pairingId
  return {
    'devices.pair.start': (_params, { session }) => {
      if (!session) throw new VivimError('Unauthorized')
      return pairing.start(session.did)
    },
    'devices.revoke': (params, { session }) => {
      if (!session) throw new VivimError('Unauthorized')
      return revokeDevice(session.did, params)
    },
    'devices.resolve': (params, { session }) => {
      if (!session) throw new VivimError('Unauthorized')
      return resolveFork(session.did, params)
    },
    'devices.renew': async (given, { session }) => {
      if (!session) throw new VivimError('Unauthorized')
      const rootKey = await givenRootKey(users, session.did, given)
      const { deviceDid, chain } = await users.renewWith(session.did, rootKey)
      return { deviceDid, certifiedUntil: certifiedUntil(chain) }
    },
    'devices.pair.join': (params, { signal }) => pairing.join(params, signal),
    'devices.pair.confirm': ({ pairingId, check }, call) =>
      pairing.confirm(chosen(pairingId, call), check, call.signal),
    'devices.pair.status': ({ pairingId }, call) => pairing.status(chosen(pairingId, call)),
    'devices.pair.cancel': ({ pairingId }, call) => pairing.cancel(chosen(pairingId, call)),
  }
}

/**
 * The pairing a caller means. What this node joined belongs to its owner: there may be no user yet. What it started
 * belongs to that user's session.
 * @throws VivimError `Unauthorized` for a caller without a session, whatever they asked for; `Forbidden` for one whose
 * session may not do it; `NotFound`; `InvalidParams` when several fit
 */
function choose(all: readonly Status[], pairingId: string | undefined, connection: RpcConnection): Status {
  const joined = all.filter(({ side }) => side === 'joined' && connection.ownerSocket)
  const byOwner = pick(joined, pairingId)
  if (byOwner && !connection.session) return byOwner
  if (byOwner && pairingId !== undefined) return byOwner
  const session = authorise('admin', connection)!
  const started = all.filter(({ side, did }) => side === 'started' && did === session.did)
  const found = pick([...joined, ...started], pairingId)
  if (found) return found
  throw new VivimError('NotFound', 'There is no such pairing.', {
    field: 'pairingId',
    hint: '`vivimd device pair` starts one.',
  })
}

/** By id; without one, the pairing that a person would mean: one that waits for them, else the last. */
function pick(pairings: readonly Status[], pairingId: string | undefined): Status | undefined {
  if (pairingId !== undefined) return pairings.find((pairing) => pairing.pairingId === pairingId)
  const of = (...states: Status['state'][]) => pairings.filter(({ state }) => states.includes(state))
  const open = [of('joined', 'confirmed'), of('waiting')].find(({ length }) => length > 0) ?? []
  if (open.length > 1)
    throw new VivimError('InvalidParams', 'Several pairings are under way: say which.', {
      field: 'pairingId',
    })
  return open[0] ?? pairings.at(-1)
}
