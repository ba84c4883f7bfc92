import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { REPOSITORY } from '../support/repository.ts'

describe('npm run demo', () => {
  let temporary: string
  beforeEach(() => {
    temporary = mkdtempSync(join(tmpdir(), 'vivimd-play-'))
  })
  afterEach(() => rmSync(temporary, { recursive: true, force: true }))

  function play(onOutput: (output: string, interrupt: () => void) => void = () => {}) {
    const child = spawn(process.execPath, [join(REPOSITORY, 'test/demo/demo.ts')], {
      env: { PATH: process.env.PATH, HOME: temporary, TMPDIR: temporary },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    const read = (chunk: Buffer) => {
      output += chunk.toString()
      onOutput(output, () => child.kill('SIGINT'))
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    return new Promise<{ code: number | null; output: string }>((resolve) => {
      child.once('close', (code) => resolve({ code, output }))
    })
  }

  it('plays to the end and leaves nothing behind', async () => {
    const began = performance.now()
    const { code, output } = await play()
    expect(code, output).toBe(0)
    expect(output.trimEnd().split('\n').at(-1)).toMatch(/^Done in .*nothing is left behind\.$/)
    expect(readdirSync(temporary)).toEqual([])
    console.log(`the demo took ${Math.round(performance.now() - began)} ms`)
  })

  it('cleans up when it is interrupted', async () => {
    let interrupted = false
    const { code, output } = await play((seen, interrupt) => {
      if (interrupted || !seen.includes('ready in')) return
      interrupted = true
      interrupt()
    })
    expect(code, output).toBe(130)
    expect(output).toContain('Interrupted')
    expect(readdirSync(temporary)).toEqual([])
  })
})
