import { afterEach, describe, expect, it, vi } from 'vitest'
import { shared } from '../../support/shared.ts'

describe('shared', () => {
  afterEach(() => vi.unstubAllEnvs())

  it('lets a file be absent', () => {
    vi.stubEnv('VIVIM_REQUIRE_SHARED', '')
    expect(shared('no/such/vectors.json')).toBeUndefined()
  })

  it('does not where it is required', () => {
    vi.stubEnv('VIVIM_REQUIRE_SHARED', '1')
    expect(() => shared('no/such/vectors.json')).toThrow('no/such/vectors.json')
  })

  it('reads the folder that VIVIM_SHARED names', async () => {
    vi.stubEnv('VIVIM_SHARED', import.meta.dirname)
    vi.resetModules()
    const fresh = await import('../../support/shared.ts')
    expect(fresh.shared('shared.test.ts')).toBe(import.meta.filename)
  })
})
