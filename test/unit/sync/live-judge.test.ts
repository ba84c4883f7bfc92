import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { sealMessage } from '../../../crdt/sealed-message.ts'
import { encodeSaid } from '../../../daemon/sync/announcement.ts'
import { LiveHeads } from '../../../daemon/sync/live-heads.ts'
import { LiveJudge } from '../../../daemon/sync/live-judge.ts'
import { LIMITS } from '../../../schema/limits.ts'

test('a peer that brings more than it may is refused, others are not, and it is heard again later', () => {
  const epoch = { epoch: 0, key: new Uint8Array(randomBytes(32)) }
  let now = 0
  const judge = new LiveJudge({
    space: new Uint8Array(32),
    heads: new LiveHeads(),
    epochs: () => [epoch],
    standingOf: () => 'unknown',
    knowsMembership: () => true,
    peerOf: () => undefined,
    now: () => now,
  })
  const said = encodeSaid({ type: 'announcement', frontier: new Uint8Array(32), at: 1 })
  const message = sealMessage(epoch, 'topic', said)
  const from = (peer: string) => judge.judge('topic', message, peer, true)
  for (let n = 0; n < LIMITS.livePeerBurst; n++) expect(from('one').verdict).toBe('accept')
  expect(from('one')).toMatchObject({ verdict: 'reject', cause: 'peer-rate' })
  expect(from('two').verdict).toBe('accept')
  now += 1_000
  expect(from('one').verdict).toBe('accept')
})
