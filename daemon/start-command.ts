import type { Command } from '../rpc/cli/command.ts'
import { usage } from '../rpc/cli/option-parser.ts'
import { peerIdOfHome } from './home.ts'
import { held, isHolderAlive, isLockHeld, readLockHolder } from './lock.ts'
import { networkRole, nodeConfig } from './node-config.ts'
import type { StartOptions } from './start-options.ts'

export function startCommand(start: StartOptions): Command {
  return {
    usage: '',
    options: {
      foreground: { type: 'flag', help: 'stay, log to stderr, and print `ready`' },
      wait: { type: 'number', value: 'SECONDS', help: 'how long to wait until it is ready; default 15' },
      listen: { type: 'text', value: 'MULTIADDR', help: 'where to listen' },
      'log-level': { type: 'text', value: 'LEVEL', help: 'trace, debug, info, warn, error or silent' },
      detached: {
        type: 'flag',
        help: 'with --foreground: log to the file; how a start in the background works',
      },
    },
    async run(invocation) {
      if (invocation.words.length > 0) throw usage('`vivimd start` takes no words.')
      const settings = nodeConfig(invocation)
      const { config, paths } = settings
      const peerId = peerIdOfHome(paths)
      networkRole(config)
      if (invocation.options.foreground) {
        const { runInForeground } = await import('./foreground.ts')
        return runInForeground({ ...start, invocation, config, paths, peerId })
      }
      const holder = readLockHolder(paths.run)
      if ((await isLockHeld(paths.home)) || (holder !== undefined && isHolderAlive(holder)))
        throw held(holder)
      const { startInBackground } = await import('./background.ts')
      return startInBackground({ ...start, ...settings, invocation })
    },
  }
}
