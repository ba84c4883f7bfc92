import { readdirSync, readFileSync } from 'node:fs'

/**
 * Processes of the PostgreSQL that a home's node runs: what serves the data folder of that home, wherever it is, and
 * those that work for it. Linux only.
 */
export function postgresOf(data: string): number[] {
  const all = processes()
  const servers = all.filter(
    ({ words }) => words[0]?.endsWith('/postgres') && words[words.indexOf('-D') + 1] === data,
  )
  const pids = new Set(servers.map(({ pid }) => pid))
  const workers = all.filter(({ parent, words }) => pids.has(parent) && words[0]?.startsWith('postgres:'))
  return [...pids, ...workers.map(({ pid }) => pid)]
}

/** Where the PostgreSQL of a running node has its data; undefined when it runs none. */
export function dataFolderOf(nodePid: number): string | undefined {
  const words = processes().find(({ parent, words }) => parent === nodePid && words.includes('-D'))?.words
  return words?.[words.indexOf('-D') + 1]
}

/** The first process of the PostgreSQL with that data folder. */
export function postmasterOf(data: string): number {
  const pid = Number(readFileSync(`${data}/postmaster.pid`, 'utf8').split('\n')[0])
  if (!postgresOf(data).includes(pid)) throw new Error(`${pid} is no PostgreSQL over ${data}`)
  return pid
}

/** Whether that process is one of a PostgreSQL: also one whose first process is gone. */
export function isPostgres(pid: number): boolean {
  return processes().some((each) => each.pid === pid && /\bpostgres(?::|$)/.test(each.words[0] ?? ''))
}

function processes(): { pid: number; parent: number; words: string[] }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0')
        const parent = Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1])
        return [{ pid: Number(name), parent, words }]
      } catch {
        return []
      }
    })
}
