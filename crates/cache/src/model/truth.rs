//! What has to hold in every state, worked out from what was really committed.

use super::rules::{Rules, Use};
use domain::{RowId, TagTable};

use super::state::{Answer, Ask, Data, EdgeEntry, Polling, State, Store, Table, WRITERS};

/// The promise at the edge while the log is available, in seconds; it holds for the origin's memory too.
const BOUND: u16 = 4;
/// Without the log at both tiers each may use what it has for the clamp of a list, five minutes.
const BLIND_BOUND: u16 = 2 * 300 + 2 * BOUND;

pub type Broken = String;

/// What either tier would say if it were asked now.
pub fn check(state: &State, rules: &Rules) -> Result<(), Broken> {
    noticed(state, &state.edge.table, state.edge.polling, "the edge")?;
    noticed(state, &state.origin.table, state.origin.polling, "the origin")?;

    let origin = &state.origin;
    let table_age = rules.table_age(state.now, origin.complete_at);
    let is_blind = rules.is_old(table_age);
    if (!is_blind || !origin.has_log)
        && let Some((cached, _)) = rules.found(state, None)
    {
        shown(state, cached.data, origin.table.stamp(), is_blind, "the origin's memory")?;
    }

    let waits = rules.wants_the_log_first(state) && state.edge.has_log;
    if let Some(kept) = state.edge.kept
        && !waits
        && let Use::Serves { is_blind } = rules.used(state, &kept)
    {
        shown(state, kept.data, state.edge.table.stamp(), is_blind, "the edge")?;
    }
    Ok(())
}

/// After two polls no tier stands on a past that was undone.
fn noticed(state: &State, table: &Table, polling: Polling, tier: &str) -> Result<(), Broken> {
    let row = table.snapshot.table().and_then(TagTable::row);
    let is_of_the_past = row.is_some_and(|row| !state.store.holds(&row));

    if polling.since_put_back == 2 && is_of_the_past {
        return Err(format!("{tier} does not notice that the store was put back"));
    }
    Ok(())
}

fn shown(
    state: &State,
    data: Data,
    known: Option<(u8, u8)>,
    is_blind: bool,
    tier: &str,
) -> Result<(), Broken> {
    if let Some((log, position)) = known
        && state.store.lacks(data, log, position)
    {
        return Err(format!("{tier} at {log}.{position} shows {data:?} as valid"));
    }
    let bound = if is_blind { BLIND_BOUND } else { BOUND };
    if let Some(age) = state.store.overdue(data, state.now).filter(|age| *age > bound) {
        return Err(format!("{tier} shows {data:?}, {age} s after it was changed"));
    }
    Ok(())
}

/// What a reader is given after the origin was asked, by an edge that has just kept it or not.
pub fn given(state: &State, ask: &Ask, answer: &Answer, is_kept: bool) -> Result<(), Broken> {
    let lacks = |known: Option<(u8, u8)>| {
        known.is_some_and(|(log, position)| {
            log == answer.log && state.store.lacks(answer.data, log, position)
        })
    };
    if is_kept && lacks(state.edge.table.stamp()) {
        return Err(format!("the edge keeps {answer:?} as valid"));
    }
    // Between two logs nothing can be compared: what is shown then says so, and is forgotten.
    let is_of_another_log = state.edge.table.stamp().is_some_and(|(log, _)| log != answer.log);
    if lacks(ask.at) && !answer.is_behind && !is_of_another_log {
        return Err(format!("an edge that knew {:?} shows {answer:?}", ask.at));
    }
    let written = ask.token.filter(|(log, _)| *log == state.store.log);
    if lacks(written) && !answer.is_behind {
        return Err(format!("the writer of {written:?} is shown {answer:?}"));
    }
    Ok(())
}

/// What a reader is given at once.
pub fn served(
    state: &State,
    kept: &EdgeEntry,
    is_blind: bool,
    token: Option<(u8, u8)>,
) -> Result<(), Broken> {
    shown(state, kept.data, state.edge.table.stamp(), is_blind, "the edge")?;
    match token {
        Some((log, seq)) if log == kept.log && state.store.lacks(kept.data, log, seq) => {
            Err(format!("the writer of {token:?} is shown {kept:?}"))
        }
        _ => Ok(()),
    }
}

/// What stands in for an answer of a failing origin.
pub fn served_stale(state: &State, kept: &EdgeEntry) -> Result<(), Broken> {
    let Some((log, position)) = state.edge.table.stamp() else { return Ok(()) };
    if state.store.is_ambiguous(log) {
        return Ok(());
    }
    let hard = state.store.seqs(log)[1];
    let is_covered = (1..=position).contains(&hard) && kept.data.versions[1] < 2;

    if log != kept.data.restore || is_covered {
        return Err(format!("{kept:?} stands in at {log}.{position}"));
    }
    Ok(())
}

/// Nothing older takes the place of what may be served.
pub fn replaced(state: &State, old: &EdgeEntry, by: &Answer) -> Result<(), Broken> {
    if old.log == by.log && state.store.lacks(by.data, old.log, old.seq) {
        return Err(format!("{by:?} takes the place of {old:?}"));
    }
    Ok(())
}

/// Whether a tier that outlives a restore knows the row of each write that is in what is kept. What no
/// tier knows can be undone unnoticed, in the moment before the next poll.
pub fn is_named(state: &State) -> bool {
    let writes = state.store.writes;
    let newest = |data: &Data| {
        let seen = WRITERS.into_iter().filter(|writer| data.versions[*writer] == 2);
        seen.map(|writer| writes[writer].seq).max().unwrap_or_default()
    };
    let at = |table: &Table| table.stamp().map_or(0, |(_, position)| position);
    let shown = |seen: &Option<RowId>| seen.as_ref().map_or(0, |seen| seen.seq.0 as u8);
    // A row that an answer has named says something to the store alone.
    let named = if state.store.keeps_name { 0 } else { shown(&state.edge.seen) };
    let edge = at(&state.edge.table).max(named);
    let (kept, cached) = (state.edge.kept, state.origin.cached);

    kept.is_none_or(|kept| newest(&kept.data) <= edge)
        && cached.is_none_or(|cached| newest(&cached.data) <= at(&state.origin.table))
}

impl Store {
    pub fn seqs(&self, log: u8) -> [u8; 2] {
        if log == self.log { self.writes.map(|write| write.seq) } else { self.past }
    }

    /// Whether two stores have had a log of this name: places in it can't be compared then, and the
    /// bound alone is promised.
    const fn is_ambiguous(&self, log: u8) -> bool {
        self.is_put_back && log == 0
    }

    /// Whether a row of the log up to `position` is not in the data.
    pub fn lacks(&self, data: Data, log: u8, position: u8) -> bool {
        if self.is_ambiguous(log) {
            return false;
        }
        let seqs = self.seqs(log);
        let missing =
            |writer: usize| (1..=position).contains(&seqs[writer]) && data.versions[writer] < 2;

        data.restore != log || WRITERS.into_iter().any(missing)
    }

    /// How long ago the newest thing was acknowledged that is longest missing in the data.
    fn overdue(&self, data: Data, now: u16) -> Option<u16> {
        // A store that was put back to before its first write is as it was then.
        let is_undone = !self.is_put_back || data.versions.contains(&2);
        if data.restore != self.restore && is_undone {
            return Some(now - self.restored_at);
        }
        let missing = |writer: &usize| data.versions[*writer] < 2;
        let since = WRITERS.into_iter().filter(missing);

        since.filter_map(|writer| Some(now - self.writes[writer].acked_at?)).max()
    }
}
