import type { Client } from '../client/types.ts'
import type { CliIo } from './io.ts'
import type { Style } from './views/style.ts'

export interface OptionSpec {
  /** `list`: may be given several times. `flag` needs no value, and `--no-…` turns it off. */
  readonly type: 'text' | 'number' | 'flag' | 'list'
  /** Stands for the value in the help: `N`, `FILE`. */
  readonly value?: string
  readonly help: string
}

/** By name, without dashes. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>
export type OptionValue = string | number | boolean | readonly string[]
export type OptionValues = Readonly<Record<string, OptionValue | undefined>>

export type Environment = Readonly<Record<string, string | undefined>>

/** One run of a command. */
export interface Invocation {
  readonly words: readonly string[]
  /** Of the command, and the global ones. */
  readonly options: OptionValues
  readonly io: CliIo
  readonly env: Environment
  readonly cwd: string
  /** A connection to the node, opened at the first use; exit code 3 when none runs. */
  client(): Promise<Client>
  /** The same, signed in as the chosen user. */
  signedIn(): Promise<Client>
  /** Prints a result: as JSON, as ids, or as `view` shows it. */
  print(result: object, view: (style: Style) => string): void
  /** A line for people on stderr; nothing with --quiet. */
  note(line: string): void
}

export interface Command {
  /** What follows the name: `ID TITLE`. */
  readonly usage: string
  readonly options: OptionSpecs
  /** More than the summary, for its own help. */
  readonly about?: string
  /** The exit code; nothing: 0. */
  run(invocation: Invocation): Promise<number | undefined>
}

/** A command as the list of commands knows it, without the code behind it. */
export interface CommandEntry {
  /** One to three words. */
  readonly name: string
  readonly summary: string
  readonly group: string
  load(): Promise<Command>
}

/** Commands that need the node's own code: the program that has it brings them. */
export interface LocalCommands {
  readonly init: () => Promise<Command>
  readonly start: () => Promise<Command>
  readonly stop: () => Promise<Command>
}
