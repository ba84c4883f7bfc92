import { nearestName } from '../../config/nearest-name.ts'
import type { CommandEntry } from './command.ts'
import { GLOBAL_OPTIONS } from './global-options.ts'
import { leadingWords, usage } from './option-parser.ts'

export interface FoundCommand {
  /** Undefined: none was named. */
  readonly entry?: CommandEntry
  /** The arguments without the command's name. */
  readonly rest: string[]
}

/** What a bare group does: `vivimd jobs` lists jobs. */
const DEFAULT_ACTION = 'list'

/** The command that a command line names. @throws VivimError `InvalidParams` */
export function findCommand(argv: readonly string[], entries: readonly CommandEntry[]): FoundCommand {
  const places = leadingWords(argv, GLOBAL_OPTIONS, 3)
  const without = (...taken: number[]) => argv.filter((_, at) => !taken.includes(at))
  const [first, second, third] = places
  if (first === undefined) return { rest: [...argv] }
  const name = argv[first]!
  const byName = new Map(entries.map((entry) => [entry.name, entry]))
  const triple = third === undefined ? undefined : byName.get(`${name} ${argv[second!]} ${argv[third]}`)
  if (triple !== undefined) return { entry: triple, rest: without(first, second!, third!) }
  const pair = second === undefined ? undefined : byName.get(`${name} ${argv[second]}`)
  if (pair !== undefined) return { entry: pair, rest: without(first, second!) }
  const alone = byName.get(name)
  if (alone !== undefined) return { entry: alone, rest: without(first) }
  const actions = entries.flatMap((entry) =>
    entry.name.startsWith(`${name} `) ? entry.name.split(' ')[1]! : [],
  )
  if (actions.length === 0) throw unknownCommand(name, entries)
  const listed = byName.get(`${name} ${DEFAULT_ACTION}`)
  if (second === undefined && listed !== undefined) return { entry: listed, rest: without(first) }
  const hint = `There are: ${actions.map((action) => `${name} ${action}`).join(', ')}.`
  if (second === undefined) throw usage(`\`vivimd ${name}\` needs one word more.`, hint)
  const near = nearestName(argv[second]!, actions)
  throw usage(
    `There is no command ${JSON.stringify(`${name} ${argv[second]}`)}.`,
    near === undefined ? hint : `Did you mean \`vivimd ${name} ${near}\`?`,
  )
}

function unknownCommand(name: string, entries: readonly CommandEntry[]) {
  const names = new Set(entries.map((entry) => entry.name.split(' ')[0]!))
  const near = nearestName(name, names)
  return usage(
    `There is no command ${JSON.stringify(name)}.`,
    near === undefined ? '`vivimd --help` lists them all.' : `Did you mean \`vivimd ${near}\`?`,
  )
}
