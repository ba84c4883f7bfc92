import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY } from './repository.ts'

/** A command as a page shows it, and the machines it is typed on: `# on the new device` above it says which, else the first. */
export interface DocumentedCommand {
  readonly command: string
  readonly machines: readonly string[]
}

/** `# on both`: these two, in this order. */
export const BOTH = ['the device you have', 'the new device'] as const

/** The commands of the `sh` blocks of a page, or of one section of it, from top to bottom. */
export function documentedCommands(page: string, section?: string): DocumentedCommand[] {
  const text = readFileSync(join(REPOSITORY, page), 'utf8')
  const sections = text.split(/^## /m)
  const wanted = section === undefined ? text : sections.find((each) => each.startsWith(`${section}\n`))
  if (wanted === undefined) throw new Error(`${page} has no section "${section}"`)
  let machines: readonly string[] = [BOTH[0]]
  return [...wanted.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap((block) =>
    block[1]!.split('\n').flatMap((line): DocumentedCommand[] => {
      const place = /^# on (.+)$/.exec(line)?.[1]
      if (place !== undefined) machines = place === 'both' ? BOTH : [place]
      const command = line.replace(/(?:^|\s+)#.*$/, '').trim()
      return command === '' ? [] : [{ command, machines }]
    }),
  )
}
