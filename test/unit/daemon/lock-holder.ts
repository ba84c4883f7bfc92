import { join } from 'node:path'
import { acquireDataLock } from '../../../daemon/lock.ts'

/** A process that takes the lock of a home, says how that went, and stays. */
const home = process.argv[2]!
try {
  const lock = await acquireDataLock({
    home,
    run: join(home, 'run'),
    users: join(home, 'users'),
    version: 'test',
    startedAt: 0,
  })
  console.log(JSON.stringify({ held: true, staleLocks: lock.staleLocks }))
  setInterval(() => {}, 1_000)
} catch (error) {
  const { code, message } = error as { code: string; message: string }
  console.log(JSON.stringify({ held: false, code, message }))
}
