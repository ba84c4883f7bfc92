import { parentPort, workerData } from 'node:worker_threads'
import { serveUserEngine } from '../../daemon/users/serve-user-engine.ts'
import { openCommandEngine } from './command-engine.ts'

await serveUserEngine(parentPort!, workerData, openCommandEngine)
