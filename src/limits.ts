/**
 * Every limit of the package: a name, a number, why that number, and where it comes from.
 * Sizes are octets, times milliseconds, unless the name says otherwise.
 */

/** Streams assumed to be allowed before the peer's SETTINGS arrive. RFC 9113 section 6.5.2 asks for at least 100; Go, .NET and Bun assume the same. */
export const STREAMS_BEFORE_SETTINGS = 100

/** Our receive window for one stream. Large enough for 1 Gbit/s at 32 ms; also what one paused response may hold in memory. Go uses 4 MiB. */
export const STREAM_WINDOW = 4 * 1024 * 1024

/** What a stream's window may grow to when its speed is limited by it: .NET's and grpc-go's cap. 1.3 Gbit/s at 100 ms. */
export const MAX_STREAM_WINDOW = 16 * 1024 * 1024

/** Our receive window for the connection: many streams at once must not share a thin pipe. node:http2 moved to the same figure. */
export const CONNECTION_WINDOW = 32 * 1024 * 1024

/** SETTINGS_MAX_FRAME_SIZE that we announce: RFC 9113's initial value. DATA is handed on piecewise, so larger frames would gain nothing. */
export const MAX_FRAME_SIZE = 16_384

/** Decoded size of one header section (name + value + 32 for each field, RFC 9113 section 6.5.2). hyper's hpack and nghttp2 use 64 KiB. */
export const MAX_HEADER_LIST_SIZE = 65_536

/** Fields in one header section. Small fields cost more memory than their octets say (CVE-2026-49975). */
export const MAX_HEADER_FIELDS = 256

/** CONTINUATION frames in one header block: as many frames of 16 KiB as make `MAX_HEADER_BLOCK`; nghttp2 allows 8 (VU#421644). */
export const MAX_CONTINUATIONS = 64

/** HPACK table that we let the peer fill, and the most we use of the peer's however much it offers (RFC 7541 section 4.2). */
export const HEADER_TABLE_SIZE = 4096

/** Octets of the informational responses to one request, in all: as much as one header section may have. */
export const MAX_INFORMATIONAL_OCTETS = 65_536

/**
 * Octets of a response that is dropped because another request follows it (a redirect, a challenge): read, so that an HTTP/1.1
 * connection can be used again. A longer one costs more than a new connection does.
 */
export const MAX_DROPPED = 65_536

/** Informational responses to one request over HTTP/1.1, beside their octets. */
export const MAX_INFORMATIONAL = 2000

/** Entries in one SETTINGS frame: nghttp2's limit (CVE-2020-11080). */
export const MAX_SETTINGS_ENTRIES = 32

/** Control replies (acknowledgements, resets) waiting to be written before the peer counts as flooding: nghttp2's and Envoy's limit (CVE-2019-9512, 9514, 9515). */
export const MAX_QUEUED_REPLIES = 1000

/** DATA frames that carry nothing and end nothing (CVE-2019-9518), at once and each second: some servers send them as a heartbeat. */
export const EMPTY_DATA_BURST = 1000
export const EMPTY_DATA_PER_SECOND = 100

/** GOAWAY frames on one connection: a graceful end takes two. */
export const GOAWAYS_BURST = 100
export const GOAWAYS_PER_SECOND = 1

/** Answers to PING: no more come than we ask, so what exceeds this was never asked for. */
export const PONGS_BURST = 1000
export const PONGS_PER_SECOND = 100

/** Frames on streams that are closed, but for DATA, which our windows bound, and for updates that answer our own DATA. */
export const LATE_FRAMES_BURST = 10_000
export const LATE_FRAMES_PER_SECOND = 1000

/** Pushes that we refuse without looking at them. */
export const REFUSED_PUSHES_BURST = 1000
export const REFUSED_PUSHES_PER_SECOND = 100

/** Octets of informational responses on one connection, at once and each second: a server that says 102 each second for an hour may. */
export const INFORMATIONAL_OCTETS_BURST = 262_144
export const INFORMATIONAL_OCTETS_PER_SECOND = 16_384

/** Octets of a header block that is read although its section is too large, so that its stream alone is ended for it. */
export const MAX_HEADER_BLOCK = 1_048_576

/** Streams reset by us whose late frames are still let pass. Enough for a burst of cancellations, small enough to bound memory. */
export const MAX_REMEMBERED_RESETS = 1024

/** Octets of a request body queued in one stream before its source must wait. Four full frames keep the connection busy between wake-ups. */
export const SEND_HIGH_WATER = 65_536

/** A stream's queue below this asks its source for more. */
export const SEND_LOW_WATER = 32_768

/** Octets framed for one write to the socket. Larger batches gain nothing and delay control frames. */
export const WRITE_BUDGET = 262_144

/** DATA is framed in turns of at most this, so that streams share the connection (grpc-go uses the same). */
export const SEND_QUANTUM = 16_384

/** Payloads up to this are copied beside their frame header; larger ones are chained uncopied. */
export const COPY_THRESHOLD = 1024

/** Milliseconds to make a connection: lookup, TCP, TLS. undici's and OkHttp's figure. */
export const CONNECT_TIMEOUT = 10_000

/** Milliseconds to wait for response headers. undici's figure: long polls are legitimate. */
export const HEADERS_TIMEOUT = 300_000

/** Milliseconds between two parts of a response body. undici's figure. */
export const BODY_TIMEOUT = 300_000

/** Milliseconds an idle connection is kept. Between Go's 90 s and Java's 30 s; most servers keep theirs for 60-75 s. */
export const IDLE_TIMEOUT = 30_000

/** Milliseconds that a graceful close waits for the peer after the last stream before the socket is destroyed. */
export const CLOSE_TIMEOUT = 1000

/**
 * Milliseconds without DATA or HEADERS that a peer has to close the connection after a GOAWAY for a fault (RFC 9113 section
 * 5.4.1 has it close at once); then it is closed from here. Short, for what was sent before the GOAWAY has come before it, and a
 * request may meet such a server as often as it is sent again.
 */
export const FAULT_PATIENCE = 1500

/** Connections to one HTTP/1.1 origin. Browsers use 6; undici has no limit; a server-side client wants more than a browser. */
export const H1_CONNECTIONS = 64

/** How often one exchange is sent again by itself after the peer is known not to have processed it (reqwest: 2, Go: 6). */
export const MAX_REPLAYS = 3

/**
 * How often a request is sent again after its connection ended without a GOAWAY that says NO_ERROR. A request that crashes
 * servers must not crash many. The last time no other such request is sent beside it, so that one which ends connections
 * does not end others with it.
 */
export const MAX_LOST_REPLAYS = 2

/**
 * Milliseconds for which a request under which two connections ended is alone without an answer; then the next such one may go. Much
 * longer than the request that ends connections needs to do so, and short beside the wait of those behind a long poll.
 */
export const QUARANTINE = 1000

/** Octets of a streamed request body kept for sending it again; a body of which more was read is sent once. */
export const MAX_REPLAY_OCTETS = 65_536

/** Distinct origins whose spelling is remembered for quick look-up. */
export const MAX_ORIGIN_ALIASES = 4096

/** Streams a peer may have open with us at once: RFC 9113 section 6.5.2 asks for at least 100. */
export const MAX_CONCURRENT_STREAMS = 100

/** Streams reset because of the peer's mistakes: at once, and for each second (CVE-2025-8671). Honest peers make none. */
export const PEER_FAULTS_BURST = 100
export const PEER_FAULTS_PER_SECOND = 10

/** Streams reset by a client, at once and for each second (CVE-2023-44487): nghttp2's figures. */
export const RESETS_BURST = 1000
export const RESETS_PER_SECOND = 33

/** SETTINGS frames of a peer, at once and for each second (CVE-2019-9515). Servers change theirs a few times in a life. */
export const SETTINGS_BURST = 100
export const SETTINGS_PER_SECOND = 10

/** PING frames of a peer, at once and for each second (CVE-2019-9512). gRPC sends one a response at the most. */
export const PINGS_BURST = 10_000
export const PINGS_PER_SECOND = 1000

/** PRIORITY and PRIORITY_UPDATE frames, at once and for each second (CVE-2019-9513). */
export const PRIORITIES_BURST = 1000
export const PRIORITIES_PER_SECOND = 100

/** WINDOW_UPDATE frames of fewer than this many octets are of use to nobody but an attacker (CVE-2019-9511): rationed. */
export const SMALL_WINDOW_UPDATE = 64
export const SMALL_WINDOW_UPDATES_BURST = 10_000
export const SMALL_WINDOW_UPDATES_PER_SECOND = 1000

/**
 * DATA frames that carry less than this, neither begin nor end a body, and so cost more than they bring (CVE-2019-9511):
 * rationed. Event streams send such frames, but no honest one as many.
 */
export const SMALL_DATA = 64
export const SMALL_DATA_BURST = 200_000
export const SMALL_DATA_PER_SECOND = 100_000

/** PRIORITY_UPDATE for streams that are not open yet: remembered for so many (RFC 9218 section 7.1). */
export const MAX_EARLY_PRIORITIES = 100

/** Streams in a tree of RFC 7540 priorities, placeholders counted (CVE-2016-6580): the figure of Python's priority library. */
export const MAX_PRIORITY_STREAMS = 1000

/** Octets of one WebSocket frame's payload. As much as a message: who sends a message in one frame may. */
export const WEBSOCKET_MAX_FRAME_SIZE = 16 * 1024 * 1024

/** Octets of one WebSocket message, before and after inflating (RFC 6455 section 10.4). gorilla and ws leave it at none or 100 MiB; a server cannot afford that for each connection. */
export const WEBSOCKET_MAX_MESSAGE_SIZE = 16 * 1024 * 1024

/** Octets of a WebSocket handshake's head, either way: what node:http allows. */
export const WEBSOCKET_MAX_HANDSHAKE_SIZE = 16_384

/** Times that a compressed message may end its DEFLATE stream and begin another (RFC 7692 section 7.2.3.4): each costs an engine. Honest peers do it once. */
export const WEBSOCKET_MAX_FINAL_BLOCKS = 16

/** Octets below which a message that may be compressed is not: nothing would be won. */
export const WEBSOCKET_DEFLATE_THRESHOLD = 64

/** Milliseconds that a peer may take nothing of what waits to be sent: nginx gives its clients as long. Only Go has such a limit. */
export const WRITE_TIMEOUT = 60_000

/** Milliseconds to wait for a connection with room: as long as for response headers, for what is ahead in line waits for those. */
export const QUEUE_TIMEOUT = 300_000

/** Milliseconds within which a PING must be answered. OkHttp allows 1000; a satellite needs 600. */
export const PING_TIMEOUT = 2000

/** The same when much of ours is on its way ahead of the PING: Go's figure. */
export const LOADED_PING_TIMEOUT = 15_000

/** Milliseconds of silence after which a connection must show that it lives before it is used again: OkHttp's figure. */
export const VERIFY_AFTER = 10_000

/** Milliseconds of silence after which a stream's timeout or abort makes us ask whether the peer is there at all. */
export const PROBE_AFTER = 1000

/** Milliseconds and octets received between two measurements of the round trip: .NET measures every 2 s. */
export const RTT_INTERVAL = 2000
export const RTT_OCTETS = 1024 * 1024

/** Milliseconds that a connection takes new requests: afterwards names are looked up anew and load balancers have their say. Envoy's figure. */
export const MAX_AGE = 3_600_000

/** Milliseconds that an origin is remembered to speak only HTTP/1.1. */
export const PROTOCOL_MEMORY = 600_000

/** Origins whose protocol is remembered. */
export const MAX_REMEMBERED_PROTOCOLS = 4096

/** Milliseconds before the second replay of an exchange, doubled for each after it, and the most it can become. The first goes at once. Go waits 1 s, 2 s, 4 s. */
export const BACKOFF = 100
export const MAX_BACKOFF = 2000

/** Replays for each request sent (reqwest's 20 %), and those that may come at once: a whole connection's streams. */
export const RETRY_RATIO = 0.2
export const RETRY_BURST = 500

/** Other hosts that one coalesced connection may serve: certificates name up to 100. */
export const MAX_COALESCED = 100

/** Milliseconds that an answer of the system's resolver is kept: it tells no lifetime, so long enough for a burst of dials, short enough to follow a failover. */
export const DNS_CACHE_TIME = 10_000

/** Names whose addresses are remembered at once; the oldest goes first. */
export const MAX_DNS_NAMES = 1024

/** Milliseconds before the next address is tried beside the one under way: RFC 8305 section 8 recommends 250. */
export const CONNECTION_ATTEMPT_DELAY = 250

/** Peers whose TLS sessions are remembered at once; the least recently used goes first. A session is a few KiB. */
export const MAX_TLS_SESSION_PEERS = 256

/** TLS 1.3 tickets kept for one peer. Each is good for one connection; servers send two at a time. */
export const MAX_TLS_TICKETS = 4

/** Octets of the heads with which a proxy answers CONNECT: what node:http allows. */
export const MAX_PROXY_HEAD = 16_384

/** Shared proxies remembered at once, those in use not counted. */
export const MAX_REMEMBERED_PROXIES = 256

/** Octets of the head of an HTTP/1.1 answer that we read ourselves: what node:http allows. */
export const MAX_HTTP1_HEAD = 16_384

/** Connections that a server may leave right after their upgrade to h2c before it is spoken to by HTTP/1.1. */
export const MAX_UPGRADES_LOST = 3

/** Streams that we cancel on one connection, at once and for each second, before we go on on another: below the strictest common limit (netty: 200 in 30 s; nghttp2: 1000, then 33 a second). */
export const OWN_RESETS_BURST = 180
export const OWN_RESETS_PER_SECOND = 6

/** Origins that one connection may say it speaks for (RFC 8336): certificates name some hundreds at the most. */
export const MAX_ORIGINS = 1000

/** Streams opened before SETTINGS on a connection to a server that allowed more, or said no limit, on the last. */
export const MAX_STREAMS_BEFORE_SETTINGS = 1000

/** Octets framed for a write that follows one that filled the socket: progress on a slow link is seen by writes that end. */
export const BLOCKED_WRITE_BUDGET = 65_536

/** Milliseconds that a timer may be late; then the event loop was blocked, and what it would end gets a chance to be heard, a dial as much time again. */
export const LATE_TIMER = 50

/** Milliseconds that a timer of Node's can count: one that is given more fires at once. 25 days. */
export const LONGEST_TIMER = 0x7fffffff

/** Octets of a response kept for a reader who has not asked (`HTTPConnection`); then the peer has to wait. */
export const RESPONSE_BUFFER = 262_144

/** Pushes of one connection that no `HTTPConnection.getPushes` has taken yet; further ones are cancelled. */
export const MAX_UNCLAIMED_PUSHES = 100

/**
 * How many times longer than its coded form a body may become before it is taken for a bomb. deflate cannot exceed 1032
 * (a match of 258 octets takes two bits), so that whatever one deflate or gzip can make passes.
 */
export const MAX_DECODING_RATIO = 1100

/** Octets of a decoded body before its ratio is looked at: short ones may well compress to almost nothing, and are no danger. */
export const DECODING_RATIO_FLOOR = 1024 * 1024

/**
 * The same where a library of people's own code is served, whose own transport has no such limit: br and zstd may make a
 * thousandth of an honest body, which must pass; what grows beyond this out of almost nothing is a bomb.
 */
export const LENIENT_DECODING_RATIO_FLOOR = 64 * 1024 * 1024

/**
 * Milliseconds that a look at all deadlines is put off for each exchange that has one, so that looking costs the same share of
 * the time however many there are: at 10,000 exchanges a deadline may be 100 ms late.
 */
export const DEADLINE_GRAIN = 0.01

/** Octets of a body written to an HTTP/1.1 connection at once: a peer that takes it slowly is seen to take it. */
export const HTTP1_SLICE = 262_144

/** Milliseconds by which an HTTP/1.1 connection is left before the server's `Keep-Alive: timeout` says (undici: 2 s, Go: none). */
export const KEEP_ALIVE_MARGIN = 1000

/** Octets of an HTTP/1.1 request line or status line. RFC 9112 section 3 asks for at least 8000; nginx takes 8 KiB. Longer targets are answered with 414. */
export const MAX_START_LINE = 8192

/** Octets of an HTTP/1.1 trailer section: as many as a head may have. */
export const MAX_TRAILERS = 16_384

/** Octets of the chunk extensions of one message, in all: Node's figure (CVE-2024-22019). Nobody sends any. */
export const MAX_CHUNK_EXTENSIONS = 16_384

/** Digits of a chunk's size. 14 say all that can be counted; who sends more zeros before them has no honest reason. */
export const MAX_CHUNK_SIZE_DIGITS = 16

/** Empty lines before a request: RFC 9112 section 2.2 asks for one, which old clients send behind a body. */
export const MAX_EMPTY_LINES = 4

/** Spellings of field names that HTTP/1.1 remembers; when they are so many, all are forgotten. */
export const MAX_REMEMBERED_NAMES = 1024

/** Characters of a field name that is remembered: the longest registered one has 53. So names take 200 KiB at the most. */
export const LONGEST_REMEMBERED_NAME = 64

/** Whole HTTP/1.1 heads that are remembered, and the octets of the longest: as long as most, and 128 KiB in all. */
export const MAX_REMEMBERED_HEADS = 64
export const LONGEST_REMEMBERED_HEAD = 2048

/** Field lines that an HTTP/1.1 connection remembers of the peer's last heads, and the octets of the longest: 16 KiB at the most, 2 KiB as a rule. */
export const MAX_REMEMBERED_LINES = 64
export const LONGEST_REMEMBERED_LINE = 256

/** Streams in a row that a server refuses or resets without a fault of the request before the pool leaves the connection (OkHttp: 2). */
export const MAX_FAILED_STREAMS = 2

/** A connection without an answer to PING is closed after so many times `PING_TIMEOUT`: 15 s by default. */
export const GIVE_UP_FACTOR = 7.5

/**
 * Milliseconds that a lookup may take before the same name is asked for once more beside it, doubled for each after that, and how
 * often in all: one that hangs (a datagram lost, a resolver that is gone) must not be what every dial to the name waits for.
 */
export const LOOKUP_PATIENCE = 1000
export const MAX_LOOKUPS_BESIDE = 3

/** Of what is left of a dial's time, the part that a step may take which can still be tried in another way. */
export const REVISABLE_SHARE = 0.5

/** Of the time that a connection may take, the part that a request must have waited for its timeout to be the request's, too. */
export const OWN_CONNECT_SHARE = 0.9

/**
 * Milliseconds in which nothing that waits was given to a connection, before another connection is made than there would be by
 * default: what waits may be what the open ones wait for. Long enough for a busy server to finish something.
 */
export const STUCK_AFTER = 1000

/** Connections to one origin of which none was asked for, when it is stuck: four times those of HTTP/1.1. */
export const MAX_STUCK_CONNECTIONS = 256

/** Connections to one origin, when all of them carry nothing and take nothing: a server that is pausing is not asked for ever. */
export const MAX_PAUSED_CONNECTIONS = 4

/** An answer to PING may take so many times the measured round trip before the peer is in doubt. */
export const RTT_PATIENCE = 4

/**
 * Octets of a header section, and of a receive window, from which on a limit that somebody sets is no limit: 64 streams at
 * once with as much would fill a process. Asking for more warns.
 */
export const HUGE_HEADER_LIST = 16 * 1024 * 1024
export const HUGE_WINDOW = 256 * 1024 * 1024

/** The same of the fields of a header section. */
export const HUGE_HEADER_FIELDS = 100_000
