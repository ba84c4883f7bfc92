import { type CliIo, Interrupted } from './io.ts'

/** The streams of this process. A reader that closes its end early (`| head`) ends it quietly. */
export function processIo(): CliIo {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0)
      throw error
    })
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    outIsTerminal: process.stdout.isTTY === true,
    errIsTerminal: process.stderr.isTTY === true,
    inIsTerminal: process.stdin.isTTY === true,
    columns: process.stdout.columns ?? process.stderr.columns ?? 80,
    readInput,
    ask: (question, { hidden = false } = {}) => (hidden ? askHidden(question) : askShown(question)),
    onInterrupt(listener) {
      process.on('SIGINT', listener)
      return () => void process.off('SIGINT', listener)
    },
  }
}

async function readInput(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

async function askShown(question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises')
  const { stdin: input, stderr: output } = process
  const reader = createInterface({ input, output })
  const interrupted = new Promise<never>((_, reject) => {
    reader.once('SIGINT', () => reject(new Interrupted()))
    reader.once('close', () => reject(new Interrupted()))
  })
  try {
    return await Promise.race([reader.question(question), interrupted])
  } finally {
    reader.close()
    interrupted.catch(() => {})
  }
}

const CTRL_C = '\u0003'
const CTRL_D = '\u0004'
const ERASE = /^[\b\u007f]$/

function askHidden(question: string): Promise<string> {
  const { stdin, stderr } = process
  stderr.write(question)
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  stdin.resume()
  return new Promise((resolve, reject) => {
    let typed: string[] = []
    const finish = (settle: () => void) => {
      stdin.off('data', read)
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write('\n')
      settle()
    }
    const read = (text: string) => {
      for (const character of text) {
        if (character === CTRL_C) return finish(() => reject(new Interrupted()))
        if (character === '\r' || character === '\n' || character === CTRL_D)
          return finish(() => resolve(typed.join('')))
        if (ERASE.test(character)) typed = typed.slice(0, -1)
        else typed.push(character)
      }
    }
    stdin.on('data', read)
  })
}
