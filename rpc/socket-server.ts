import { chmod, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { VivimError } from '../schema/errors.ts'
import { LIMITS } from '../schema/limits.ts'
import { LineConnection } from './connection.ts'
import { errorResponse } from './envelope.ts'
import { encodeLine } from './framing.ts'
import type { Router } from './router.ts'
import { checkSocketPath, clearStaleSocket, prepareSocketDirectory } from './socket-path.ts'
import { SocketWire } from './socket-wire.ts'
import type { Count, RpcLog } from './types.ts'

export interface SocketServerOptions {
  readonly path: string
  readonly router: Router
  /** The caller holds the lock of the data directory, so a silent socket is a stale one. */
  readonly holdsLock: boolean
  /** The socket's folder is the node's own, and is made 0700 also when it exists. */
  readonly ownsDirectory?: boolean
  readonly log: RpcLog
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly count?: Count
}

export interface SocketServer {
  readonly path: string
  /** Open connections. */
  readonly connections: number
  /** Takes no more connections or requests, answers what runs within `budgetMs`, removes the socket. */
  close(budgetMs?: number): Promise<void>
}

interface Caller {
  readonly connection: LineConnection
  readonly wire: SocketWire
  readonly socket: Socket
}

const CLOSE_BUDGET_MS = 5_000
/** After a caller has sent its last byte it gets this long for its answers: it may be gone altogether. */
const HALF_OPEN_MS = 5_000
/** The kernel's queue of connections that wait to be accepted. */
const BACKLOG = 511

/** Listens on the owner's Unix socket, 0600 in a folder 0700. Resolves once it answers. */
export async function listenOnSocket(options: SocketServerOptions): Promise<SocketServer> {
  const { path, router, holdsLock, ownsDirectory = false, log, now, count = () => {} } = options
  checkSocketPath(path)
  await prepareSocketDirectory(path, ownsDirectory)
  await clearStaleSocket(path, holdsLock)

  const callers = new Set<Caller>()
  let accepted = 0
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (callers.size >= LIMITS.rpcConnections) {
      count('rpc.refused.connections')
      refuseConnection(socket)
      return
    }
    accepted++
    const wire = new SocketWire(socket, count)
    const connection = new LineConnection({ id: `c${accepted}`, ownerSocket: true, router, wire, now, count })
    const caller = { connection, wire, socket }
    callers.add(caller)
    attend(caller, () => callers.delete(caller))
  })
  await bind(server, path)
  server.on('error', (error) => log.error({ err: error }, 'The socket failed to accept a connection.'))

  return {
    path,
    get connections() {
      return callers.size
    },
    async close(budgetMs = CLOSE_BUDGET_MS) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await Promise.all([...callers].map((caller) => dismiss(caller, budgetMs)))
      await closed
      await rm(path, { force: true })
    },
  }
}

function attend({ connection, wire, socket }: Caller, forget: () => void): void {
  socket.on('data', (chunk) => connection.receive(chunk as Buffer))
  socket.on('end', () => {
    connection.receiveEnd()
    const impatience = setTimeout(() => socket.destroy(), HALF_OPEN_MS).unref()
    void connection.idle().then(() => {
      clearTimeout(impatience)
      wire.close()
    })
  })
  // A caller may vanish at any time; that is no event worth a log line.
  socket.on('error', () => {})
  socket.on('close', () => {
    connection.close()
    forget()
  })
}

/** Lets a caller have its answers, then closes: what is not done within the budget is answered as unavailable. */
async function dismiss({ connection, wire, socket }: Caller, budgetMs: number): Promise<void> {
  wire.stopReading()
  const stopping = new VivimError('Unavailable', 'The node is stopping.', {
    hint: 'Start it with `vivimd start`.',
  })
  const budget = setTimeout(() => connection.abandon(stopping), budgetMs)
  await connection.idle()
  clearTimeout(budget)
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  if (socket.destroyed) return
  wire.close()
  await gone
}

function refuseConnection(socket: Socket): void {
  const hint = 'Close connections that are no longer used.'
  const full = new VivimError('RateLimited', 'The node has too many connections.', {
    hint,
    retryAfterMs: 1_000,
  })
  socket.on('error', () => {})
  socket.end(encodeLine(errorResponse(null, full)))
  socket.destroySoon()
}

/** Binds under a mask of 0177, so that the socket is never open to others, not even for a moment. */
async function bind(server: Server, path: string): Promise<void> {
  const listening = new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', () => {
      server.off('error', reject)
      resolve()
    })
  })
  const mask = process.umask(0o177)
  try {
    // Binds before it returns; only the event comes later.
    server.listen({ path, backlog: BACKLOG })
  } finally {
    process.umask(mask)
  }
  await listening.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE') throw new VivimError('Conflict', 'Another node answers on this socket.')
    throw new VivimError('Unavailable', 'The socket could not be opened.', { cause: error })
  })
  await chmod(path, 0o600)
}
