import { connect, type Socket } from 'node:net'
import { VivimError } from '../../schema/errors.ts'
import { checkSocketPath } from '../socket-path.ts'
import type { Dial, Transport } from './transport.ts'

/** Dials a node's Unix socket. */
export function dialSocket(path: string, timeoutMs: number): Dial {
  return async (events) => {
    checkSocketPath(path)
    const socket = await open(path, timeoutMs)
    socket.on('data', (chunk) => events.bytes(chunk as Buffer))
    // What went wrong is of no use to callers; that the connection is gone, 'close' tells.
    socket.on('error', () => {})
    const closed = new Promise<void>((resolve) =>
      socket.on('close', () => {
        events.closed()
        resolve()
      }),
    )
    return transport(socket, closed)
  }
}

function transport(socket: Socket, closed: Promise<void>): Transport {
  return {
    send: (line) => void socket.write(line),
    close: () => {
      socket.destroySoon()
      return closed
    },
  }
}

function open(path: string, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new VivimError('Unavailable', `The node did not answer within ${timeoutMs / 1000} s.`))
    }, timeoutMs)
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.removeAllListeners('error')
      resolve(socket)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      reject(dialError(error))
    })
  })
}

function dialError(error: NodeJS.ErrnoException): VivimError {
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return new VivimError('Forbidden', "The node's socket belongs to another user of this machine.", {
      cause: error,
    })
  }
  const hint = 'Start it with `vivimd start`.'
  return new VivimError('Unavailable', 'No node is running here.', { hint, cause: error })
}
