import { randomBytes } from 'node:crypto'
import { VivimError } from '../../schema/errors.ts'
import type { UserMethodName } from '../../schema/methods/index.ts'
import { ImportJobs } from '../capture/import-jobs.ts'
import { liveMethods } from '../capture/live-methods.ts'
import { captureMethods } from '../capture/methods.ts'
import { revealParts, SecretSealer } from '../capture/secret-sealer.ts'
import { uuidV7 } from '../capture/uuid-v7.ts'
import { Watches } from '../capture/watches.ts'
import { contextMethods } from '../context/methods.ts'
import { encodeDid } from '../identity/did.ts'
import { verify } from '../identity/ed25519.ts'
import { memberReader, rootVerifier } from '../identity/member-reader.ts'
import { Derivation } from '../knowledge/derivation.ts'
import { knowledgeMethods } from '../knowledge/methods.ts'
import { detectSpans, maskSpans } from '../knowledge/security/levels.ts'
import { selectUnits, unitItem } from '../knowledge/unit-list.ts'
import { inThreadCounter } from '../tokenizer/in-thread-counter.ts'
import { PortTokenCounter } from '../tokenizer/port-counter.ts'
import { annotationMethods } from '../vault/annotation-methods.ts'
import { Annotations } from '../vault/annotations.ts'
import { conversationMethods } from '../vault/conversation-methods.ts'
import { Conversations } from '../vault/conversations.ts'
import { Devices } from '../vault/devices.ts'
import { eraseNotes } from '../vault/erase-notes.ts'
import { notebookMethods } from '../vault/notebook-methods.ts'
import { type NotebookDependencies, Notebooks } from '../vault/notebooks.ts'
import { type OpenVault, openVault } from '../vault/open-vault.ts'
import { createPace } from '../vault/pace.ts'
import { PeerClock } from '../vault/peer-clock.ts'
import { RecoveredItems } from '../vault/recovered-items.ts'
import { createReplica, type ReplicaOptions, releaseHeld, settleClock } from '../vault/replica.ts'
import { shownLog } from '../vault/shown-log.ts'
import { describeSnapshot } from '../vault/snapshot-view.ts'
import { StateAudit } from '../vault/state-audit.ts'
import { SyncCursors } from '../vault/sync-cursors.ts'
import { SyncView } from '../vault/sync-methods.ts'
import { Upkeep } from '../vault/upkeep.ts'
import { CommitNews } from './commit-news.ts'
import { contentProblems } from './content-problems.ts'
import { Postponed } from './postponed.ts'
import type { UserEngine, UserMethods } from './user-engine.ts'
import type { OpenUserEngine, UserEngineOptions } from './user-engine-options.ts'

const TIDY_EVERY_MS = 3_600_000
/** What a device says it holds lets the others drop what is superseded: a computer that is on for minutes says it too. */
const UPKEEP_EVERY_MS = 300_000

/** What another device erased leaves the file once its segments have stopped coming. */
const PURGE_AFTER_MS = 2_000
const RELEASE_HELD_EVERY_MS = 30_000

const mask = (text: string, level: number) => maskSpans(text, detectSpans(text), level)

/** Puts one person's engine together: their vault, capture, knowledge and context, and nobody else's. */
export const openUserEngine: OpenUserEngine = async (options) => {
  const vault = openVault({
    path: options.databasePath,
    did: options.did,
    deviceKey: options.deviceKey,
    vaultKey: options.vaultKey,
    spaceSecret: options.spaceSecret,
    verify,
    readMember: memberReader(options.did),
    verifyRoot: rootVerifier(options.did),
    now: () => Date.now() + options.clockOffsetMs,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    peers: new PeerClock(() => performance.now()),
  })
  try {
    return assemble(vault, options)
  } catch (error) {
    vault.close()
    throw error
  }
}

function assemble(vault: OpenVault, options: UserEngineOptions): UserEngine {
  const derivation = new Derivation({
    vault,
    onError: (part, error) => options.onProblem(part, error),
  })
  const jobs = new ImportJobs({
    vault,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    privateFolders: options.privateFolders ?? [],
    pace: createPace(),
    wakeDerivation: () => derivation.wake(),
    indexed: async (ids, signal) => {
      await derivation.derived(ids, signal)
      await derivation.settled(signal)
    },
    onBusy: (busy) => options.onPendingWork(busy || watches.watching),
    onUnexpected: (error) => options.onProblem('import', error),
  })
  const watches = new Watches({
    vault,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    privateFolders: options.privateFolders ?? [],
    pace: createPace(),
    wakeDerivation: () => derivation.wake(),
    onWatching: (watching) => options.onPendingWork(watching || jobs.busy),
    onUnexpected: (error) => options.onProblem('watch', error),
  })
  const conversations = new Conversations(vault, {
    forgetDerived: (tx, id) => derivation.forget(tx, id),
    wakeDerivation: () => derivation.wake(),
    storable: (text) => new SecretSealer(vault).text(text),
    mask,
    reveal: (sealed, parts) => revealParts(vault, sealed, parts),
    otherDevices: () => devices.others(),
  })
  const notes: NotebookDependencies = {
    storable: (text) => new SecretSealer(vault).text(text),
    mask,
    unitText: (id, level) =>
      selectUnits(vault, ['u.id = ?'], [id], '').map((unit) => unitItem(unit, level).content)[0],
    newId: () => uuidV7(vault.now(), new Uint8Array(randomBytes(10))),
    erase: (id, rows) => eraseNotes(vault, () => devices.others(), id, rows),
  }
  const cursors = new SyncCursors(vault, vault.logs, vault.space)
  const audit = new StateAudit(vault)
  const devices = new Devices({ vault, cursors, deviceDid: options.deviceDid })
  const sync = new SyncView({
    vault,
    cursors,
    audit,
    devices,
    didOf: encodeDid,
    contentProblems: (pace) => contentProblems(vault, pace),
    mask,
    releaseHeld: () => releaseHeld(replicaOptions),
  })
  const upkeep = new Upkeep(vault, options.deviceDid)
  const recovered = new RecoveredItems({
    vault,
    didOf: encodeDid,
    show: (columns, table, maxLevel) => sync.showColumns(columns, table, maxLevel),
    wakeDerivation: () => derivation.wake(),
  })
  const counter = options.tokenizer ? new PortTokenCounter(options.tokenizer) : inThreadCounter

  const methods: UserMethods<UserMethodName> = {
    ...captureMethods({
      vault,
      jobs,
      pace: createPace(),
      wakeDerivation: () => derivation.wake(),
      indexed: (ids, signal) => derivation.derived(ids, signal),
    }),
    ...liveMethods({
      vault,
      watches,
      wakeDerivation: () => derivation.wake(),
      indexed: (ids, signal) => derivation.derived(ids, signal),
    }),
    ...conversationMethods(conversations),
    ...notebookMethods(new Notebooks(vault, notes)),
    ...annotationMethods(new Annotations(vault, notes)),
    ...knowledgeMethods(vault),
    ...contextMethods({ vault, counter }),
    'devices.list': () => devices.list(),
    'devices.log': () => shownLog(vault.records, encodeDid, (deviceDid) => devices.nameOf(deviceDid)),
    'devices.rename': (params) => devices.rename(params),
    'sync.status': () => sync.status(),
    'sync.cursors': () => sync.cursors(),
    'sync.holds': (params) => sync.holds(params),
    'sync.forks': () => sync.forks(),
    'sync.erasures': (params) => sync.erasures(params),
    'sync.erasures.confirm': (params) => sync.confirmErasures(params),
    'sync.compact': () => upkeep.run(createPace(), true),
    'sync.snapshot': () => {
      upkeep.floors.step()
      return describeSnapshot(vault, upkeep.floors.latest())
    },
    'sync.recovered.list': (params, call) => recovered.list(params, call.maxSecurityLevel),
    'sync.recovered.accept': (params) => recovered.accept(params),
    'sync.recovered.dismiss': (params) => recovered.dismiss(params),
    'sync.operations': (params, call) => sync.operations(params, call.maxSecurityLevel),
    'sync.verify': () => sync.verify(),
    'sync.rebuild': (_, call) => derivation.rebuild(call.signal),
  }

  /** What a crash or a full disk left to erase, and old trash. A failure waits for the next time. */
  const tidy = () => {
    try {
      if (vault.purgePending) vault.purge()
      else vault.acknowledgePurge()
      conversations.emptyOldTrash()
    } catch (error) {
      options.onProblem('tidying', error)
    }
  }
  const replicaOptions: ReplicaOptions = {
    vault,
    cursors,
    audit,
    forgetDerived: (tx, id) => derivation.forget(tx, id),
    wakeDerivation: () => derivation.wake(),
    purgeSoon: () => purging.schedule(),
  }
  const purging = new Postponed(tidy, PURGE_AFTER_MS)
  const committed = new CommitNews(vault, (frontier, written) => options.onCommitted(frontier, written))
  vault.onCommit = () => committed.schedule()
  vault.onClockDoubted = () =>
    options.onProblem(
      'clock',
      new VivimError(
        'Conflict',
        'The clock is ahead of the other devices, or could not be compared: writes wait.',
      ),
    )
  const held = setInterval(() => {
    if ((vault.held.nextDue() ?? Infinity) <= vault.now()) releaseHeld(replicaOptions)
    settleClock(replicaOptions)
  }, RELEASE_HELD_EVERY_MS)
  held.unref()
  const first = setImmediate(() => {
    tidy()
    releaseHeld(replicaOptions, true)
  })
  const hourly = setInterval(tidy, TIDY_EVERY_MS)
  hourly.unref()
  const keepUp = setInterval(() => {
    // It reads every operation: an import writes meanwhile, and what it wrote is new.
    if (jobs.busy) return
    upkeep.run(createPace()).catch((error: unknown) => options.onProblem('upkeep', error))
  }, UPKEEP_EVERY_MS)
  keepUp.unref()
  void counter.count([' '], 'o200k_base').catch(() => {}) // loads the encoding before the first question
  // The other side may have missed what was committed before a crash.
  committed.schedule()
  if (derivation.busy) derivation.wake()
  jobs.resumeAll()
  watches.resume()
  options.onPendingWork(jobs.busy || watches.watching)

  return {
    call: async (method, params, call) => {
      call.signal.throwIfAborted()
      return await methods[method](params, call)
    },
    replica: createReplica(replicaOptions),
    probe: async () => {
      vault.transact((tx) => {
        const value = vault.now()
        tx.run("INSERT OR REPLACE INTO meta (name, value) VALUES ('probe', ?)", [value])
        if (tx.get<{ value: number }>("SELECT value FROM meta WHERE name = 'probe'")?.value !== value)
          throw new Error('the database does not give back what was written')
      })
    },
    get busy() {
      return jobs.busy || derivation.busy
    },
    close: async () => {
      clearImmediate(first)
      clearInterval(hourly)
      clearInterval(keepUp)
      await upkeep.stop()
      clearInterval(held)
      purging.cancel()
      committed.flush()
      await watches.close()
      await jobs.close()
      await derivation.stop()
      if (counter instanceof PortTokenCounter) counter.close()
      vault.close()
    },
  }
}
