import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { processesOf } from '../demo/processes.ts'
import { REPOSITORY } from '../support/repository.ts'

describe('npm run demo', () => {
  let temporary: string
  beforeEach(() => {
    temporary = mkdtempSync(join(tmpdir(), 'vivimd-play-'))
  })
  afterEach(() => rmSync(temporary, { recursive: true, force: true }))

  function play(onOutput: (output: string, signal: (name: NodeJS.Signals) => void) => void = () => {}) {
    const child = spawn(process.execPath, [join(REPOSITORY, 'test/demo/demo.ts')], {
      env: { PATH: process.env.PATH, HOME: temporary, TMPDIR: temporary },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    const read = (chunk: Buffer) => {
      output += chunk.toString()
      onOutput(output, (name) => child.kill(name))
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    return new Promise<{ code: number | null; output: string }>((resolve) => {
      child.once('close', (code) => resolve({ code, output }))
    })
  }

  function nothingIsLeft(): void {
    expect(readdirSync(temporary)).toEqual([])
    expect(processesOf(temporary)).toEqual([])
  }

  it('plays to the end and leaves nothing behind', { timeout: 300_000 }, async () => {
    const began = performance.now()
    const { code, output } = await play()
    expect(code, output).toBe(0)
    expect(output.trimEnd().split('\n').at(-1)).toMatch(/^Done in .*nothing is left behind\.$/)
    nothingIsLeft()
    console.log(`the demo took ${Math.round(performance.now() - began)} ms`)
  })

  it('cleans up three nodes and a PostgreSQL when it is interrupted', { timeout: 300_000 }, async () => {
    let interrupted = false
    const { code, output } = await play((seen, signal) => {
      if (interrupted || !seen.includes('each time the node brings it back')) return
      interrupted = true
      signal('SIGINT')
    })
    expect(code, output).toBe(130)
    expect(output).toContain('Interrupted')
    nothingIsLeft()
  })

  it('says which step failed, ends with 1, and cleans up', { timeout: 300_000 }, async () => {
    let killed = false
    const { code, output } = await play((seen) => {
      const pids = [...seen.matchAll(/process (\d+), ready in/g)].map((match) => Number(match[1]))
      if (killed || pids.length < 2) return
      killed = true
      process.kill(pids[1]!, 'SIGKILL')
    })
    expect(code, output).toBe(1)
    expect(output.trimEnd().split('\n').at(-1)).toMatch(/^The demo failed: \S/)
    nothingIsLeft()
  })

  it('cleans up when nobody reads on', { timeout: 300_000 }, async () => {
    const child = spawn(process.execPath, [join(REPOSITORY, 'test/demo/demo.ts')], {
      env: { PATH: process.env.PATH, HOME: temporary, TMPDIR: temporary },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.includes('ready in')) child.stdout.destroy()
    })
    const code = await new Promise((resolve) => child.once('exit', resolve))
    expect(code).toBe(1)
    nothingIsLeft()
  })
})
