import type { Paths } from '../config/paths.ts'
import { refuseWorkTree } from '../config/work-tree.ts'
import type { Command, Invocation } from '../rpc/cli/command.ts'
import { usage } from '../rpc/cli/option-parser.ts'
import { readNewPassphrase } from '../rpc/cli/passphrase.ts'
import { confirmRecoveryPhrase } from '../rpc/cli/recovery-check.ts'
import type { Result } from '../schema/methods/index.ts'
import { ensurePeerId, makeHome, refuseForeignFolder } from './home.ts'
import type { InitServices } from './init-services.ts'
import { type InitResult, initView } from './init-view.ts'
import { keepListenAddress } from './listen-address.ts'
import { acquireDataLock } from './lock.ts'
import { keepNetworkRole, networkRole, nodeConfig } from './node-config.ts'

export interface InitOptions {
  readonly services: InitServices
  readonly version: string
  /** When this process started, milliseconds UTC. */
  readonly startedAt: number
  /** An integer in [0, below): which words are asked back. */
  readonly randomInteger: (below: number) => number
}

export function initCommand({ services, version, startedAt, randomInteger }: InitOptions): Command {
  return {
    usage: '',
    options: {
      name: { type: 'text', value: 'NAME', help: "the first user's display name" },
      'no-user': { type: 'flag', help: 'make no user' },
      'non-interactive': { type: 'flag', help: 'ask nothing' },
      role: { type: 'text', value: 'ROLE', help: 'solo (default), bootstrap: keeps the registry, or member' },
      join: {
        type: 'text',
        value: 'MULTIADDR',
        help: 'the bootstrap node to join: its multiaddr with /p2p/; makes a member',
      },
      listen: { type: 'text', value: 'MULTIADDR', help: 'where to listen; port 0: any free one, kept' },
      force: { type: 'flag', help: 'also inside a git work tree, or in a folder with other things' },
    },
    about: 'Running it again changes nothing that is there.',
    async run(invocation) {
      const { options, words } = invocation
      if (words.length > 0)
        throw usage('`vivimd init` takes no words.', 'The name of the user is --name NAME.')
      const { config, paths } = nodeConfig(invocation)
      networkRole(config)
      if (!options.force) {
        refuseWorkTree(paths.home)
        refuseForeignFolder(paths)
      }
      makeHome(paths)
      const lock = await acquireDataLock({ ...paths, version, startedAt })
      try {
        const listen = await keepListenAddress(config)
        const { role, join } = keepNetworkRole(config)
        const peerId = ensurePeerId(paths)
        const user = options['no-user'] ? undefined : await firstUser(services, paths, invocation)
        const result: InitResult = { home: paths.home, peerId, role, ...user }
        const place = { config: paths.config, listen, joined: join?.text }
        invocation.print(result, (style) => initView(result, place, style))
        for (const warning of config.warnings) invocation.note(`Warning: ${warning}`)
        if (user?.recoveryPhrase !== undefined && asks(invocation))
          await confirmRecoveryPhrase(invocation.io, user.recoveryPhrase, randomInteger)
        return 0
      } finally {
        await lock.release()
      }
    },
  }
}

/** The user who is there, or a new one with a phrase to write down. */
async function firstUser(
  services: InitServices,
  paths: Paths,
  invocation: Invocation,
): Promise<Pick<Result<'users.create'>, 'did' | 'deviceDid'> & { recoveryPhrase?: string }> {
  const [existing] = await services.listUsers(paths)
  if (existing !== undefined) return { did: existing.did, deviceDid: existing.deviceDid }
  const { options, env, io } = invocation
  const name = options.name as string | undefined
  const asking = asks(invocation)
  const file = nodeConfig(invocation).config.value('passphraseFile')
  const passphrase = await readNewPassphrase({ env, io: { ...io, inIsTerminal: asking }, file })
  return services.createUser(paths, {
    ...(name === undefined ? {} : { displayName: name }),
    ...(passphrase === undefined ? { unattended: true } : { passphrase }),
  })
}

function asks({ io, options }: Invocation): boolean {
  return io.inIsTerminal && !options['non-interactive'] && !options.json && !options.quiet
}
