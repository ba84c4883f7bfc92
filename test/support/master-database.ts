import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MasterDatabase } from '../../daemon/master/database.ts'
import { POSTGRES_USER } from '../../daemon/master/embedded/cluster.ts'
import { SOCKET_NUMBER } from '../../daemon/master/embedded/socket-folder.ts'
import type { TestNode } from './test-node.ts'

/** Works in the PostgreSQL of a running bootstrap node, as whoever has it can. */
export async function inMasterDatabase<T>(
  master: TestNode,
  work: (database: MasterDatabase) => Promise<T>,
): Promise<T> {
  // The fifth line names the folder of its socket.
  const host = readFileSync(join(master.home, 'master/postgres/postmaster.pid'), 'utf8').split('\n')[4]!
  const silent = { info: () => {}, warn: () => {}, error: () => {} }
  const database = new MasterDatabase({
    connection: { host, port: SOCKET_NUMBER, user: POSTGRES_USER, database: 'postgres' },
    log: silent,
  })
  try {
    return await work(database)
  } finally {
    await database.close()
  }
}

/** Every row of every table of a master, as one text. */
export function dumpOf(master: TestNode): Promise<string> {
  return inMasterDatabase(master, async (database) => {
    const tables = await database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    const rows = await Promise.all(
      tables.rows.map(({ tablename }) => database.query(`SELECT * FROM ${tablename} t`)),
    )
    const text = (value: unknown) => (value instanceof Buffer ? value.toString('latin1') : String(value))
    return rows.flatMap((each) => each.rows.flatMap((row) => Object.values(row).map(text))).join('\n')
  })
}
