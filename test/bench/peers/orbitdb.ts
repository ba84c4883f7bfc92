import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installed, runPeer } from './peer-program.ts'

const { Entry, Identities, KeyStore, LevelStorage, Log, MemoryStorage } = await installed('@orbitdb/core')

/** Entries of one log, decoded, verified and joined to another one in Level: the database's path without its network. */
await runPeer(async (rows) => {
  const folder = mkdtempSync(join(tmpdir(), 'orbitdb-'))
  try {
    const keystore = await KeyStore({ storage: await MemoryStorage() })
    const identities = await Identities({ keystore })
    const identity = await identities.createIdentity({ id: 'writer' })
    const from = await Log(identity, { logId: 'rows' })
    const encoded: Uint8Array[] = []
    for (const { id, ...value } of rows)
      encoded.push((await Entry.encode(await from.append({ op: 'PUT', key: id, value }))).bytes)
    const level = (name: string) => LevelStorage({ path: join(folder, name) })
    const storages = [await level('entries'), await level('heads'), await level('index')]
    const [entryStorage, headsStorage, indexStorage] = storages
    const to = await Log(identity, { logId: 'rows', entryStorage, headsStorage, indexStorage })
    const start = performance.now()
    for (const bytes of encoded)
      if (!(await to.joinEntry(await Entry.decode(bytes)))) throw new Error('not joined')
    const ms = performance.now() - start
    for (const storage of storages) await storage.close()
    return ms
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
