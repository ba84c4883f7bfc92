import type { Client } from '../../rpc/client/index.ts'
import { isAlive, pause } from './processes.ts'

export interface CrashOutcome {
  /** Ids of conversations the node said are stored. */
  acknowledged: string[]
  /** Writes that were under way when the process was killed. */
  cutOff: number
}

const WRITES = 400
const KILL_AFTER = 60

/** Sends many writes at once, kills the process when some are acknowledged and others are not. */
export async function killDuringWrites(client: Client, pid: number): Promise<CrashOutcome> {
  const acknowledged: string[] = []
  let cutOff = 0
  const writes = Array.from({ length: WRITES }, async (_, index) => {
    try {
      const { conversationId } = await client.call('capture.conversation', { conversation: note(index) })
      acknowledged.push(conversationId)
      if (acknowledged.length === KILL_AFTER) process.kill(pid, 'SIGKILL')
    } catch {
      cutOff += 1
    }
  })
  await Promise.all(writes)
  for (let waited = 0; waited < 5_000 && isAlive(pid); waited += 10) await pause(10)
  if (isAlive(pid)) throw new Error('the node survived kill -9')
  return { acknowledged, cutOff }
}

function note(index: number) {
  return {
    format: 'vivim.capture/1' as const,
    provider: 'demo-notes',
    originalId: `note-${index}`,
    title: `Baking log, entry ${index + 1}`,
    messages: [
      {
        id: `note-${index}-1`,
        role: 'user' as const,
        parts: [
          {
            type: 'text' as const,
            content: `Baking log entry ${index + 1}: dough at ${20 + (index % 9)} °C.`,
          },
        ],
      },
    ],
  }
}
