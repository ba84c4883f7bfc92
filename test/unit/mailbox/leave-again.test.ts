import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { mailboxAccessSeed, mailboxId } from '../../../crdt/mailbox.ts'
import { collect } from '../../../daemon/mailbox/collect.ts'
import { LeftFor, leaveFor } from '../../../daemon/mailbox/leave.ts'
import { MailboxKeeper } from '../../../daemon/mailbox/mailbox-keeper.ts'
import { MailboxVisit } from '../../../daemon/mailbox/mailbox-visit.ts'
import type { SyncParty } from '../../../daemon/sync/party.ts'
import type { Replicate } from '../../../daemon/sync/sync-session.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { type PairedVault, pairedVaults } from '../../support/paired-vaults.ts'
import { Temporary } from '../master/temporary.ts'
import { TestNetworks } from '../network/test-networks.ts'

const networks = new TestNetworks()
const temporary = new Temporary()
afterEach(async () => {
  await temporary.undo()
  await networks.stopAll()
})

const replicateOf = ({ replica }: PairedVault) =>
  (async (action: keyof typeof replica, params: never) => replica[action](params)) as Replicate

const partyOf = (own: PairedVault, others: readonly PairedVault[]): SyncParty => ({
  keys: own.keys,
  device: own.device,
  document: own.document,
  others: others.map(({ device, deviceDid }) => ({ device, deviceDid, connected: false })),
  signedByRoot: [],
  saidByDevices: [],
})

async function world() {
  const all = pairedVaults(2)
  temporary.after(() => all[Symbol.dispose]())
  const [one, two] = all.vaults as [PairedVault, PairedVault]
  const [keeperNet, memberNet] = [await networks.start(), await networks.start()]
  const keeper = new MailboxKeeper({
    network: keeperNet,
    folder: temporary.folder(),
    find: async () => ({ devices: [one.document, two.document] }),
    now: () => 1_000,
    count: () => {},
  })
  keeper.start()
  temporary.after(() => keeper.stop())
  const visit = await MailboxVisit.begin(
    memberNet,
    keeperNet.target(),
    (bytes) => new Uint8Array(randomBytes(bytes)),
    new AbortController().signal,
  )
  const { token } = await visit.token(one.document, one.keys.deviceKey)
  const left = new LeftFor()
  const party = partyOf(one, [two])
  const epoch = one.keys.epochs[0]!
  const id = mailboxId(epoch, two.device)
  const open = () => visit.open(id, mailboxAccessSeed(epoch, two.device), token)
  return {
    one,
    two,
    keeper,
    write: (key: string) =>
      one.vault.transact((tx) =>
        tx.write([{ kind: 'INSERT', entity: 'Conversation', key, values: { title: key, state: 'ACTIVE' } }]),
      ),
    left,
    leave: (now: number) =>
      leaveFor(
        {
          visit,
          party,
          replicate: replicateOf(one),
          token: async () => token,
          now: () => now,
          count: () => {},
        },
        party.others[0]!,
        left,
      ),
    /** As by a keeper that lost them, or after they lay too long. */
    lose: async (which: (number: number) => boolean = () => true) => {
      await open()
      const numbers = (await visit.list()).map(({ number }) => number)
      await visit.delete(numbers.filter(which))
      return numbers.length
    },
    collect: () =>
      collect({
        visit,
        party: () => partyOf(two, [one]),
        replicate: replicateOf(two),
        learn: async () => {},
        count: () => {},
      }),
    titles: () =>
      two.vault.all<{ id: string }>('SELECT id FROM conversations ORDER BY id').map(({ id }) => id),
  }
}

describe('what was left at a keeper', () => {
  it('of what is held here is the last word alone, and nothing else goes with the one before', async () => {
    const { keeper, write, left, leave, lose, collect, titles } = await world()
    left.owesProgress = true
    await leave(1)
    const bytes = keeper.bytes
    for (let now = 2; now < 10; now++) {
      left.owesProgress = true
      await leave(now)
    }
    expect(keeper.bytes).toBe(bytes)
    // Its number is another item's now.
    await lose()
    write('a')
    await leave(10)
    left.owesProgress = true
    await leave(11)
    await collect()
    expect(titles()).toEqual(['a'])
  })

  it('is left again after a day when it is gone and was not acknowledged, and not twice when it is there', async () => {
    const { keeper, write, leave, lose, collect, titles } = await world()
    write('a')
    await leave(0)
    const bytes = keeper.bytes
    await leave(LIMITS.mailboxAgainMs)
    expect(keeper.bytes).toBe(bytes)
    expect(await lose()).toBe(1)
    await leave(LIMITS.mailboxAgainMs + 1)
    expect(keeper.bytes).toBe(0)
    await leave(2 * LIMITS.mailboxAgainMs)
    expect(keeper.bytes).toBe(bytes)
    await collect()
    expect(titles()).toEqual(['a'])
  })

  it('is left again when the other says that it holds some of it: what came behind a gap was of no use', async () => {
    const { one, two, keeper, write, leave, lose, collect, titles } = await world()
    for (const key of ['a', 'b', 'c']) {
      write(key)
      await leave(0)
    }
    expect(await lose((number) => number === 2)).toBe(3)
    await collect()
    expect(titles()).toEqual(['a'])
    expect(keeper.bytes).toBe(0)
    await leave(1)
    expect(keeper.bytes).toBe(0)
    one.replica.acknowledged({ device: two.device, positions: two.replica.frontier({}) })
    await leave(2)
    await collect()
    expect(titles()).toEqual(['a', 'b', 'c'])
  })
})
