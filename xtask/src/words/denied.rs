//! What is denied, and the term to use instead.

/// A name is found where an identifier in code equals it, case included: many of these are ordinary
/// words in a sentence. One that ends with a parenthesis is a function's, found where it is called or
/// defined. The third column limits it to files whose path begins so.
pub const NAMES: &[(&str, &str, &str)] = &[
    // Edge: cache and requests.
    ("Kept", "CacheEntry", ""),
    ("Shelf", "ResponseStore (edge) or CatalogSnapshot (search)", ""),
    ("Spelt", "RawKey", ""),
    ("spelt", "raw", ""),
    ("Landed", "FetchOutcome", ""),
    ("Arrival", "OriginResponse", ""),
    ("Flights", "SingleFlight", ""),
    ("Pilot", "Leader", ""),
    ("board(", "join", ""),
    ("land(", "complete", ""),
    ("stand_in", "serve_stale", ""),
    ("stands_in", "serves_stale", ""),
    ("Withdrawn", "HardInvalidated", ""),
    ("Unshared", "HitForMiss", ""),
    ("Patient", "IdleTimeout", ""),
    ("patient", "with_deadline", ""),
    ("Pulse", "ConnectionActivity", ""),
    ("Answering", "TrackedBody", ""),
    ("Lane", "FastPath", ""),
    ("at_once", "try_… (try_admit, try_fast_hit)", ""),
    ("Door", "FastPathService", ""),
    ("Reply", "RawResponse", ""),
    ("Vault", "DataCenterCache", ""),
    ("Parcel", "StoredEnvelope", ""),
    ("Label", "EntryHeader", "crates/edge"),
    ("Label", "EntryHeader", "edge/"),
    ("Asked", "RequestView", ""),
    ("Asker", "Requester", ""),
    ("Said", "ParsedHead", "crates/edge"),
    ("Seen", "HeadScan", "crates/edge"),
    // Ports and their users.
    ("Bell", "ChangeNotifier", ""),
    // `World` becomes `Clock` and `Entropy`, and is denied from then on.
    ("Heard", "RowDispatcher", ""),
    ("Rung", "NotifierAnnouncer", ""),
    ("Beside", "LocalAnnouncer", ""),
    ("tell(", "announce", ""),
    ("told(", "format_error", ""),
    // Store.
    ("Lost", "WriteConflict", "crates/store"),
    ("LostAction", "FailedCondition", ""),
    ("Meaning", "ConflictCause", ""),
    ("Try", "Attempt", "crates/store"),
    ("Plan", "WriteBatch", "crates/store"),
    ("What", "AuditRecord", "crates/store"),
    ("Link", "ChainedWrite", "crates/store"),
    ("Voice", "Announcement", ""),
    ("Ground", "PlanInput", ""),
    ("Slice", "BulkTransaction", ""),
    ("surroundings", "TagContext", ""),
    ("Surroundings", "TagContext", ""),
    ("marks", "store_metadata", "crates/store"),
    ("Marks", "StoreMetadata", "crates/store"),
    ("Turns", "SkuLocks", ""),
    ("house", "maintenance", ""),
    // Search.
    ("Batch", "SnapshotDelta", "crates/search"),
    ("Contents", "CatalogContents", "crates/search"),
    ("Liked", "Candidate", ""),
    ("likeness", "similarity", ""),
    ("picks", "merchandising", ""),
    // Embedded engine and limits.
    ("Turn", "WriteLock", "crates/embedded"),
    ("Held", "WriteGuard", "crates/embedded"),
    ("Room", "QueueBudget", "crates/embedded"),
    ("Gate", "RateLimit", ""),
    ("Gates", "RateLimits", ""),
    ("gates", "rate_limits", ""),
    ("Counting", "LimiterBackend", ""),
    ("DeniedUntil", "DenyCache", ""),
    ("CountHere", "CountLocally", ""),
    // Everywhere.
    ("Measures", "Metrics", ""),
    ("measures", "metrics", ""),
];

/// A phrase is found in sentences, whatever their case and wherever they are wrapped, and in
/// identifiers, whose parts are its words: `nobody_is_asked`, `ToBeHad`.
pub const PHRASES: &[(&str, &str)] = &[
    ("whoever", "the noun: the caller, the writer, a client that …"),
    ("whomever", "the noun"),
    ("nobody", "no caller, no process, not … by anyone"),
    ("somebody", "the noun: another process, an operator, a client"),
    ("to be had", "available"),
    ("as often as he", "up to n times; each time"),
    ("keeps house", "runs maintenance"),
    ("keep house", "run maintenance"),
    ("without a word", "without a result; silently"),
    ("was not believed", "was rejected"),
    ("says nothing", "is empty; has no information about …"),
    ("none of ours", "not a … of this program"),
    ("stands twice", "occurs twice; is used by another …"),
    ("waited out", "retried with backoff"),
    ("unshared", "hit-for-miss"),
    ("pilot", "leader"),
    ("vault", "data center cache"),
    ("parcel", "stored envelope"),
    // Users, callers and operators have no gender.
    ("he", "they, or the noun"),
    ("him", "them, or the noun"),
    ("his", "their, its, or the noun"),
    ("himself", "themselves, or the noun"),
    ("she", "they, or the noun"),
    ("her", "their, or the noun"),
];

/// Standard uses of a denied word: (path prefix, word, reason).
pub const ALLOWED: &[(&str, &str, &str)] = &[];
