import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Client } from '../../rpc/client/index.ts'
import type { CaptureConversation } from '../../schema/capture.ts'
import { VIVIMD } from '../support/repository.ts'
import { TestNode } from '../support/test-node.ts'

/** A mount namespace of one's own, as root or as an ordinary user. */
const UNSHARE = [
  ['unshare', '-m'],
  ['unshare', '-Urm'],
].find(([command, ...args]) => spawnSync(command!, [...args, 'true']).status === 0)

const conversation = (name: string, bytes = 200): CaptureConversation => ({
  format: 'vivim.capture/1',
  provider: 'test',
  originalId: name,
  title: `About ${name}`,
  messages: [{ id: '1', role: 'user', parts: [{ type: 'text', content: `${name} ${noise(bytes)}` }] }],
})
/** Text that does not compress to nothing. */
const noise = (length: number) =>
  Array.from({ length: Math.ceil(length / 8) }, () => Math.random().toString(36).slice(2, 10))
    .join(' ')
    .slice(0, length)
const capture = (client: Client, name: string, bytes?: number) =>
  client.call('capture.conversation', { conversation: conversation(name, bytes) })
const failing = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: { code: string; message: string }) => error,
  )
const titles = async (client: Client) =>
  (await client.call('conversations.list', {})).items.map(({ title }) => title).sort()

describe('what disks do', { timeout: 240_000 }, () => {
  const nodes: TestNode[] = []
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.dispose()
  })

  /** Two people; the files of the first are damaged while the node is down. */
  async function twoPeople(options = {}) {
    const node = await TestNode.start(options)
    nodes.push(node)
    const ann = await node.user('Ann')
    const ben = await node.user('Ben')
    for (const { client } of [ann, ben]) for (const name of ['one', 'two']) await capture(client, name)
    return { node, ann, ben }
  }
  const vaults = (node: TestNode) =>
    readdirSync(join(node.home, 'users'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('vault.db'))
      .map((name) => join(node.home, 'users', name))
  const vaultOf = (node: TestNode, did: string) =>
    vaults(node).find((path) => readFileSync(path).includes(did))!

  const damages: readonly [string, (path: string, other: string) => void][] = [
    ['cut in half', (path) => truncateSync(path, Math.floor(readFileSync(path).length / 2 / 4096) * 4096)],
    ['cut in the middle of a page', (path) => truncateSync(path, 5_000)],
    ['empty', (path) => truncateSync(path, 0)],
    ['text', (path) => writeFileSync(path, 'This is no database.')],
    ['full of noise', (path) => writeFileSync(path, Buffer.alloc(40_960, noise(4_096)))],
    ['somebody else’s', (path, other) => copyFileSync(other, path)],
  ]
  test.each(damages)(
    'a vault that is %s: a typed error for its owner, nothing for the others',
    async (_, damage) => {
      const { node, ann, ben } = await twoPeople()
      await node.stop()
      const [mine, theirs] = [vaultOf(node, ann.did), vaultOf(node, ben.did)]
      damage(mine, theirs)
      await node.boot()
      const [a, b] = [await node.client(), await node.client()]
      await b.login({ did: ben.did })
      const error =
        (await failing(a.login({ did: ann.did }))) ?? (await failing(a.call('conversations.list', {})))
      expect(error, node.output).toMatchObject({ code: expect.stringMatching(/^(Corrupt|UserUnavailable)$/) })
      expect(error!.message).not.toMatch(/SQLITE|\/users\/|at Object/)
      expect(await titles(b)).toEqual(['About one', 'About two'])
      await capture(b, 'three')
      expect((await b.call('sync.verify', {})).ok).toBe(true)
      expect((await b.call('node.status', {})).users.total).toBe(2)
    },
  )

  test('a write-ahead log that is gone after a crash: the vault opens whole, as it was before', async () => {
    const { node, ann, ben } = await twoPeople()
    await node.kill9()
    const mine = vaultOf(node, ann.did) ?? vaults(node)[0]!
    for (const name of readdirSync(join(mine, '..')))
      if (name.endsWith('-wal')) rmSync(join(mine, '..', name))
    await node.boot()
    for (const { did } of [ann, ben]) {
      const client = await node.client()
      const error = (await failing(client.login({ did }))) ?? (await failing(client.call('sync.verify', {})))
      if (error) expect(error).toMatchObject({ code: expect.stringMatching(/^(Corrupt|UserUnavailable)$/) })
      else expect((await client.call('sync.verify', {})).problems).toEqual([])
    }
  })

  test('64 file descriptors: the node says what it lacks, or works', async () => {
    const node = TestNode.create({ program: wrapped('ulimit -n 64; exec "$NODE" "$@"') })
    nodes.push(node)
    const init = node.run('init', '--no-user', '--non-interactive')
    if (init.status === 0) {
      node.configure({ network: { mdns: false } })
      const started = await failing(node.boot())
      if (!started) {
        const people = []
        for (const name of ['Ann', 'Ben', 'Cid', 'Dan']) {
          const error = await failing(node.user(name).then((person) => people.push(person)))
          if (error)
            expect(error).toMatchObject({ code: expect.stringMatching(/Unavailable|RateLimited|TooLarge/) })
        }
        expect((await (await node.client()).call('node.status', {})).pid).toBe(node.pid)
      } else expect(node.output).not.toMatch(/^\s+at /m)
    } else expect(init.stderr.trim().split('\n').length).toBeLessThan(4)
  })

  /** A runtime in a wrapper: `script` runs it as `"$NODE" "$@"`. */
  function wrapped(script: string): { vivimd: string; node: string } {
    const home = TestNode.create()
    nodes.push(home)
    mkdirSync(home.home, { recursive: true })
    const node = join(home.folder, 'node')
    writeFileSync(node, `#!/bin/bash\nNODE='${process.execPath}'\n${script}\n`)
    chmodSync(node, 0o755)
    return { vivimd: VIVIMD, node }
  }

  const mounted = (size: string) => {
    const folder = TestNode.create()
    nodes.push(folder)
    const users = join(folder.folder, 'users')
    mkdirSync(users, { mode: 0o700 })
    const program = wrapped(
      `case " $* " in *' start '*) exec ${UNSHARE!.join(' ')} bash -c 'mount -t tmpfs -o size=${size},mode=0700 tmpfs "${users}" && exec "$0" "$@"' "$NODE" "$@";; esac\nexec "$NODE" "$@"`,
    )
    return { users, program }
  }

  test.skipIf(!UNSHARE)(
    'a full disk: typed errors, nothing acknowledged is lost, and it goes on when there is room',
    async () => {
      const { users, program } = mounted('8m')
      const node = await TestNode.start({ program, env: { USER_DB_DIR: users } })
      nodes.push(node)
      const { client } = await node.user('Ann')
      const kept: string[] = []
      let full: { code: string } | undefined
      for (let n = 0; n < 400 && !full; n++) {
        full = await failing(capture(client, `n${n}`, 60_000))
        if (!full) kept.push(`About n${n}`)
      }
      expect(full, node.output).toMatchObject({ code: 'StorageFull' })
      expect(kept.length).toBeGreaterThan(3)
      const all: string[] = []
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const page = await client.call('conversations.list', { limit: 200, ...(cursor ? { cursor } : {}) })
        all.push(...page.items.map(({ title }) => title))
        cursor = page.nextCursor
      }
      expect(new Set(all)).toEqual(new Set(kept))
      expect((await client.call('sync.verify', {})).problems).toEqual([])
      inside(node, `mount -o remount,size=64m '${users}'`)
      await capture(client, 'after', 60_000)
      expect((await client.call('sync.verify', {})).problems).toEqual([])
    },
  )

  test.skipIf(!UNSHARE)(
    'a read-only disk: whoever asks is told so; nothing is lost when it can be written again',
    async () => {
      const home = TestNode.create()
      nodes.push(home)
      const [users, flag] = [join(home.folder, 'users'), join(home.folder, 'read-only')]
      mkdirSync(users, { mode: 0o700 })
      const program = wrapped(
        `if [ -e '${flag}' ]; then exec ${UNSHARE!.join(' ')} bash -c 'mount --bind "${users}" "${users}" && mount -o remount,bind,ro "${users}" && exec "$0" "$@"' "$NODE" "$@"; fi\nexec "$NODE" "$@"`,
      )
      const node = await TestNode.start({ program, env: { USER_DB_DIR: users } })
      nodes.push(node)
      const { did, client } = await node.user('Ann')
      await capture(client, 'one')
      await node.stop()
      writeFileSync(flag, '')
      const started = await failing(node.boot())
      if (started) expect(node.output).toMatch(/read-only|cannot be written|EROFS/i)
      else {
        const reader = await node.client()
        const error = (await failing(reader.login({ did }))) ?? (await failing(capture(reader, 'two')))
        expect(error, node.output).toMatchObject({
          code: expect.stringMatching(/^(StorageFull|UserUnavailable|Unavailable)$/),
        })
        expect(error!.message).not.toMatch(/SQLITE|EROFS|at Object/)
        await node.stop()
      }
      rmSync(flag)
      await node.boot()
      const again = await node.client()
      await again.login({ did })
      expect(await titles(again)).toEqual(['About one'])
      await capture(again, 'three')
      expect((await again.call('sync.verify', {})).problems).toEqual([])
    },
  )

  function inside(node: TestNode, script: string): void {
    const user = UNSHARE!.includes('-Urm') ? ['-U', '--preserve-credentials'] : []
    const { status, stderr } = spawnSync(
      'nsenter',
      ['-t', String(node.pid), '-m', ...user, 'bash', '-c', script],
      {
        encoding: 'utf8',
      },
    )
    if (status !== 0) throw new Error(`nsenter: ${stderr}`)
  }
})
