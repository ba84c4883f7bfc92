import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join, relative, resolve } from 'node:path'
import type { SeededRandom } from './seed.ts'

type Step =
  | { readonly kind: 'write'; readonly file: number; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly file: number; readonly length: number }
  | { readonly kind: 'sync'; readonly file: number }
  | { readonly kind: 'name'; readonly name: string; readonly file: number }
  | { readonly kind: 'unname'; readonly name: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  /** What the program was told by then: its writes before this are acknowledged. */
  | { readonly kind: 'acknowledged'; readonly count: number }

const SECTOR = 512

/**
 * Every change that this process makes to files of one folder, in order, as the disk would be told of them: what a
 * power failure leaves can be put together again for any moment.
 */
export class RecordedWrites {
  readonly steps: Step[] = []
  readonly #root: string
  readonly #files = new Map<number, number>()
  readonly #named = new Map<string, number>()
  #next = 0
  readonly #restore: () => void

  constructor(root: string) {
    this.#root = resolve(root)
    this.#restore = this.#patch()
  }

  acknowledge(count: number): void {
    this.steps.push({ kind: 'acknowledged', count })
  }

  stop(): void {
    this.#restore()
  }

  #inside(path: unknown): string | undefined {
    const name = typeof path === 'string' ? relative(this.#root, resolve(path)) : '..'
    return name.startsWith('..') || name.endsWith('.lock') ? undefined : name
  }

  #opened(descriptor: number, path: unknown): void {
    const name = this.#inside(path)
    if (name === undefined || fs.fstatSync(descriptor).isDirectory()) return
    let file = this.#named.get(name)
    if (file === undefined) {
      file = this.#next++
      this.#named.set(name, file)
      this.steps.push({ kind: 'name', name, file })
    }
    this.#files.set(descriptor, file)
  }

  #patch(): () => void {
    const { openSync, closeSync, writeSync, ftruncateSync, fsyncSync, unlinkSync, rmSync, renameSync } = fs
    const real = { openSync, closeSync, writeSync, ftruncateSync, fsyncSync, unlinkSync, rmSync, renameSync }
    const steps = this.steps
    const files = this.#files
    const named = this.#named
    const ends = new Map<number, number>()
    const inside = (path: unknown) => this.#inside(path)
    const opened = (descriptor: number, path: unknown) => this.#opened(descriptor, path)
    Object.assign(fs, {
      openSync(...args: Parameters<typeof fs.openSync>) {
        const descriptor = real.openSync(...args)
        opened(descriptor, args[0])
        return descriptor
      },
      closeSync(descriptor: number) {
        files.delete(descriptor)
        ends.delete(descriptor)
        real.closeSync(descriptor)
      },
      writeSync(
        descriptor: number,
        data: Uint8Array,
        offset = 0,
        length = data.length - offset,
        at?: number,
      ) {
        const file = files.get(descriptor)
        if (file !== undefined) {
          // Without a position it goes behind what this descriptor wrote before.
          const from = typeof at === 'number' ? at : (ends.get(descriptor) ?? 0)
          ends.set(descriptor, from + length)
          steps.push({ kind: 'write', file, at: from, bytes: data.slice(offset, offset + length) })
        }
        return real.writeSync(descriptor, data, offset, length, at)
      },
      ftruncateSync(descriptor: number, length = 0) {
        const file = files.get(descriptor)
        if (file !== undefined) steps.push({ kind: 'truncate', file, length })
        real.ftruncateSync(descriptor, length)
      },
      fsyncSync(descriptor: number) {
        const file = files.get(descriptor)
        if (file !== undefined) steps.push({ kind: 'sync', file })
        real.fsyncSync(descriptor)
      },
      unlinkSync(path: string) {
        forget(path)
        real.unlinkSync(path)
      },
      rmSync(path: string, options?: fs.RmOptions) {
        forget(path)
        real.rmSync(path, options)
      },
      renameSync(from: string, to: string) {
        const [source, target] = [inside(from), inside(to)]
        if (source !== undefined && target !== undefined) {
          steps.push({ kind: 'rename', from: source, to: target })
          const file = named.get(source)
          named.delete(source)
          if (file !== undefined) named.set(target, file)
        }
        real.renameSync(from, to)
      },
    })
    const forget = (path: unknown) => {
      const name = inside(path)
      if (name !== undefined && named.delete(name)) steps.push({ kind: 'unname', name })
    }
    syncBuiltinESMExports()
    return () => {
      Object.assign(fs, real)
      syncBuiltinESMExports()
    }
  }
}

interface FileImage {
  bytes: Buffer
  length: number
  /** Changes the disk was told of and not asked to make durable. */
  unsynced: Step[]
  durable: { bytes: Buffer; length: number }
}

/** The disk while it is told of one recorded step after the other. */
export class Disk {
  readonly #files = new Map<number, FileImage>()
  readonly #names = new Map<string, number>()
  acknowledged = 0

  apply(step: Step): void {
    switch (step.kind) {
      case 'acknowledged':
        this.acknowledged = step.count
        break
      case 'name':
        this.#names.set(step.name, step.file)
        break
      case 'unname':
        this.#names.delete(step.name)
        break
      case 'rename': {
        const file = this.#names.get(step.from)
        this.#names.delete(step.from)
        if (file !== undefined) this.#names.set(step.to, file)
        break
      }
      case 'sync': {
        const image = this.#image(step.file)
        image.durable = { bytes: Buffer.from(image.bytes.subarray(0, image.length)), length: image.length }
        image.unsynced = []
        break
      }
      default: {
        const image = this.#image(step.file)
        change(image, step)
        image.unsynced.push(step)
      }
    }
  }

  /**
   * Writes what a power failure now would leave: everything that was made durable, and of the rest whatever the disk
   * happened to have done: all, nothing, or any of it, the last write perhaps torn at a sector.
   */
  fail(folder: string, random: SeededRandom): void {
    const mood = random.pick(['all', 'nothing', 'some'] as const)
    for (const [name, file] of this.#names) {
      const image = this.#image(file)
      const left = { bytes: Buffer.from(image.durable.bytes), length: image.durable.length }
      for (const step of mood === 'nothing' ? [] : image.unsynced) {
        if (mood === 'some' && random.next() < 0.5) continue
        const torn = mood === 'some' && step.kind === 'write' && random.next() < 0.2
        change(
          left,
          torn
            ? {
                ...step,
                bytes: step.bytes.subarray(0, random.integer(step.bytes.length / SECTOR + 1) * SECTOR),
              }
            : step,
        )
      }
      fs.writeFileSync(join(folder, name), left.bytes.subarray(0, left.length))
    }
  }

  #image(file: number): FileImage {
    let image = this.#files.get(file)
    if (!image) {
      image = {
        bytes: Buffer.alloc(0),
        length: 0,
        unsynced: [],
        durable: { bytes: Buffer.alloc(0), length: 0 },
      }
      this.#files.set(file, image)
    }
    return image
  }
}

function change(image: { bytes: Buffer; length: number }, step: Step): void {
  if (step.kind === 'truncate') {
    if (step.length < image.length) image.bytes.fill(0, step.length, image.length)
    grow(image, step.length)
    image.length = step.length
  }
  if (step.kind !== 'write') return
  const end = step.at + step.bytes.length
  grow(image, end)
  image.bytes.set(step.bytes, step.at)
  image.length = Math.max(image.length, end)
}

function grow(image: { bytes: Buffer; length: number }, length: number): void {
  if (length <= image.bytes.length) return
  const larger = Buffer.alloc(Math.max(length, image.bytes.length * 2))
  image.bytes.copy(larger, 0, 0, image.length)
  image.bytes = larger
}
