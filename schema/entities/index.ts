import type { Entity, ReplicatedEntity } from './entity.ts'
import { Conversation, ConversationTag, Device, Floor, Message, MessageVersion } from './facts.ts'
import { Annotation, Notebook, NotebookEntry } from './notebooks.ts'
import { PeerLetter } from './peer-letters.ts'
import { Contact, ContactPolicy, Petname } from './people.ts'
import { Succession } from './successions.ts'

/** Every replicated table, in wire-number order. The state digest walks them in this order. */
export const REPLICATED_ENTITIES = [
  Conversation,
  Message,
  MessageVersion,
  ConversationTag,
  Device,
  Notebook,
  NotebookEntry,
  Annotation,
  Floor,
  Petname,
  Contact,
  ContactPolicy,
  Succession,
  PeerLetter,
] as const satisfies readonly ReplicatedEntity[]

export type ReplicatedEntityName = (typeof REPLICATED_ENTITIES)[number]['name']

/** Every other table of a user's database with its class. */
export const OTHER_ENTITIES = [
  { name: 'AtomicChatUnit', table: 'atomic_chat_units', class: 'derived' },
  { name: 'AcuOccurrence', table: 'acu_occurrences', class: 'derived' },
  { name: 'AcuLink', table: 'acu_links', class: 'derived' },
  { name: 'TopicProfile', table: 'topic_profiles', class: 'derived' },
  { name: 'TopicUnit', table: 'topic_units', class: 'derived' },
  { name: 'TopicConversation', table: 'topic_conversations', class: 'derived' },
  { name: 'UnitIndex', table: 'unit_index', class: 'cache' },
  { name: 'UnitTrigramIndex', table: 'unit_trigram_index', class: 'cache' },
  { name: 'MessageCount', table: 'message_counts', class: 'cache' },
  { name: 'UnitCount', table: 'unit_counts', class: 'cache' },
  { name: 'ConversationUnitCount', table: 'conversation_unit_counts', class: 'cache' },
  { name: 'SyncOperation', table: 'sync_operations', class: 'local' },
  { name: 'Segment', table: 'segments', class: 'local' },
  { name: 'Log', table: 'logs', class: 'local' },
  { name: 'Space', table: 'spaces', class: 'local' },
  { name: 'Erased', table: 'erased', class: 'local' },
  { name: 'Fork', table: 'forks', class: 'local' },
  { name: 'PendingPurge', table: 'pending_purges', class: 'local' },
  { name: 'Member', table: 'members', class: 'local' },
  { name: 'MembershipRecord', table: 'membership_records', class: 'local' },
  { name: 'DevicePresence', table: 'device_presence', class: 'local' },
  { name: 'SyncCursor', table: 'sync_cursors', class: 'local' },
  { name: 'HeldOperation', table: 'held_operations', class: 'local' },
  { name: 'Erasure', table: 'erasures', class: 'local' },
  { name: 'VoidOperation', table: 'void_operations', class: 'local' },
  { name: 'SyncAudit', table: 'sync_audits', class: 'local' },
  { name: 'SyncAlarm', table: 'sync_alarms', class: 'local' },
  { name: 'FloorPosition', table: 'floor_positions', class: 'local' },
  { name: 'Snapshot', table: 'snapshots', class: 'local' },
  { name: 'SnapshotChunk', table: 'snapshot_chunks', class: 'local' },
  { name: 'SnapshotRow', table: 'snapshot_rows', class: 'local' },
  { name: 'RecoveredItem', table: 'recovered_items', class: 'local' },
  { name: 'BlobPiece', table: 'blob_pieces', class: 'local' },
  { name: 'RawRecord', table: 'raw_records', class: 'local' },
  { name: 'Blob', table: 'blobs', class: 'local' },
  { name: 'ImportJob', table: 'import_jobs', class: 'local' },
  { name: 'ImportReportLine', table: 'import_report_lines', class: 'local' },
  { name: 'CaptureAttempt', table: 'capture_attempts', class: 'local' },
  { name: 'CaptureWatch', table: 'capture_watches', class: 'local' },
  { name: 'CaptureWatchFile', table: 'capture_watch_files', class: 'local' },
  { name: 'DerivationQueue', table: 'derivation_queue', class: 'local' },
  { name: 'TextUpdate', table: 'text_updates', class: 'local' },
  { name: 'TextDocument', table: 'text_documents', class: 'local' },
  { name: 'CounterCell', table: 'counter_cells', class: 'local' },
  { name: 'SnapshotChange', table: 'snapshot_changes', class: 'local' },
  { name: 'ContactInvite', table: 'contact_invites', class: 'local' },
  { name: 'Meta', table: 'meta', class: 'local' },
] as const satisfies readonly Entity[]

export const ENTITY_BY_NAME: ReadonlyMap<string, ReplicatedEntity> = new Map(
  REPLICATED_ENTITIES.map((entity) => [entity.name, entity]),
)

export const ENTITY_BY_NUMBER: ReadonlyMap<number, ReplicatedEntity> = new Map(
  REPLICATED_ENTITIES.map((entity) => [entity.number, entity]),
)

export type { Column, Entity, ReplicatedEntity, RowValues, TableClass, Value } from './entity.ts'
export { Conversation, ConversationTag, Device, Floor, Message, MessageVersion } from './facts.ts'
export { Annotation, Notebook, NotebookEntry } from './notebooks.ts'
export { PeerLetter } from './peer-letters.ts'
export { Contact, ContactPolicy, Petname } from './people.ts'
export { Succession } from './successions.ts'
