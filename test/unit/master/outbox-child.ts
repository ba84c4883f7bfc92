/** Adds records to the outbox of a folder until it is killed. Prints the sequence of each once it was promised. */
import { Outbox } from '../../../daemon/master/outbox.ts'
import { Person } from './people.ts'
import { recordingLog } from './temporary.ts'

const [folder = ''] = process.argv.slice(2)
const outbox = new Outbox(folder, recordingLog())
const ann = new Person('Ann')
for (let sequence = 1; ; sequence++) {
  outbox.add('user', ann.record(sequence))
  outbox.add('device', ann.document({ sequence }))
  process.stdout.write(`${sequence}\n`)
  await new Promise(setImmediate)
}
