import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packChatgpt } from '../demo/samples/pack.ts'
import { REPOSITORY } from '../support/repository.ts'

/** The commands on the README's first screen, as a new user types them, one after the other. */
function firstScreenCommands(readme: string): string[] {
  const firstScreen = readme.split(/^## /m)[0] ?? ''
  const blocks = [...firstScreen.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((match) => match[1]!)
  return blocks
    .flatMap((block) => block.split('\n'))
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '')
}

const commands = firstScreenCommands(readFileSync(join(REPOSITORY, 'README.md'), 'utf8'))
/** Done before any test can run, and tested by itself. */
const elsewhere = ['npm install', 'npm run demo']

describe("the README's first screen", () => {
  let folder: string
  const run = (command: string) =>
    spawnSync('bash', ['-c', command], {
      cwd: REPOSITORY,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: folder, TMPDIR: folder, LANG: 'C.UTF-8' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    })

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vivimd-readme-'))
    mkdirSync(join(folder, 'Downloads'))
    await packChatgpt(join(folder, 'Downloads/chatgpt-export.zip'))
  })
  afterAll(() => {
    run('npx vivimd stop')
    rmSync(folder, { recursive: true, force: true })
  })

  it('tells a new user what to type', () => {
    expect(commands.slice(0, 2)).toEqual(elsewhere)
    for (const word of ['init', 'start', 'status', 'import', 'search', 'context', 'call', 'stop'])
      expect(
        commands.some((line) => line.startsWith(`npx vivimd ${word}`)),
        word,
      ).toBe(true)
  })

  const answers: [RegExp, RegExp][] = [
    [/ search /, /starter/i],
    [/ context /, /1:5:5/],
    [/ import /, /15/],
    [/ call conversations\.list/, /"items"/],
  ]
  it.each(commands.filter((line) => !elsewhere.includes(line)))('%s', (command) => {
    const { status, stdout, stderr } = run(command)
    expect(status, `${stdout}\n${stderr}`).toBe(0)
    for (const [which, answer] of answers) if (which.test(command)) expect(stdout).toMatch(answer)
  })
})
