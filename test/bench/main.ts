import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { authBench } from './auth.bench.ts'
import { captureBench } from './capture.bench.ts'
import { contextBench } from './context.bench.ts'
import { type Bench, isMet, type Measurement } from './measurement.ts'
import { networkBench } from './network.bench.ts'
import { nodeBench } from './node.bench.ts'
import { replicationBench } from './replication.bench.ts'
import { userBench } from './user.bench.ts'
import { usersBench } from './users.bench.ts'

const BENCHES: readonly Bench[] = [
  nodeBench,
  networkBench,
  userBench,
  usersBench,
  authBench,
  captureBench,
  contextBench,
  replicationBench,
]

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) {
  console.log('npm run bench -- [--json FILE] [--only PREFIX[,PREFIX]] [--quick]')
  console.log('VIVIM_BENCH_IMPORT_MB=1000: the size of the export that capture imports; usually 200')
  console.log(`prefixes: ${BENCHES.map(({ prefix }) => prefix).join(', ')}`)
  process.exit(0)
}

const wanted = values.only?.split(',')
const unknown = wanted?.filter((prefix) => !BENCHES.some((bench) => bench.prefix === prefix)) ?? []
if (unknown.length > 0) {
  console.error(`There is no bench called ${unknown.join(', ')}; try npm run bench -- --help`)
  process.exit(2)
}

const measurements: Measurement[] = []
let failed = false
for (const bench of BENCHES) {
  if (wanted && !wanted.includes(bench.prefix)) continue
  console.error(`measuring ${bench.prefix} …`)
  try {
    measurements.push(...(await bench.run({ quick: values.quick })))
  } catch (error) {
    failed = true
    console.error(`${bench.prefix} could not be measured:`, error)
  }
}

const results = measurements.map((measurement) => ({ ...measurement, met: isMet(measurement) }))
if (values.json) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`)
console.table(
  Object.fromEntries(
    results.map(({ name, value, unit, goal, better, met, runs, note }) => [
      name,
      {
        value: value === null ? '-' : Number(value.toPrecision(4)),
        unit,
        goal: goal === null ? '' : `${better === 'lower' ? '<=' : '>='} ${goal}`,
        met: met === null ? '' : met ? 'yes' : 'NO',
        runs,
        note: note ?? '',
      },
    ]),
  ),
)
process.exit(failed ? 1 : 0)
