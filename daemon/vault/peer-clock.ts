/** What the devices that are connected call now, counted on by a clock that nobody sets. */
export class PeerClock {
  readonly #elapsed: () => number
  /** By device in hex: its time less the time that had passed here. */
  readonly #readings = new Map<string, number>()

  #keeper: number | undefined

  /** @param elapsed milliseconds since any moment, whatever happens to the time of day */
  constructor(elapsed: () => number) {
    this.#elapsed = elapsed
  }

  /** @param ms what the device calls now, milliseconds UTC */
  tell(device: Uint8Array, ms: number): void {
    this.#readings.set(Buffer.from(device).toString('hex'), ms - this.#elapsed())
  }

  forget(device: Uint8Array): void {
    this.#readings.delete(Buffer.from(device).toString('hex'))
  }

  /** @param ms what the keeper of this device's mailboxes calls now, milliseconds UTC */
  tellKeeper(ms: number): void {
    this.#keeper = ms - this.#elapsed()
  }

  /** Milliseconds UTC; undefined until it told. */
  get keeper(): number | undefined {
    return this.#keeper === undefined ? undefined : this.#keeper + this.#elapsed()
  }

  /** Milliseconds UTC; of two readings in the middle the later one. Undefined while nobody is connected. */
  get median(): number | undefined {
    const sorted = [...this.#readings.values()].sort((a, b) => a - b)
    const middle = sorted[Math.floor(sorted.length / 2)]
    return middle === undefined ? undefined : middle + this.#elapsed()
  }
}
