import { VivimError } from '../../schema/errors.ts'
import type { Params, Result } from '../../schema/methods/index.ts'
import type { OpenVault } from './open-vault.ts'
import type { SyncCursors } from './sync-cursors.ts'

/** The person's devices: who is certified, under the names the person gave. */
export class Devices {
  readonly #vault: OpenVault
  readonly #cursors: SyncCursors
  readonly #own: string

  constructor(options: {
    readonly vault: OpenVault
    readonly cursors: SyncCursors
    /** DID of the device this vault is on. */
    readonly deviceDid: string
  }) {
    this.#vault = options.vault
    this.#cursors = options.cursors
    this.#own = options.deviceDid
  }

  list(): Result<'devices.list'> {
    const others = this.#vault.members
      .list()
      .filter(({ deviceDid }) => deviceDid !== this.#own)
      .map(({ device, deviceDid, capabilities, certifiedUntil, knownSince }) => {
        const { connected, lastSeenAt, behind } = this.#cursors.progressOf(device)
        return {
          deviceDid,
          ...this.#name(deviceDid),
          thisDevice: false,
          addedAt: knownSince,
          capabilities: [...capabilities],
          certifiedUntil,
          connected,
          lastSeenAt,
          behind,
          ...this.#standing(device),
        }
      })
    const own = this.#vault.members.list().find(({ deviceDid }) => deviceDid === this.#own)
    return {
      items: [
        {
          deviceDid: this.#own,
          ...this.#name(this.#own),
          thisDevice: true,
          addedAt: own?.knownSince ?? null,
          capabilities: [...(own?.capabilities ?? [])],
          certifiedUntil: own?.certifiedUntil ?? null,
          connected: true,
          lastSeenAt: null,
          behind: null,
          ...this.#standing(this.#vault.logs.deviceOf(this.#vault.ownLog).device),
        },
        ...others,
      ],
      nextCursor: null,
    }
  }

  #standing(device: Uint8Array): Pick<Result<'devices.list'>['items'][number], 'state' | 'revokedAt'> {
    const { authority, records } = this.#vault
    if (!authority.isTakenOut(device)) return { state: 'member', revokedAt: null }
    const revokedAt = records.revokedAt(device)
    return revokedAt === undefined
      ? { state: 'uncertified', revokedAt: null }
      : { state: 'revoked', revokedAt }
  }

  rename({ deviceDid, name }: Params<'devices.rename'>): Result<'devices.rename'> {
    const known = this.#vault.members.list().some((member) => member.deviceDid === deviceDid)
    if (!known && deviceDid !== this.#own)
      throw new VivimError('NotFound', 'There is no such device.', {
        field: 'deviceDid',
        hint: '`vivimd device list` shows yours.',
      })
    if (this.#givenName(deviceDid) !== name)
      this.#vault.transact((tx) =>
        tx.write([{ kind: 'UPDATE', entity: 'Device', key: deviceDid, values: { name } }]),
      )
    return { deviceDid, name }
  }

  /** Names of the person's other devices. */
  others(): string[] {
    const { members, authority } = this.#vault
    return members
      .list()
      .filter(({ deviceDid, device }) => deviceDid !== this.#own && !authority.isTakenOut(device))
      .map(({ deviceDid }) => this.nameOf(deviceDid))
  }

  /** The name its owner gave it, else the end of its DID. */
  nameOf(deviceDid: string): string {
    return this.#givenName(deviceDid) ?? `device ${deviceDid.slice(-6)}`
  }

  #name(deviceDid: string): { name: string; named: boolean } {
    return { name: this.nameOf(deviceDid), named: this.#givenName(deviceDid) !== undefined }
  }

  #givenName(deviceDid: string): string | undefined {
    const row = this.#vault.get<{ name: string | null }>(
      'SELECT name FROM devices WHERE space = ? AND id = ?',
      [this.#vault.space, deviceDid],
    )
    return row?.name ?? undefined
  }
}
