import { connect } from 'node:net'

/** How every libp2p connection begins, in both directions: a length and the name of the protocol that chooses others. */
const GREETING = Buffer.from('\x13/multistream/1.0.0\n')

const ROUND_MS = 500

/**
 * Whether whoever listens at a port is alive: greets back, or hangs up because it takes no more connections. A listener
 * that is gone refuses; one that hangs says nothing.
 */
export function listenerAnswers(host: string, port: number, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    let accepted = false
    const end = (alive: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(alive)
    }
    // A process that was busy sees its timer before what arrived meanwhile: the verdict waits for one more round.
    let timer = setTimeout(() => {
      timer = setTimeout(() => end(false), ROUND_MS).unref()
    }, withinMs).unref()
    socket.once('connect', () => {
      accepted = true
      socket.write(GREETING)
    })
    socket.once('data', () => end(true))
    socket.once('close', () => end(accepted))
    socket.once('error', () => end(accepted))
  })
}
