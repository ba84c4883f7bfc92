/**
 * Runs an embedded PostgreSQL until a line comes on stdin, then stops it; or until it is killed.
 * Arguments: folder, options as JSON. Prints one JSON line when it is ready.
 */
import { EmbeddedPostgres } from '../../../daemon/master/embedded-postgres.ts'
import { recordingLog } from './temporary.ts'

const [folder = '', options = '{}'] = process.argv.slice(2)
const began = performance.now()
const postgres = await EmbeddedPostgres.start({ folder, log: recordingLog(), ...JSON.parse(options) })
const ms = Math.round(performance.now() - began)
console.log(JSON.stringify({ pid: postgres.pid, host: postgres.connection.host, ms }))
process.stdin.once('data', async () => {
  await postgres.stop()
  process.stdin.destroy()
})
