import { runCli } from '../rpc/cli/index.ts'
import { processIo } from '../rpc/cli/process-io.ts'
import { programVersion } from './program-version.ts'

/** The command line; `program` is the stub that starts it. Answers the exit code. */
export function main(argv: readonly string[], program: string): Promise<number> {
  const startedAt = Math.round(performance.timeOrigin)
  return runCli(argv, {
    io: processIo(),
    env: process.env,
    cwd: process.cwd(),
    version: programVersion,
    local: {
      init: async () => {
        const [{ initCommand }, { initServices }, { randomInt }] = await Promise.all([
          import('./init-command.ts'),
          import('./init-services.ts'),
          import('node:crypto'),
        ])
        const version = programVersion()
        return initCommand({ services: initServices, version, startedAt, randomInteger: randomInt })
      },
      start: async () => {
        const { startCommand } = await import('./start-command.ts')
        // The monotonic clock begins with the process.
        return startCommand({ program, version: programVersion(), startedAt, startedMonotonic: 0 })
      },
      stop: async () => (await import('./stop-command.ts')).stopCommand,
    },
  })
}
