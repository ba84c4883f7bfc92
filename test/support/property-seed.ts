import fc from 'fast-check'

/** `npm test` says the same twice; `npm run test:long` looks further, and prints the seed of what it finds. */
if (process.env.VIVIM_TEST_LONG !== '1') fc.configureGlobal({ seed: 20_260_214 })
