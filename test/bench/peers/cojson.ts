import { installed, type PeerRow, runPeer } from './peer-program.ts'

const { cojsonInternals, LocalNode } = await installed('cojson')
const { WasmCrypto } = await installed('cojson/crypto/WasmCrypto')
const crypto = await WasmCrypto.create()

/** As in its own benchmarks: 100 rows in a map, as many maps as that takes. */
const ROWS_OF_A_MAP = 100

function newNode() {
  const secret = crypto.newRandomAgentSecret()
  return new LocalNode(secret, crypto.newRandomSessionID(crypto.getAgentID(secret)), crypto)
}

/** Private maps of a group everybody may read, loaded over a channel in memory by a node that has none of them. */
await runPeer(async (rows: readonly PeerRow[]) => {
  const [from, to] = [newNode(), newNode()]
  const group = from.createGroup()
  group.addMember('everyone', 'reader')
  const ids: string[] = []
  for (let at = 0; at < rows.length; at += ROWS_OF_A_MAP) {
    const map = group.createMap()
    for (const { id, ...row } of rows.slice(at, at + ROWS_OF_A_MAP)) map.set(id, row)
    ids.push(map.id)
  }
  const [toServer, toClient] = cojsonInternals.connectedPeers('server', 'client', {
    peer1role: 'server',
    peer2role: 'client',
  })
  from.syncManager.addPeer(toClient)
  to.syncManager.addPeer(toServer)
  const start = performance.now()
  const maps = await Promise.all(ids.map((id) => to.load(id)))
  let present = 0
  while (present < rows.length) {
    await new Promise((resolve) => setImmediate(resolve))
    present = maps.reduce((sum, map) => sum + map.keys().length, 0)
  }
  return performance.now() - start
})
