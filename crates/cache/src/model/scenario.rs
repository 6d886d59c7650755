//! What may happen in one exploration. One that had everything would have too many states to meet.

#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub name: &'static str,
    /// Transactions show item by item; else at once.
    pub is_torn: bool,
    pub readers: usize,
    /// In one log.
    pub rows: u8,
    /// Two seconds pass, so often.
    pub ticks: u8,
    /// Quarters of an hour in which nothing runs.
    pub freezes: u8,
    /// The edge's log, the origin's log, the origin: each may go, and come back.
    pub outages: u8,
    pub restores: u8,
    /// A restore is not told to the log: the store is put back under the log's old name.
    pub is_unannounced: bool,
    /// The store does not give the log another name when a poll shows that it was put back: each
    /// follower has to notice by itself.
    pub keeps_name: bool,
    pub compactions: u8,
    /// Readers may bring a token of a write that was acknowledged.
    pub has_tokens: bool,
    /// The edge begins without the log, which is unavailable.
    pub is_blind: bool,
}

const NOTHING: Scenario = Scenario {
    name: "",
    is_torn: false,
    readers: 1,
    rows: 2,
    ticks: 0,
    freezes: 0,
    outages: 0,
    restores: 0,
    is_unannounced: false,
    keeps_name: false,
    compactions: 0,
    has_tokens: false,
    is_blind: false,
};

const PUT_BACK: Scenario =
    Scenario { restores: 1, is_unannounced: true, freezes: 1, rows: 1, ..NOTHING };

impl Scenario {
    pub const fn all() -> [Self; 10] {
        [
            Self { name: "tokens", has_tokens: true, is_torn: true, ..NOTHING },
            Self { name: "failing", outages: 1, readers: 2, rows: 1, ..NOTHING },
            Self { name: "blind", is_blind: true, readers: 2, ..NOTHING },
            Self { name: "slow", ticks: 3, rows: 1, ..NOTHING },
            Self { name: "late", freezes: 1, outages: 1, ..NOTHING },
            Self { name: "restored", restores: 1, freezes: 1, rows: 1, ..NOTHING },
            Self { name: "put back", ..PUT_BACK },
            Self { name: "kept name", keeps_name: true, ..PUT_BACK },
            Self { name: "compacted", compactions: 1, ..NOTHING },
            Self { name: "torn", is_torn: true, readers: 2, ..NOTHING },
        ]
    }
}
