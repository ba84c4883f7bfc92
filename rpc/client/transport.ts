/** An open way to a node, under the lines of JSON-RPC. */
export interface Transport {
  send(line: string): void
  /** Resolves when it is closed. */
  close(): Promise<void>
}

/** What a transport tells its user; nothing more comes after `closed`. */
export interface TransportEvents {
  bytes(chunk: Uint8Array): void
  closed(): void
}

/** Opens a transport, or throws a VivimError. */
export type Dial = (events: TransportEvents) => Promise<Transport>
