import type { Command, CommandEntry, OptionSpecs } from './command.ts'
import { GLOBAL_OPTIONS } from './global-options.ts'

/** `vivimd --help`. */
export function overview(entries: readonly CommandEntry[]): string {
  const groups = Map.groupBy(entries, ({ group }) => group)
  const widest = Math.max(...entries.map(({ name }) => name.length))
  const lines = [...groups].map(([name, commands]) => {
    const rows = commands.map((command) => `  ${command.name.padEnd(widest)}  ${command.summary}\n`)
    return `\n${name}\n${rows.join('')}`
  })
  return [
    'vivimd: a personal knowledge node.\n\nUsage: vivimd COMMAND [OPTIONS]\n',
    ...lines,
    `\nOptions of every command\n${optionLines(GLOBAL_OPTIONS)}`,
    '\nvivimd COMMAND --help explains a command. First steps: vivimd init, vivimd start.\n',
  ].join('')
}

/** `vivimd COMMAND --help`. */
export function commandHelp({ name, summary }: CommandEntry, { usage, options, about }: Command): string {
  const own = Object.keys(options).length === 0 ? '' : `\nOptions\n${optionLines(options)}`
  const sentence = `${summary[0]!.toUpperCase()}${summary.slice(1)}.`
  return [
    `Usage: vivimd ${[name, usage].filter(Boolean).join(' ')} [OPTIONS]\n\n${sentence}\n`,
    about === undefined ? '' : `${about}\n`,
    own,
    `\nOptions of every command\n${optionLines(GLOBAL_OPTIONS)}`,
  ].join('')
}

function optionLines(specs: OptionSpecs): string {
  const rows = Object.entries(specs).map(([name, { value, type, help }]) => {
    const repeated = type === 'list' ? '…' : ''
    return [`--${name}${value === undefined ? '' : ` ${value}${repeated}`}`, help] as const
  })
  const widest = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, help]) => `  ${left.padEnd(widest)}  ${help}\n`).join('')
}
