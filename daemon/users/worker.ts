import { parentPort, workerData } from 'node:worker_threads'
import { openUserEngine } from './open-user-engine.ts'
import { serveUserEngine } from './serve-user-engine.ts'

/** The thread of one open user. It ends when the main thread, having heard `closed`, lets it go. */
await serveUserEngine(parentPort!, workerData, openUserEngine)
