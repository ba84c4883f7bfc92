import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A way to a PostgreSQL's Unix socket that can be slowed down or cut: a folder that takes the place of its own. */
export class SlowProxy implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'vivimd-proxy-'))
  readonly #sockets = new Set<Socket>()
  readonly #server
  /** Every piece of data from the server waits so long; ms. */
  delayMs = 0
  cut = false

  private constructor(target: () => string, name: string) {
    this.#server = createServer((client) => {
      if (this.cut) return client.destroy()
      const server = connect(target())
      for (const socket of [client, server]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          this.#sockets.delete(socket)
          client.destroy()
          server.destroy()
        })
      }
      client.pipe(server)
      server.on('data', (data) => {
        if (this.delayMs === 0) client.write(data)
        else setTimeout(() => client.writable && client.write(data), this.delayMs).unref()
      })
    })
    this.#server.listen(join(this.folder, name))
  }

  /** `name`: of the socket, as PostgreSQL's client makes it up from the port. */
  static async to(target: () => string, name: string): Promise<SlowProxy> {
    const proxy = new SlowProxy(target, name)
    await new Promise((resolve) => proxy.#server.once('listening', resolve))
    return proxy
  }

  /** Ends all connections and takes no more, or takes them again. */
  setCut(cut: boolean): void {
    this.cut = cut
    if (cut) for (const socket of this.#sockets) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.setCut(true)
    await new Promise((resolve) => this.#server.close(resolve))
    rmSync(this.folder, { recursive: true, force: true })
  }
}
