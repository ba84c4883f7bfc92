import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { VivimError } from '../../../schema/errors.ts'
import { type TestNetwork, TestNetworks } from '../network/test-networks.ts'
import { type PairingNode, PairingNodes } from './two-nodes.ts'

let networks: TestNetworks
let nodes: PairingNodes
let wires: [TestNetwork, TestNetwork]
let owner: PairingNode
let joiner: PairingNode
let did: string

beforeEach(async () => {
  networks = new TestNetworks()
  nodes = new PairingNodes()
  wires = [await networks.start(), await networks.start()]
  owner = nodes.node(wires[0])
  joiner = nodes.node(wires[1])
  did = await owner.createUser()
})
afterEach(async () => {
  nodes.dispose()
  await networks.stopAll()
})

describe('pairing over libp2p', () => {
  it('makes a device, with nothing but the code', async () => {
    const started = await owner.service.start(did)
    const joined = await joiner.service.join({ code: started.code })
    expect(owner.service.status(started.pairingId)).toMatchObject({
      check: joined.check,
      deviceName: 'bench',
    })
    const first = await joiner.service.confirm(joined.pairingId, joined.check)
    const second = await owner.service.confirm(started.pairingId, joined.check)
    expect([first.complete, second.complete]).toEqual([false, true])
    const [old, own] = [await owner.keystore.unlock(did), await joiner.keystore.unlock(did)]
    expect(own.epochs).toEqual(old.epochs)
    expect(owner.members.length).toBe(1)
  })

  it('goes on after the network of the new device was off and on again', async () => {
    const started = await owner.service.start(did)
    const joined = await joiner.service.join({ code: started.code })
    expect((await owner.service.confirm(started.pairingId, joined.check)).complete).toBe(false)
    await wires[1].stop()
    const late = joiner.service.confirm(joined.pairingId, joined.check)
    await wires[1].start()
    expect((await late).complete).toBe(true)
    expect(joiner.keystore.get(did)).toBeDefined()
  })

  it('says so when the network is off, or nobody is there', async () => {
    const { code } = await owner.service.start(did)
    await wires[0].stop()
    const failed = await joiner.service.join({ code }).catch((error: VivimError) => error)
    expect(failed).toBeInstanceOf(VivimError)
    expect(failed).toMatchObject({ code: 'Unavailable', hint: expect.stringContaining('online') })
    await expect(owner.service.start(did)).rejects.toMatchObject({ code: 'Unavailable' })
    await wires[1].stop()
    await expect(joiner.service.join({ code })).rejects.toMatchObject({ code: 'Unavailable' })
  })
})
