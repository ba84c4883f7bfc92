import { VivimError } from '../../schema/errors.ts'
import { ContactInvites, type InviteRow } from './contact-invites.ts'
import {
  type ContactRow,
  contactsAfter,
  contactsToTell,
  didsNamed,
  type Reach,
  type Trust,
} from './contact-rows.ts'
import { Contacts, type Heard, type Outcome, type Policy } from './contacts.ts'
import { type LetterActions, letterActions, PeerLetters } from './peer-letters.ts'
import { followedFrom } from './succession-rows.ts'
import { Successions } from './successions.ts'
import type { Vault } from './vault.ts'

/** What being in contact with other people asks of a user's vault. Null stands for nothing known of somebody. */
export interface PeopleActions extends LetterActions {
  contact(params: { readonly did: string }): ContactRow | null
  /** By DID, from the one after `after` on. */
  contacts(params: { readonly after: string; readonly limit: number }): readonly ContactRow[]
  /** Those to tell that this person is in contact with them, and where. */
  contactsToTell(params: { readonly limit: number }): readonly ContactRow[]
  /** DIDs of who goes by a petname: at most two are told. */
  petnamed(params: { readonly name: string }): readonly string[]
  /** @throws VivimError `Conflict` */
  askContact(params: {
    readonly did: string
    readonly reach?: Reach
    readonly consent: Uint8Array
  }): ContactRow
  hearContact(params: {
    readonly heard: Heard
    readonly own: Uint8Array
    readonly secretHash: Uint8Array | null
  }): { readonly outcome: Outcome }
  contactAnswered(params: { readonly heard: Heard; readonly own: Uint8Array }): ContactRow | null
  contactConfirmed(params: { readonly did: string }): null
  /** @throws VivimError `NotFound`, `Conflict` */
  acceptContact(params: { readonly did: string; readonly own: Uint8Array }): ContactRow
  blockContact(params: { readonly did: string; readonly blocked: boolean }): ContactRow
  /** @throws VivimError `NotFound` */
  trustContact(params: { readonly did: string; readonly level: Trust }): ContactRow
  /** `silently`: also by way of the master the other one is not told, if they never were. */
  removeContact(params: { readonly did: string; readonly silently?: boolean }): ContactRow | null
  /** @throws VivimError `Conflict` */
  nameContact(params: { readonly did: string; readonly name: string | null }): ContactRow | null
  contactPolicy(params: Partial<Policy>): Policy
  contactInvites(params: Record<never, never>): readonly InviteRow[]
  /** @throws VivimError `Exhausted` */
  makeContactInvite(params: Parameters<ContactInvites['make']>[0]): null
  revokeContactInvite(params: { readonly id: string }): { readonly revoked: boolean }
}

export function peopleActions(vault: Vault): PeopleActions {
  const contacts = new Contacts(vault)
  const invites = new ContactInvites(vault)
  const successions = new Successions(vault)
  const letters = new PeerLetters(vault, contacts)
  const { space } = vault
  return {
    ...letterActions(letters),
    contact: ({ did }) => contacts.get(did) ?? null,
    contacts: ({ after, limit }) => contactsAfter(vault, space, after, limit),
    contactsToTell: ({ limit }) => contactsToTell(vault, space, limit),
    petnamed: ({ name }) => didsNamed(vault, space, name),
    askContact: ({ did, ...asked }) => {
      const followed = followedFrom(vault, space, did)
      if (followed) throw goesByAnother(followed.successor)
      return contacts.ask(did, asked)
    },
    hearContact: ({ heard, own, secretHash }) => ({ outcome: contacts.hear(heard, own, secretHash) }),
    contactAnswered: ({ heard, own }) => contacts.answered(heard, own) ?? null,
    contactConfirmed: ({ did }) => {
      contacts.confirm(did)
      return null
    },
    acceptContact: ({ did, own }) => contacts.accept(did, own),
    blockContact: ({ did, blocked }) => successions.block(did, blocked),
    trustContact: ({ did, level }) => contacts.trust(did, level),
    removeContact: ({ did, silently = false }) => {
      if (!silently || letters.to(did)?.said != null) letters.oweEnding(did)
      return contacts.remove(did) ?? null
    },
    nameContact: ({ did, name }) => contacts.name(did, name) ?? null,
    contactPolicy: (change) => contacts.setPolicy(change),
    contactInvites: () => invites.list(),
    makeContactInvite: (invite) => invites.make(invite),
    revokeContactInvite: ({ id }) => ({ revoked: invites.revoke(id) }),
  }
}

function goesByAnother(did: string): VivimError {
  return new VivimError('Conflict', 'They have another root key by now.', {
    field: 'did',
    hint: `They are ${did}.`,
  })
}
