/**
 * Every bound on input in one place. Each has a clear error (`TooLarge`, `RateLimited`, `InvalidParams`)
 * and a reason; sizes are bytes unless the name says otherwise.
 */
export const LIMITS = {
  /** One JSON-RPC line. A line of a larger size is dropped up to its newline. */
  rpcLineBytes: 16 * 1024 * 1024,
  /** Requests in one JSON-RPC batch. */
  rpcBatch: 100,
  /** Oversized lines a connection may send in a minute before it is closed. */
  rpcOversizedPerMinute: 3,
  /** Open connections to the socket. */
  rpcConnections: 1_000,
  /** Requests of one connection that may wait at once; more are answered `RateLimited`. */
  rpcPendingPerConnection: 1_000,
  /** Unread bytes the node buffers for one reader before it is cut. */
  rpcSlowReaderBytes: 64 * 1024 * 1024,
  /** A Unix socket path; the kernel's limit is 107 and Node truncates silently. */
  socketPathBytes: 103,

  /** One operation, encoded; a row beyond it moves its largest values to blobs. */
  operationBytes: 64 * 1024,
  /** Operations under one segment signature, and the sum of their bytes. */
  segmentOperations: 256,
  segmentBytes: 64 * 1024,
  /** A row's key, encoded: the beginning of an operation is enough to tell which row it changes. */
  keyBytes: 512,
  /** Levels of arrays and objects in a JSON column: SQLite takes no more. */
  jsonDepth: 1_000,

  /** One update of a shared text in an operation, and the insertions or deletions it holds. */
  textUpdateBytes: 60 * 1024,
  textUpdateStructs: 20_000,
  /** Characters that one editing session of a device writes into one text, those it deletes again included. */
  textClock: 2 ** 24,
  /** Characters of one note as it is sent. */
  noteCharacters: 1_000_000,
  /** What one log may contribute to a counter: the sum over all logs of a space is a safe integer. */
  counterContribution: 2 ** 42,

  /** Logs of one space: a device has one, and one more after each restore or fork. */
  spaceLogs: 1_024,
  /** Logs of one device: a restore or a fork every month for ten years. Half of what its cut-offs can name. */
  deviceLogs: 128,
  /** An operation stamped further ahead of our clock waits until it is due; ms. */
  clockAheadMs: 5 * 60 * 1000,
  /** With nobody to compare with, a device trusts its clock so far beyond the newest stamp it knows; ms. */
  clockAloneMs: 24 * 3_600_000,
  /**
   * Erasures of one device within this time (ms) that other devices do not apply at once: more conversations than
   * these, or than this share of all when that is more than a few. They wait this long (ms), or for a confirmation.
   */
  massErasureWindowMs: 10 * 60 * 1000,
  massErasureConversations: 100,
  massErasureShare: 0.2,
  massErasureFew: 10,
  massErasureHoldMs: 24 * 3_600_000,
  /** A device says so often at most, in its log, what it holds; ms: each word is an operation everybody keeps. */
  acknowledgeMs: 3_600_000,
  /** A log with more stable operations is looked through for superseded ones so often at most; ms: it reads all of it. */
  compactAtOnceOperations: 20_000,
  compactLargeMs: 3_600_000,
  /** A device not seen for so long is not waited for any more; ms. */
  deviceAwayMs: 90 * 24 * 3_600_000,
  /** A device that has nothing to say still says that it is there, this long after it last did; ms. A third of the above. */
  signOfLifeMs: 30 * 24 * 3_600_000,
  /** A deletion older than this may be forgotten; ms. */
  tombstoneMs: 180 * 24 * 3_600_000,
  /** Chunks of one snapshot: their hashes fit a frame. About 1 GiB of rows. */
  snapshotChunks: 6_000,
  /** A snapshot made for one device is good for the next one so long; ms. */
  snapshotMs: 10 * 60 * 1000,
  /** Sync streams one peer may have open: one for each person both nodes have a device of. */
  syncStreamsPerPeer: 64,
  /** Sync streams that are answered in a minute: from one peer, and from all. */
  syncHellosPerPeer: 300,
  syncHellos: 6_000,
  /** How long the first frames of a sync stream may take; ms. */
  syncHelloMs: 10_000,
  /** Before the end of a year's certificate it is renewed from here on; ms. */
  renewBeforeMs: 30 * 24 * 3_600_000,
  /** A renewal: sixteen certificates, the epoch keys of a life, a document. */
  renewalFrameBytes: 64 * 1024,
  /** After a new epoch began: how long the topic of the one before is listened to, and its key opens a session; ms. */
  oldTopicsMs: 7 * 24 * 3_600_000,
  oldEpochsMs: 180 * 24 * 3_600_000,
  /** Commits within this time are announced together; ms. */
  syncAnnounceMs: 20,
  /** A device says that it is there this often, give or take a fifth; ms. */
  syncBeaconMs: 30_000,
  /** A session in which nothing comes for so long, though something should, is given up; ms. */
  syncSilenceMs: 120_000,
  /** How long `sync.now` waits for the devices it can reach; ms. */
  syncNowMs: 300_000,
  /** How long a stream may take to become a session; ms. */
  syncSettleMs: 5_000,
  /** A log written apart: ends of segments told in one frame, segments in its answer, and questions in one session. */
  syncForkEnds: 2_048,
  syncForkSegments: 512,
  syncForkFrames: 64,
  /** Blobs asked for at once. */
  syncBlobsAsked: 500,
  /** One frame of a sync stream, and its parts: what two devices say to each other stays small in memory. */
  syncFrameBytes: 256 * 1024,
  syncMemberDocuments: 256,
  syncMemberDocumentBytes: 16 * 1024,
  syncHashes: 1_000,
  syncBlobPieceBytes: 128 * 1024,
  /** A blob on its way: several times the largest message that can be captured. */
  syncBlobBytes: 512 * 1024 * 1024,
  /** Segment bytes on the way without an ACK: what we ask for, what one merge takes, and what anybody may ask for. */
  syncCreditBytes: 1024 * 1024,
  syncApplyBytes: 512 * 1024,
  syncCreditBytesMax: 16 * 1024 * 1024,
  /** Segments read from the disk at once. */
  syncReadBytes: 256 * 1024,
  /** Entries of a DID log, cut-offs and wrapped keys that are kept: decades of a large household. */
  membershipRecords: 8_192,
  /** Frames of member documents that may wait to be verified. */
  syncMembersWaiting: 16,
  /** Audits one device may ask another for in an hour: each may make it read all its rows. */
  syncAuditQuestions: 30,
  /** In one audit: exchanges, ranges asked about at once, rows named, and how often over all rows may be read. */
  syncAuditRounds: 64,
  syncAuditRanges: 64,
  syncAuditRows: 256,
  syncAuditWalks: 8,
  /** Alarms a vault keeps, and at most one audit in so long unless somebody asks; ms. */
  syncAlarms: 100,
  syncAuditEveryMs: 3_600_000,
  /** Frames of one stream at once and in each second: full segments at this pace are more than a disk takes. */
  syncFrameBurst: 20_000,
  syncFramesPerSecond: 2_000,
  /** Streams of one peer that may end by its fault, in the time for which it is refused otherwise. */
  syncBreaches: 3,
  /** Frames before a device has shown that it is certified. */
  syncStrangerFrames: 64,

  /** Messages in one captured conversation. */
  conversationMessages: 100_000,
  /** One picture or file of a message; larger ones are named and left out. The second: what one call gives of it. */
  attachmentBytes: 16 * 1024 * 1024,
  attachmentPieceBytes: 512 * 1024,
  /** Messages one call adds to a conversation. */
  appendMessages: 1_000,
  /** Folders one user follows. */
  captureWatches: 50,
  /** A share link's answer, and the time for all of it. */
  shareLinkBytes: 32 * 1024 * 1024,
  shareLinkMs: 20_000,
  /** Characters of one part's content; longer content is refused with a typed report line. */
  partCharacters: 32 * 1024 * 1024,
  /** One conversation's raw record inside an export. */
  conversationBytes: 128 * 1024 * 1024,
  /** A file whose messages hang together is read whole: sessions, activities, pages, tables; bytes. */
  listFileBytes: 64 * 1024 * 1024,
  /** Entries in an archive, and the ratio of unpacked to packed bytes of one entry. */
  archiveEntries: 100_000,
  /** Archives inside of archives are held in memory while they are read; bytes. */
  nestedArchiveBytes: 128 * 1024 * 1024,
  archiveRatio: 100,
  /** Skipped or failed items a report lists by name; the counts are always whole. */
  reportErrors: 100,

  /** Characters of a title, a tag, a display name. */
  titleCharacters: 1_000,
  tagCharacters: 100,
  nameCharacters: 200,
  /** Characters of a search query or a context message. */
  queryCharacters: 100_000,
  /** Rows a list returns at most, and by default. */
  listMax: 200,
  listDefault: 50,
  searchDefault: 20,
  contextTokensDefault: 4_000,
  contextTokensMax: 1_000_000,

  /** Sessions live this long; refresh tokens this long. */
  sessionMs: 15 * 60 * 1000,
  refreshMs: 30 * 24 * 60 * 60 * 1000,
  sessionsPerUser: 1_000,
  /** Challenges live this long (ms); so many wait at once, whoever asked for them. */
  challengeMs: 60_000,
  challenges: 10_000,
  /** Apps one user lets in, calls a minute an app makes at most, and at first. */
  appGrants: 100,
  appCallsPerMinute: 60_000,
  appCallsPerMinuteDefault: 600,
  /** One of the two files of a user's access log; bytes. */
  accessLogBytes: 4 * 1024 * 1024,
  /** Users' workers open at once. */
  openUsers: 16,
  /** A call into a user's worker. */
  userCallMs: 60_000,
  /** Of a vault with more operations every row is not read before the state is told: 20,000 take a third of a second. */
  digestAtOnceOperations: 20_000,
  /** How long the state waits for the digest of such a vault; ms. */
  digestWaitMs: 300,
  /** A worker used this recently is not evicted: opening one takes some 50 ms, and more than sixteen may take turns. */
  userBusyMs: 1_000,
  /** How long a call waits for a worker's place when all are in use; ms. */
  userRoomMs: 10_000,
  /** Calls that may wait for one user's worker. */
  userQueue: 10_000,
  /** Failed passphrases per user and minute: argon2id costs 64 MiB each. */
  passphraseTriesPerMinute: 10,

  /** How long a pairing code is good; ms. */
  pairingMs: 10 * 60 * 1000,
  /** What was confirmed in time may end this much later; ms. */
  pairingGraceMs: 2 * 60 * 1000,
  /** The first frames of a pairing, up to the six digits; ms. */
  pairingHandshakeMs: 15_000,
  /** Pairings under way at once: all of them, and of one user. */
  pairings: 32,
  pairingsPerUser: 4,
  /** Devices that may try one code, and wrong checks typed on one side, before the pairing ends. */
  pairingTries: 3,
  /** Pairing streams a minute, from one peer and from all: a stranger can only guess at 128 bits. */
  pairingStreamsPerPeer: 60,
  pairingStreams: 600,
  /** One frame of a pairing stream: a chain of certificates and the keys of each epoch. */
  pairingFrameBytes: 256 * 1024,
  /** Characters of a pairing code with the line breaks somebody put into it. */
  pairingCodeCharacters: 2_000,

  /** Connections to other nodes, and of those the ones of peers that are nobody's own. */
  networkConnections: 364,
  networkStrangers: 300,
  /** Peers whose addresses are remembered over restarts. */
  rememberedPeers: 256,
  /** How often the network is looked after, how long its listener may take to answer, and what counts as stuck; ms. */
  networkLookMs: 15_000,
  networkProbeMs: 5_000,
  networkStuckMs: 30_000,
  /** How long a network may take to stop, and to start, before it is left behind; ms. */
  networkStopMs: 8_000,
  networkStartMs: 30_000,
  /** Connections one address may open in a second: a home behind one address comes back at once after a power cut. */
  networkInboundPerSecond: 50,
  /** A dial with its handshakes and the choice of a protocol, and its share for one of several addresses. */
  networkDialMs: 10_000,
  networkAddressDialMs: 4_000,
  /** Of a dial, before it goes by way of a relay: addresses that swallow what is sent must not use up the time. */
  networkDirectDialMs: 4_000,
  /** Seats at a relay, and of those one address may have: a house has a few devices, a stranger any number of keys. */
  relaySeats: 256,
  relaySeatsPerHost: 16,
  /** After which a seat at a relay ends unless it is taken anew; ms. */
  relaySeatMs: 60 * 60 * 1000,
  /** One connection by way of a relay: how long it lasts, ms, and what it carries, bytes. */
  relayConnectionMs: 60 * 60 * 1000,
  relayConnectionBytes: 256 * 1024 * 1024,
  /** Connections by way of a relay that one peer asks for, or gets, at once. */
  relayStreamsPerPeer: 64,
  /** Dialling back, with the question; ms. */
  dialBackMs: 15_000,
  /** How often a node asks whether it is reached; ms. */
  dialBackEveryMs: 10 * 60 * 1000,
  /** Times a minute that one peer may have itself dialled, and all. */
  dialBacksPerPeer: 6,
  dialBacks: 120,
  /** A record of the table in which devices find each other, and what one node keeps of them. */
  dhtRecordBytes: 8 * 1024,
  dhtRecords: 20_000,
  dhtBytes: 64 * 1024 * 1024,
  /** A question to the table, and how long the table rests when the processor is busy; ms. */
  dhtQueryMs: 10_000,
  dhtRestMs: 10 * 60 * 1000,
  /** How often is looked how busy the processor is, ms, and how many times in a row it may be. */
  cpuLookMs: 10_000,
  cpuBusyLooks: 6,
  /** A person's devices are looked for in the table so often at most; ms. */
  dhtAskMs: 60_000,
  /** A device's document is put into the table again after this; ms. */
  dhtPublishMs: 3 * 3_600_000,
  /** Unread and unsent bytes of one stream before its sender has to wait. */
  networkStreamBufferBytes: 1024 * 1024,
  /** Streams of one protocol that one peer may have open, unless the protocol says otherwise. */
  networkStreamsPerPeer: 8,
  /** One gossip message; what is larger goes over a stream. */
  gossipMessageBytes: 72 * 1024,
  /** After which a message heard on gossip is passed on; ms. */
  gossipPassOnMs: 25,
  /** Gossip streams of peers not yet known to be a person's own, and how long they wait; ms. */
  gossipEarlyStreams: 16,
  gossipEarlyMs: 10_000,
  /** A sealed message with all around it: a full segment, some of it hollow, fits. */
  sealedBytes: 72 * 1024,
  /** What a device commits is said on gossip itself up to this padded length; more is announced. */
  gossipInlineBytes: 16 * 1024,
  /** Commits within this time of the last telling are told together; ms. The first one is told at once. */
  liveTellMs: 5,
  /** Operations that are read again to be told; more have to be fetched. */
  liveTellOperations: 512,
  /** Messages one peer may bring on one person's topics at once and in each second, its own and those it passes on. */
  livePeerBurst: 4_000,
  livePeerPerSecond: 1_000,
  /**
   * Operations of one device that are taken in at once and in each second: a person at work, not an import. The device
   * itself tells half of it; whoever tells more is cut.
   */
  liveAuthorBurst: 2_000,
  liveAuthorPerSecond: 200,
  /** Segments that wait for the database; bytes. */
  liveWaitingBytes: 4 * 1024 * 1024,
  /** After what was said on gossip: when it is announced too, and when an announcement is doubted; ms. */
  liveFollowMs: 300,
  /** After it heard something by gossip, a device compares with the others: who wrote it does so before. */
  liveSettleMs: 2_000,
  liveDoubtMs: 150,
  /** How often gossip may ask for a comparison; ms. */
  liveFetchMs: 50,
  /** Peers refused for what they sent, and for how long; ms. */
  refusedPeers: 10_000,
  refusedPeerMs: 60_000,

  /** One frame of a registry stream; the answer about somebody with many devices takes several. */
  registryFrameBytes: 256 * 1024,
  /** A signed record as a master takes it: a member document of 16 KiB and what is said beside it. */
  registryRecordBytes: 20 * 1024,
  /** Devices of one person that a master keeps. */
  registryDevices: 256,
  /** Entries of one DID log that a master keeps, and sealed records beside them: a key for each device at each change. */
  registryEntries: 1_024,
  registrySealed: 4_096,
  /** The successor of a root key, and one more as proof that it named two. */
  registrySuccessors: 2,
  /** Halves of connections that a master keeps: of one person, and to one of people whom that one never wrote to. */
  registryConnections: 1_000,
  registryConnectionsTo: 200,
  /** A device's question for what was written to its person is good so long, and its clock that far off; ms. */
  connectionQuestionMs: 3_600_000,
  /** Devices a letter is sealed for, each 1.2 KB; what it says, filled up so that its length says nothing; bytes. */
  connectionDevices: 8,
  connectionBodyBytes: 4_096,
  /** How often a master is asked what was written to a person, and for everything; ms. */
  connectionPollMs: 300_000,
  connectionAllMs: 6 * 3_600_000,
  /** Counts of captures that a node tells: providers by name, the highest number, how often; ms. */
  statsProviders: 64,
  statsCount: 1_000_000_000,
  providerStatsMs: 30_000,
  /** After an account ended; ms. */
  masterVacuumMs: 5_000,
  /** Entries of each kind in an instance's palette, which fits into one record; how long a list waits for the master; ms. */
  paletteEntries: 24,
  paletteMs: 2_000,
  /** Records whose place in the log is asked for at once: 128 proofs fit into one frame. */
  witnessLeaves: 128,
  /** A call to a master, with the dial. */
  registryCallMs: 10_000,
  /** Calls one peer may make at once and in each second: a household that registers, not somebody who copies it all. */
  registryBurst: 200,
  registryPerSecond: 20,
  registryStreamsPerPeer: 4,
  /** Peers whose calls are counted at once. */
  registryPeers: 10_000,
  /** How long the start of a bootstrap node waits for its own PostgreSQL, which otherwise comes later; ms. */
  masterStartMs: 5_000,
  /** How often a node looks whether its master answers; ms. */
  masterPingMs: 3_000,
  /** The master's own database: connecting, and one statement; ms. */
  masterConnectMs: 5_000,
  masterStatementMs: 8_000,
  /** How often the log of a master is looked at, and what was published looked for; ms. */
  masterAuditMs: 600_000,
  /** How often own devices tell each other the head of the log they saw, and how long one waits for the other; ms. */
  headCompareMs: 600_000,
  headExchangeMs: 10_000,
  /** A head that is older, or that no other device has seen since, is shown as unconfirmed; ms. */
  headFreshMs: 24 * 60 * 60_000,
  /** People whose newest records a reader remembers, so that older ones are noticed. */
  rememberedPeople: 1_000,
  /** The longest wait between two tries to publish a record; ms. */
  outboxRetryMs: 60_000,

  /** What a keeper holds for devices that are away: one mailbox, all of one person, and all there are. */
  mailboxBytes: 16 * 1024 * 1024,
  mailboxOwnerBytes: 128 * 1024 * 1024,
  mailboxAllBytes: 2 * 1024 * 1024 * 1024,
  /** How long it holds it, and how often it looks what is over; ms. */
  mailboxKeptMs: 30 * 24 * 3_600_000,
  mailboxExpireMs: 3_600_000,
  /** One frame of a mailbox stream: a sealed message, or a list, and what is around it. */
  mailboxFrameBytes: 80 * 1024,
  /** Items named in one frame. */
  mailboxListed: 1_000,
  mailboxStreamsPerPeer: 8,
  /** How long a keeper waits for the next frame, and a member for an answer; ms. */
  mailboxSilenceMs: 30_000,
  mailboxCallMs: 15_000,
  /** What one peer may ask of a keeper at once and each second; a deposit, which waits for the disk, counts ten times, as
   * what needs a signature does. */
  mailboxBurst: 2_000,
  mailboxPerSecond: 400,
  /** Peers whose questions are counted at once; refusals after which a stream is cut. */
  mailboxPeers: 10_000,
  mailboxRefusals: 32,
  /** How long leave to deposit is good; ms. */
  mailboxTokenMs: 24 * 3_600_000,
  /** After a commit, what others lack is left for them so soon; and it is looked what others left, so often; ms. */
  mailboxSoonMs: 1_000,
  mailboxEveryMs: 60_000,
  /** What was left and is not acknowledged is looked for in the mailbox after this time, and left again; ms. */
  mailboxAgainMs: 24 * 3_600_000,
  /** A stop waits so long for what was written last to be left; ms. */
  mailboxStopMs: 3_000,
  /** Documents of devices left in one item; bytes. */
  mailboxMembersBytes: 48 * 1024,

  /** Nodes of one person that are remembered, and addresses of each. */
  contactNodes: 4,
  contactAddresses: 4,
  /** Invites of one user on one device; how long one is good, by default and at most, and kept to be looked at; ms. */
  contactInvites: 50,
  contactInviteMs: 7 * 24 * 3_600_000,
  contactInviteMaxMs: 30 * 24 * 3_600_000,
  contactInviteKeptMs: 7 * 24 * 3_600_000,
  /** Characters of an invite with the line breaks somebody put into it. */
  contactInviteCharacters: 4_000,
  /** Strangers' requests kept in a day, by default and at most, and those that wait: each is an operation for good. */
  contactRequestsPerDayDefault: 10,
  contactRequestsPerDay: 200,
  contactRequests: 200,
  /** Streams of strangers and contacts that are looked at in a minute: from one peer, from all, and for one user. */
  contactStreamsPerPeer: 120,
  contactStreams: 1_200,
  contactStreamsPerUser: 120,
  /** Peers of which streams are open at once, and one frame: two documents of 16 KiB and what is around them. */
  contactStreamsOpen: 4,
  contactFrameBytes: 40 * 1024,
  /** The whole exchange of two people's nodes; ms. */
  contactExchangeMs: 15_000,
  /** After this time whoever asks is answered, whatever became of it, so that the answer says nothing; ms. */
  contactAnswerMs: 1_000,
  /** The master is asked about a stranger's devices so long; ms. */
  contactLookUpMs: 2_000,
  /** What a contact says of itself is written down so often at once, and once in this time in the long run; ms. */
  contactUpdates: 20,
  contactUpdateMs: 600_000,
  /** Contacts that are told where this person is, and how long it takes until they are told again; ms. */
  contactsTold: 64,
  contactTellMs: 3_600_000,
  /** Between two tries to tell one contact, the first and the longest; ms. */
  contactRetryMs: 1_000,
  contactRetryMaxMs: 600_000,
  /** Statements that are kept of one root key: its successor, and one more as proof that it named two. */
  successorsKept: 2,
  /** Successors of successors. Whoever changes their root key more often is made a contact anew. */
  successorChain: 8,
  /** Rows of a vault that are carried over in one transaction: at most 8 MiB of messages. */
  carriedRows: 128,
  /** Statements that one side shows the other, and the length of one; bytes. */
  successionsShown: 10,
  successionBytes: 512,
  /** Between two questions to the master whether somebody's root key has a successor; ms. */
  successionLookUpMs: 200,
  /** Peers a user may be connected to by hand, and dials of theirs at once and in a minute. */
  peersByHand: 32,
  peerDials: 20,
  peerDialsPerMinute: 20,
} as const
