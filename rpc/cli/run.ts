import { catalog } from './catalog.ts'
import type {
  Command,
  CommandEntry,
  Environment,
  Invocation,
  LocalCommands,
  OptionValues,
} from './command.ts'
import { type FoundCommand, findCommand } from './command-search.ts'
import { describeFailure, failureLine } from './failure.ts'
import { GLOBAL_OPTIONS } from './global-options.ts'
import type { CliIo } from './io.ts'
import type { Connect, NodeAccess } from './node-access.ts'
import { parseArguments } from './option-parser.ts'
import { printResult } from './printing.ts'

export interface CliOptions {
  readonly io: CliIo
  readonly env: Environment
  readonly cwd: string
  readonly version: () => string
  readonly local: LocalCommands
  /** By default the client over the socket. */
  readonly connect?: Connect
}

/** Runs a command line and answers its exit code. Everything that goes wrong is told on the way. */
export async function runCli(argv: readonly string[], options: CliOptions): Promise<number> {
  const { io } = options
  try {
    return await run(argv, options)
  } catch (error) {
    const failure = describeFailure(error)
    const { exit, code, message, hint } = failure
    if (asksForJson(argv)) io.out(`${JSON.stringify({ error: { code, message, ...(hint && { hint }) } })}\n`)
    else io.err(failureLine(failure))
    return exit
  }
}

async function run(argv: readonly string[], options: CliOptions): Promise<number> {
  const { io, local, version } = options
  const entries = catalog(local)
  const { entry, rest } = helpIsMeant(findCommand(argv, entries), entries)
  if (entry === undefined) {
    const { options: given } = parseArguments(rest, GLOBAL_OPTIONS)
    if (given.version) {
      const text = version()
      io.out(given.json ? `${JSON.stringify({ version: text })}\n` : `vivimd ${text}\n`)
      return 0
    }
    const { overview } = await import('./help.ts')
    io.out(overview(entries))
    return 0
  }
  const command = await entry.load()
  const { words, options: given } = parseArguments(rest, { ...GLOBAL_OPTIONS, ...command.options })
  if (given.help) {
    const { commandHelp } = await import('./help.ts')
    io.out(commandHelp(entry, command))
    return 0
  }
  return runCommand(command, words, given, options)
}

/** `help COMMAND` is `COMMAND --help`; `help` of anything else is about methods. */
function helpIsMeant(found: FoundCommand, entries: readonly CommandEntry[]): FoundCommand {
  if (found.entry?.name !== 'help') return found
  const named = entries.some(({ name }) => found.rest.some((word) => name.split(' ')[0] === word))
  return named ? findCommand([...found.rest, '--help'], entries) : found
}

async function runCommand(
  command: Command,
  words: readonly string[],
  given: OptionValues,
  { io, env, cwd, connect }: CliOptions,
): Promise<number> {
  let access: NodeAccess | undefined
  const node = async () => {
    access ??= await openAccess({ io, env, cwd, given, connect })
    return access
  }
  const invocation: Invocation = {
    words,
    options: given,
    io,
    env,
    cwd,
    client: async () => (await node()).client(),
    signedIn: async () => (await node()).signedIn(),
    print: (result, view) => printResult(io, env, given, result, view),
    note: (line) => {
      if (!given.quiet) io.err(`${line}\n`)
    },
  }
  try {
    return (await command.run(invocation)) ?? 0
  } finally {
    await access?.close()
  }
}

interface AccessOptions {
  readonly io: CliIo
  readonly env: Environment
  readonly cwd: string
  readonly given: OptionValues
  readonly connect: Connect | undefined
}

async function openAccess({ io, env, cwd, given, connect }: AccessOptions): Promise<NodeAccess> {
  const [{ clientConfig }, { NodeAccess }, client] = await Promise.all([
    import('./client-config.ts'),
    import('./node-access.ts'),
    connect === undefined ? import('../client/index.ts') : undefined,
  ])
  const { config, paths } = clientConfig({ options: given, env, cwd })
  const seconds = given.timeout as number | undefined
  return new NodeAccess({
    connect: connect ?? client!.connect,
    socket: paths.socket,
    home: paths.home,
    timeoutMs: seconds === undefined ? undefined : seconds * 1_000,
    config,
    env,
    io,
  })
}

/** Also when the command line itself cannot be read. */
function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return (end === -1 ? argv : argv.slice(0, end)).includes('--json')
}
