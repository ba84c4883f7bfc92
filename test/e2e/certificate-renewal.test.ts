import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type PairedDevice, pair, spaceOf, untilAlike } from '../support/device-pair.ts'
import { eventually } from '../support/eventually.ts'
import { TestNode } from '../support/test-node.ts'

const DAY = 24 * 3_600_000
const LATE_MS = 120_000

describe('certificates, which last a year', { timeout: 300_000 }, () => {
  const nodes: TestNode[] = []
  let did: string
  let recoveryPhrase: string
  /** The root key certified it. */
  let first: PairedDevice
  /** The first let it in. */
  let second: PairedDevice
  /** How far the clocks are set ahead. */
  let days = 0
  const now = () => Date.now() + days * DAY

  async function later(by: number): Promise<void> {
    days += by
    for (const { node } of [first, second]) await node.stop()
    first = await started(first)
    second = await started(second)
  }

  async function started({ node, deviceDid }: PairedDevice): Promise<PairedDevice> {
    node.env.VIVIM_TEST_CLOCK_OFFSET_MS = String(days * DAY)
    await node.boot()
    const client = await node.client()
    await client.login({ did })
    return { node, client, deviceDid }
  }

  /** In days from now, as a device knows it. */
  async function certifiedFor(of: PairedDevice, seenBy = of): Promise<number> {
    const { items } = await seenBy.client.call('devices.list')
    const { certifiedUntil } = items.find(({ deviceDid }) => deviceDid === of.deviceDid)!
    return Math.round((certifiedUntil! - now()) / DAY)
  }

  const capture = ({ client }: PairedDevice, title: string) =>
    client.call('capture.conversation', {
      conversation: {
        format: 'vivim.capture/1',
        provider: 'test',
        originalId: title,
        title,
        messages: [{ id: '1', role: 'user', parts: [{ type: 'text', content: `All about ${title}.` }] }],
      },
    })
  const titles = async ({ client }: PairedDevice) =>
    (await client.call('conversations.list', {})).items.map(({ title }) => String(title)).sort()
  const connected = async (device: PairedDevice) => (await spaceOf(device)).peers[0]?.connected === true

  beforeAll(async () => {
    const [one, two] = await Promise.all([TestNode.start(), TestNode.start()])
    nodes.push(one, two)
    const client = await one.client()
    ;({ did, recoveryPhrase } = await client.call('users.create', { displayName: 'Ann' }))
    await client.login({ did })
    const { deviceDid } = await client.call('auth.whoami')
    second = await pair({ node: one, client }, two)
    first = { node: one, client, deviceDid }
    await capture(first, 'at first')
    await untilAlike([first, second])
  }, 120_000)
  afterAll(() => Promise.all(nodes.map((node) => node.dispose())))

  test('are renewed from 30 days before the end: by the root key, then by the device that let the other in', async () => {
    expect(await certifiedFor(first)).toBe(365)
    await later(340)
    await eventually('the two are connected', () => connected(second), LATE_MS)
    expect(await certifiedFor(first)).toBe(25)
    // No device extends what it was given itself.
    expect(await certifiedFor(second)).toBe(25)
    const renewed = await first.client.call('devices.renew', { recoveryPhrase })
    expect(Math.round((renewed.certifiedUntil - now()) / DAY)).toBe(365)
    const ms = await eventually(
      'the other follows',
      async () => (await certifiedFor(second)) === 365,
      LATE_MS,
    )
    await eventually('and says so', async () => (await certifiedFor(second, first)) === 365, LATE_MS)
    console.log(`the second device was certified anew after ${ms.toFixed(0)} ms`)
  })

  test('outlive a restart', async () => {
    await later(300)
    expect([await certifiedFor(first), await certifiedFor(second)]).toEqual([65, 65])
    await capture(second, 'in the second year')
    await eventually('it arrives', async () => (await titles(first)).includes('in the second year'), LATE_MS)
  })

  test('that ended stop connections and pairings, and nothing local', async () => {
    await later(100)
    await capture(first, 'in the third year')
    await capture(second, 'in the third year, elsewhere')
    await expect(first.client.call('devices.pair.start')).rejects.toMatchObject({ code: 'Expired' })
    const { devices } = await first.client.call('sync.now', {})
    expect(devices.map(({ state }) => state)).not.toContain('in-sync')
    expect([await connected(first), await connected(second)]).toEqual([false, false])
    expect(await titles(second)).not.toContain('in the third year')
    const wrong = await first.client
      .call('devices.renew', {
        recoveryPhrase: `${'abandon '.repeat(23)}art`,
      })
      .catch(({ code }) => code)
    expect(wrong).toBe('Unauthorized')
  })

  test('are renewed after their end too, on the command line, and nothing is lost', async () => {
    const { status, stdout, stderr } = first.node.type(`${recoveryPhrase}\n`, 'device', 'renew')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain('This device is certified until ')
    await eventually('the other is renewed', async () => (await certifiedFor(second)) === 365, LATE_MS)
    await untilAlike([first, second], LATE_MS)
    expect(await titles(second)).toEqual([
      'at first',
      'in the second year',
      'in the third year',
      'in the third year, elsewhere',
    ])
    for (const { client } of [first, second])
      expect(await client.call('sync.verify')).toMatchObject({ ok: true, problems: [] })
  })

  test('of somebody whose passphrase opens the root key are renewed when they sign in', async () => {
    const passphrase = 'correct horse battery staple'
    const owner = await first.node.client()
    const { did: ben } = await owner.call('users.create', { displayName: 'Ben', passphrase })
    await later(350)
    const client = await first.node.client()
    await client.login({ did: ben, passphrase })
    const own = async () => (await client.call('devices.list')).items[0]!.certifiedUntil
    await eventually('it is renewed', async () => ((await own()) ?? 0) - now() > 360 * DAY, LATE_MS)
  })
})
