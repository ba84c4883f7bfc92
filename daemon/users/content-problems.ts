import { contentHashOf } from '../capture/ids.ts'
import { canonicalContent, type UnitClass, unitId } from '../knowledge/ids.ts'
import type { Pace } from '../vault/pace.ts'
import type { Vault } from '../vault/vault.ts'
import type { Problem } from '../vault/verify.ts'

const PAGE = 500

/** Makes the hashes of messages, blobs and units again, and names what differs. */
export async function contentProblems(vault: Vault, pace: Pace): Promise<Problem[]> {
  const problems: Problem[] = []
  for await (const { id, content_hash, parts_json, parts_blob } of pages<{
    id: string
    content_hash: string | null
    parts_json: string | null
    parts_blob: string | null
  }>(vault, 'message_versions', pace)) {
    if (isAttachment(id)) {
      if (blobText(vault, parts_blob) === undefined)
        problems.push({ kind: 'blob', where: id, message: 'An attachment is damaged.' })
      continue
    }
    const parts = parts_json ?? blobText(vault, parts_blob)
    if (parts === undefined) problems.push({ kind: 'blob', where: id, message: 'A long message is damaged.' })
    else if (parts !== null && contentHashOf(parts) !== content_hash)
      problems.push({ kind: 'content', where: id, message: 'The message is not what its hash says.' })
  }
  for await (const unit of pages<{ id: string; class: UnitClass; content: string }>(
    vault,
    'atomic_chat_units',
    pace,
  ))
    if (unitId(unit.class, canonicalContent(unit.class, unit.content)) !== unit.id)
      problems.push({ kind: 'content', where: unit.id, message: 'The unit is not what its id says.' })
  return problems
}

/** Beside a message's versions stand the files they name. */
function isAttachment(key: string): boolean {
  return /:file-[0-9a-f]{64}$/.test(key)
}

/** null: not on this device; undefined: damaged. */
function blobText(vault: Vault, hash: string | null): string | null | undefined {
  if (hash === null) return null
  try {
    const bytes = vault.getBlob(hash)
    return bytes ? Buffer.from(bytes).toString('utf8') : null
  } catch {
    return undefined
  }
}

async function* pages<T extends { id: string }>(vault: Vault, table: string, pace: Pace): AsyncGenerator<T> {
  let after = ''
  for (;;) {
    await pace()
    const rows = vault.all<T>(`SELECT * FROM ${table} WHERE id > ? ORDER BY id LIMIT ${PAGE}`, [after])
    yield* rows
    const last = rows.at(-1)
    if (!last) return
    after = last.id
  }
}
