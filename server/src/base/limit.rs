//! The limits and checks that refuse or delay clients, by their names in answers, in the log and in the metrics.

use serde_json::Value;
use topside_shared::wire_enum;

wire_enum! {
    /// Why a client is refused or delayed: a key of `[limits]` or of a command, or a failed check.
    pub(crate) enum Limit {
        Connects = "connects",
        ConnectsPerSource = "connects_per_source",
        /// The descriptors that the system grants the process.
        Descriptors = "descriptors",
        /// A handshake that failed for another reason than its key.
        Handshake = "handshake",
        HandshakeTimeout = "handshake_timeout",
        /// A key that is not accepted.
        Key = "key",
        /// `keep_bytes` of `[files]`.
        KeepBytes = "keep_bytes",
        /// A lock that another run holds.
        Lock = "lock",
        /// Runs that wait for approval, of all users.
        MaxApprovals = "max_approvals",
        MaxApprovalsPerUser = "max_approvals_per_user",
        MaxConcurrent = "max_concurrent",
        /// Pieces of one file that wait for the disk.
        MaxFileWrites = "max_file_writes",
        MaxHandshakes = "max_handshakes",
        MaxHandshakesPerSource = "max_handshakes_per_source",
        MaxQueued = "max_queued",
        MaxRuns = "max_runs",
        MaxRunsPerClient = "max_runs_per_client",
        MaxSessions = "max_sessions",
        MaxSessionsPerKey = "max_sessions_per_key",
        MaxUnreadInput = "max_unread_input",
        /// Files of one user or key that no run has used.
        MaxUploads = "max_uploads",
        MaxWaiting = "max_waiting",
        Penalty = "penalty",
        /// The queue of a command.
        Queue = "queue",
        /// The most runs of a command in a period.
        Rate = "rate",
        Requests = "requests",
        WriteTimeout = "write_timeout",
    }
}

impl From<Limit> for Value {
    fn from(limit: Limit) -> Self {
        limit.name().into()
    }
}
