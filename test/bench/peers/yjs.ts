import { installed, runPeer } from './peer-program.ts'

const Y = await installed('yjs')

/** A document with a map of rows; its updates, one for each row, are applied to another one. */
await runPeer(async (rows) => {
  const [from, to] = [new Y.Doc(), new Y.Doc()]
  const updates: Uint8Array[] = []
  from.on('update', (update: Uint8Array) => updates.push(update))
  for (const { id, ...row } of rows) from.getMap('rows').set(id, row)
  const start = performance.now()
  for (const update of updates) Y.applyUpdate(to, update)
  const ms = performance.now() - start
  if (to.getMap('rows').size !== rows.length) throw new Error('rows are missing')
  return ms
})
