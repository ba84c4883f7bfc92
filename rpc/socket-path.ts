import { chmod, lstat, mkdir, stat, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { VivimError } from '../schema/errors.ts'
import { LIMITS } from '../schema/limits.ts'

const STICKY = 0o1000

/** Refuses paths that the kernel would cut. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path)
  if (bytes > LIMITS.socketPathBytes) {
    const message = `The path of the socket is ${bytes} bytes long; ${LIMITS.socketPathBytes} is the most that works.`
    throw new VivimError('TooLarge', message, {
      hint: 'Set VIVIM_SOCKET to a shorter path, or move the home.',
    })
  }
  if (path.includes('\0')) throw new VivimError('InvalidParams', 'The path of the socket holds a zero byte.')
}

/**
 * Makes the socket's folder, 0700. A folder that exists is tightened when it is the node's own; any other is left as
 * it is, and refused when someone else could put their own socket there.
 */
export async function prepareSocketDirectory(path: string, ownsDirectory: boolean): Promise<void> {
  const directory = dirname(path)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const { uid, mode } = await stat(directory)
  const me = process.getuid?.()
  if (me !== undefined && uid !== me && (uid !== 0 || ownsDirectory)) {
    throw new VivimError('Forbidden', "The socket's folder belongs to someone else.")
  }
  if (ownsDirectory) await chmod(directory, 0o700)
  else if ((mode & 0o022) !== 0 && (mode & STICKY) === 0) {
    const hint = 'Choose a folder that only you can write to.'
    throw new VivimError('Forbidden', "Others may write to the socket's folder.", { hint })
  }
}

/**
 * Removes a socket that nobody answers on; only the holder of the data directory's lock may, since a starting node
 * has bound its socket a moment before it answers.
 */
export async function clearStaleSocket(path: string, holdsLock: boolean): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return
  if (!found.isSocket())
    throw new VivimError('Conflict', "Something that is no socket lies at the socket's path.")
  if (await answers(path)) throw new VivimError('Conflict', 'Another node answers on this socket.')
  if (!holdsLock) {
    const hint = 'Start the node through its data directory, whose lock tells whether it is in use.'
    throw new VivimError('Conflict', 'A socket of an earlier node is in the way.', { hint })
  }
  await unlink(path)
}

/** False only when the connection is refused: any other failure may be a node that is busy. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT')
    })
  })
}
