import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { privateSpaceId } from '../../crdt/space.ts'
import { BootFile } from '../../daemon/vault/boot-file.ts'
import { Database } from '../../daemon/vault/database.ts'
import { type OpenVault, openVault, type VaultOptions } from '../../daemon/vault/open-vault.ts'
import { stateDigest } from '../../daemon/vault/state-digest.ts'
import { verifySpace } from '../../daemon/vault/verify.ts'
import type { PairedVault } from './paired-vaults.ts'

/** A clone that nothing tells from the first: as of a disk image started twice. */
export function clone(
  vault: PairedVault,
  random: VaultOptions['random'] = vault.options.random,
): { vault: OpenVault; close(): void } {
  vault.vault.close()
  const folder = mkdtempSync(join(tmpdir(), 'vivim-clone-'))
  cpSync(vault.folder, folder, { recursive: true })
  const path = join(folder, 'vault.db')
  const database = new Database(path)
  database.run("UPDATE meta SET value = ? WHERE name = 'boot_token'", [new BootFile(path).read()!.token])
  database.close()
  vault.reopen()
  const copy = openVault({ ...vault.options, path, random })
  return {
    vault: copy,
    close: () => {
      copy.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Everything the other says it has, asked for as two devices do: suspicions are followed. */
export function pullAll(to: OpenVault, from: OpenVault): void {
  for (let round = 0; round < 8; round++) {
    const take = (segments: readonly Uint8Array[]) => {
      const { apart, evidence } = to.receive(segments, () => {})
      if (evidence.length > 0) from.receive(evidence, () => {})
      for (const { device, incarnation } of apart) {
        const answer = from.forks.answer(to.forks.query(device, incarnation))
        const proven = to.receive(answer, () => {}).evidence
        if (proven.length > 0) from.receive(proven, () => {})
      }
    }
    const before = to.logs.frontierDigest(to.space)
    for (const head of from.logs.frontier(from.space)) {
      const held = to.logs.find(to.space, head)
      const have = held ? held.head_seq - held.start + 1 : 0
      const suspect = to.forks.suspect(head)
      if (suspect) {
        const answer = from.forks.answer(suspect)
        if (answer.length > 0) take(answer)
      }
      if (have >= head.sequence) continue
      let next = have + 1
      while (next <= head.sequence) {
        const read = from.readSegments({ ...head, sequence: next }, 20_000)
        if (read.segments.length === 0) break
        take(read.segments)
        next = read.upTo + 1
      }
    }
    if (to.logs.frontierDigest(to.space) === before) return
  }
}

/** All meet until nothing is missing: the same operations, the same rows, and nothing wrong in any of them. */
export async function expectAlike(vaults: readonly OpenVault[]): Promise<void> {
  for (let round = 0; round < 4; round++)
    for (const to of vaults) for (const from of vaults) if (to !== from) pullAll(to, from)
  const digests = vaults.map((vault) => [
    stateDigest(vault, vault.logs, vault.space),
    vault.logs.frontierDigest(vault.space),
  ])
  for (const digest of digests) expect(digest).toEqual(digests[0])
  for (const vault of vaults) {
    const { problems } = await verifySpace(
      vault,
      vault.logs,
      vault.space,
      privateSpaceId(vault.did),
      async () => {},
    )
    expect(problems).toEqual([])
  }
}
