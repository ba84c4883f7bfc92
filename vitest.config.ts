import { defineConfig } from 'vitest/config'

const long = process.env.VIVIM_TEST_LONG === '1'

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // `counts-reporter.ts` closes the output with the counts line, also when a file fails to load.
    reporters: ['default', './test/support/counts-reporter.ts'],
    teardownTimeout: 10_000,
    setupFiles: ['./test/support/property-seed.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: ['test/{unit,compliance,conformance,simulation}/**/*.test.ts'],
          testTimeout: long ? 3_600_000 : 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'mesh',
          include: ['test/mesh/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: long ? 3_600_000 : 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
