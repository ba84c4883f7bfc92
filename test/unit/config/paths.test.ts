import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { clientPaths, nodePaths, ownsSocketFolder, resolveHome } from '../../../config/paths.ts'
import { refuseWorkTree } from '../../../config/work-tree.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivimd-paths-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('the home', () => {
  const env = { VIVIM_HOME: '/env', XDG_DATA_HOME: '/xdg', HOME: '/people/ann' }
  it('is --home, then VIVIM_HOME, then XDG_DATA_HOME, then ~/.local/share', () => {
    expect(resolveHome({ flag: '/flag', env, cwd: '/' })).toBe('/flag')
    expect(resolveHome({ env, cwd: '/' })).toBe('/env')
    expect(resolveHome({ env: { ...env, VIVIM_HOME: '' }, cwd: '/' })).toBe('/xdg/vivim')
    expect(resolveHome({ env: { HOME: '/people/ann' }, cwd: '/' })).toBe('/people/ann/.local/share/vivim')
  })
  it('is absolute, and a relative XDG_DATA_HOME does not count', () => {
    expect(resolveHome({ flag: 'a/../b', env, cwd: '/here' })).toBe('/here/b')
    expect(resolveHome({ env: { XDG_DATA_HOME: 'rel', HOME: '/h' }, cwd: '/' })).toBe('/h/.local/share/vivim')
  })
})

describe('the socket', () => {
  const long = (bytes: number) => `/${'x'.repeat(bytes - 1)}`
  const socketIn = (home: string, env = {}) => nodePaths({ home, env }).socket

  it('is in the home as long as the kernel takes the path', () => {
    const suffix = '/run/vivimd.sock'.length
    expect(socketIn(long(103 - suffix))).toBe(`${long(103 - suffix)}/run/vivimd.sock`)
    expect(socketIn(long(104 - suffix))).not.toContain('xxx')
  })
  it('counts bytes, not characters', () => {
    expect(Buffer.byteLength(socketIn(`/${'é'.repeat(60)}`))).toBeLessThanOrEqual(103)
  })
  it('moves to XDG_RUNTIME_DIR, else to the temp folder, one per home', () => {
    const inRuntime = socketIn(long(150), { XDG_RUNTIME_DIR: '/run/user/7' })
    expect(inRuntime).toMatch(/^\/run\/user\/7\/vivim-[0-9a-f]{8}\/vivimd\.sock$/)
    expect(socketIn(long(150))).toMatch(/\/vivim-[0-9a-f]{8}\/vivimd\.sock$/)
    expect(socketIn(long(150))).toBe(socketIn(long(150)))
    expect(socketIn(long(150))).not.toBe(socketIn(long(151)))
    expect(socketIn(long(150), { XDG_RUNTIME_DIR: long(120) })).not.toContain('xxx')
  })
  it('is where the node says it is, for clients only', () => {
    mkdirSync(join(folder, 'run'))
    writeFileSync(join(folder, 'run', 'where.json'), '{"socket":"/elsewhere/s"}')
    expect(clientPaths({ home: folder, env: {} }).socket).toBe('/elsewhere/s')
    expect(nodePaths({ home: folder, env: {} }).socket).toBe(join(folder, 'run/vivimd.sock'))
    expect(clientPaths({ home: folder, env: {}, socket: '/given' }).socket).toBe('/given')
    for (const broken of ['', '{', 'null', '[]', '{"socket":7}']) {
      writeFileSync(join(folder, 'run', 'where.json'), broken)
      expect(clientPaths({ home: folder, env: {} }).socket, broken).toBe(join(folder, 'run/vivimd.sock'))
    }
  })
  it('has a folder of its own unless someone chose another place', () => {
    expect(ownsSocketFolder(nodePaths({ home: folder, env: {} }), {})).toBe(true)
    expect(ownsSocketFolder(nodePaths({ home: folder, env: {}, socket: '/tmp/s' }), {})).toBe(false)
  })
})

describe('a home inside a git work tree', () => {
  it('is refused at any depth, also where .git is a file', () => {
    expect(() => refuseWorkTree(join(folder, 'a/b'))).not.toThrow()
    writeFileSync(join(folder, '.git'), 'gitdir: elsewhere')
    for (const home of [folder, join(folder, 'a/b')])
      expect(() => refuseWorkTree(home)).toThrow(expect.objectContaining({ code: 'Forbidden' }))
  })
})
