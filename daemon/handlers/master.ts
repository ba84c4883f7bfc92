import type { Handlers } from '../../rpc/types.ts'
import { VivimError } from '../../schema/errors.ts'
import { readMemberDocument } from '../identity/member-document.ts'
import { readUserRecord } from '../identity/user-record.ts'
import type { NodeContext } from '../node-context.ts'

export function masterHandlers({
  master,
  membership,
  palette,
  peers,
}: Pick<NodeContext, 'master' | 'membership' | 'palette'> & {
  readonly peers: Pick<NodeContext['peers'], 'person'>
}): Pick<Handlers, Extract<keyof Handlers, `master.${string}`>> {
  return {
    'master.status': () => master.status(),
    'master.join': ({ address }) => membership.join(address),
    'master.leave': () => membership.leave(),
    'master.newGeneration': () => master.newGeneration(),
    'master.commands.list': (_params, { signal }) => palette.commands(signal),
    'master.commands.set': async (command) => {
      await palette.setCommand(command)
      return { trigger: command.trigger }
    },
    'master.commands.remove': async ({ trigger }) => {
      await palette.remove('commands', trigger)
      return { trigger }
    },
    'master.actions.list': (_params, { signal }) => palette.actions(signal),
    'master.actions.set': async (action) => {
      await palette.setAction(action)
      return { trigger: action.trigger }
    },
    'master.actions.remove': async ({ trigger }) => {
      await palette.remove('actions', trigger)
      return { trigger }
    },
    'master.providerStats': () => master.providerStats(),
    'master.lookup': async ({ did: text }, { signal, session }) => {
      const did = await peers.person(session?.did, text)
      const entry = await master.find(did, signal)
      if (!entry) throw new VivimError('NotFound', 'The master does not know that DID.', { field: 'did' })
      const record = entry.user && readUserRecord(entry.user)
      const devices = entry.devices.flatMap((bytes) => {
        const document = readMemberDocument(bytes)
        return document ? [{ deviceDid: document.deviceDid, sequence: document.sequence }] : []
      })
      return { did, displayName: record?.displayName ?? null, devices }
    },
  }
}
