import { runCli } from '../../../rpc/cli/index.ts'
import type { Connect } from '../../../rpc/cli/node-access.ts'
import type { Client, RpcProgress } from '../../../rpc/client/index.ts'
import { VivimError } from '../../../schema/errors.ts'
import { type MethodName, methodOf } from '../../../schema/methods/index.ts'
import { RecordedIo } from './recorded-io.ts'

export interface CallContext {
  readonly signal: AbortSignal | undefined
  readonly progress: (progress: RpcProgress) => void
}
export type Answers = { [M in MethodName]?: (params: Record<string, unknown>, call: CallContext) => unknown }

export const ANN = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'
export const BEN = 'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp'

export const userNamed = (did: string, displayName: string | null, unattended = true) => ({
  did,
  displayName,
  deviceDid: did,
  locked: !unattended,
  unattended,
  createdAt: 0,
})

/**
 * A command line whose node answers from a table. Parameters and answers must fit the method's schema, so that a
 * test cannot agree with the code on something the node would refuse.
 */
export class CommandLine {
  readonly io = new RecordedIo()
  readonly calls: [method: string, params: unknown][] = []
  readonly opened: { socket: string; timeoutMs?: number }[] = []
  closed = 0
  env: Record<string, string | undefined> = { HOME: '/nonexistent', VIVIM_HOME: '/nonexistent/home' }
  answers: Answers
  running = true

  constructor(answers: Answers = {}) {
    this.answers = { 'users.list': () => ({ items: [userNamed(ANN, 'Ann')], nextCursor: null }), ...answers }
  }

  async run(...argv: string[]): Promise<number> {
    this.io.stdout = ''
    this.io.stderr = ''
    const fail = async () => {
      throw new Error('not here')
    }
    return runCli(argv, {
      io: this.io,
      env: this.env,
      cwd: '/cwd',
      version: () => '1.2.3',
      local: { init: fail, start: fail, stop: fail },
      connect: this.#connect,
    })
  }

  get json(): unknown {
    return JSON.parse(this.io.stdout)
  }

  methods(): string[] {
    return this.calls.map(([method]) => method)
  }

  readonly #connect: Connect = async (options) => {
    if (!this.running) throw new VivimError('Unavailable', 'No node is running here.')
    this.opened.push(options)
    return {
      call: (method: MethodName, params: Record<string, unknown> = {}, options = {}) =>
        this.#answer(method, params, options),
      login: async (params: { did: string; passphrase?: string }) => {
        this.calls.push(['auth.login', params])
        await this.answers['auth.login']?.(params, { signal: undefined, progress: () => {} })
        return { token: 't', did: params.did, expiresAt: 0, scopes: [] }
      },
      session: undefined,
      onNotification: () => () => {},
      close: async () => void this.closed++,
    } as unknown as Client
  }

  async #answer(
    method: MethodName,
    params: Record<string, unknown>,
    { signal, onProgress }: { signal?: AbortSignal; onProgress?: (progress: RpcProgress) => void },
  ): Promise<unknown> {
    this.calls.push([method, params])
    const definition = methodOf(method)
    const parsed = definition.params.safeParse(params)
    if (!parsed.success)
      throw new VivimError('InvalidParams', undefined, { hint: parsed.error.issues[0]?.message })
    const answer = this.answers[method]
    if (answer === undefined) throw new Error(`the test has no answer for ${method}`)
    const aborted = new Promise<never>((_, reject) =>
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true }),
    )
    const result = await Promise.race([
      answer(params, { signal, progress: (progress) => onProgress?.(progress) }),
      aborted,
    ])
    return definition.result.parse(result)
  }
}
