import type { Config } from '../../config/config.ts'
import { VivimError } from '../../schema/errors.ts'
import type { Result } from '../../schema/methods/index.ts'
import { type JoinAddress, readJoinAddress } from './join-address.ts'
import type { MasterService } from './master-service.ts'

/** Joining a master and leaving it, while the node runs and for its next starts. */
export interface MasterMembership {
  /** @throws VivimError `InvalidParams` for what is no address; `Conflict` as `leave` */
  join(address: string): Promise<Result<'master.join'>>
  /** @throws VivimError `Conflict` for a bootstrap node, and when a flag or the environment says otherwise */
  leave(): Promise<Result<'master.leave'>>
}

export function masterMembership(
  config: Pick<Config, 'get' | 'store'>,
  master: Pick<MasterService, 'moveTo' | 'status' | 'role'>,
  /** A member has users to register, which a solo node has not done yet. */
  onJoined: () => void,
): MasterMembership {
  const move = async (address: JoinAddress | undefined): Promise<Result<'master.join'>> => {
    for (const key of ['role', 'network.join'] as const) {
      const { origin } = config.get(key)
      if (origin === 'flag' || origin === 'environment')
        throw new VivimError(
          'Conflict',
          `A ${origin === 'flag' ? 'flag' : 'variable of the environment'} says what ${key} is.`,
          {
            hint: 'Start the node without it.',
          },
        )
    }
    await master.moveTo(address)
    const role = address ? 'member' : 'solo'
    if (address) config.store('network.join', address.text)
    config.store('role', role)
    if (address) onJoined()
    const { waiting } = await master.status()
    return { role, waiting, ...(address ? { joined: address.text } : {}) }
  }
  return { join: async (address) => move(readJoinAddress(address)), leave: () => move(undefined) }
}
