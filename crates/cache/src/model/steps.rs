//! What can happen next, one atomic step each.

use edge_core::decision::Reception;

use super::rules::{Mutant, Rules, Use};
use super::scenario::Scenario;
use super::state::{
    Answer, Ask, Data, EdgeEntry, Fill, Index, Origin, Pending, Polling, Reader, State, Store,
    Table, WRITERS, Write,
};
use super::state::{log_of, small, writer_of};
use super::truth::{self, Broken};
use crate::changes::Changes;

const TICK: u16 = 2;
/// Into the stale window of a list, which is fresh for 900 s.
const FREEZE: u16 = 910;
/// Reads of the source for one fill, as many as in the shipped loop.
const READS_MAX: u8 = 3;

type Step = (&'static str, Result<State, Broken>);

pub fn successors(state: &State, scenario: &Scenario, rules: &Rules) -> Vec<Step> {
    let mut steps = Vec::with_capacity(12);

    for writer in WRITERS {
        write(state, scenario, writer, &mut steps);
        push(state, rules, writer, &mut steps);
    }
    polls(state, rules, &mut steps);
    happenings(state, scenario, &mut steps);
    for reader in 0..scenario.readers {
        read(state, scenario, rules, reader, &mut steps);
    }
    steps
}

fn changed(state: &State, change: impl FnOnce(&mut State)) -> Result<State, Broken> {
    let mut next = state.clone();
    change(&mut next);
    Ok(next)
}

fn write(state: &State, scenario: &Scenario, writer: usize, steps: &mut Vec<Step>) {
    let now = state.now;
    let write = state.store.writes[writer];
    let mut put = |step, write: Write| {
        let acked_at = (write.row_shows && write.item_shows).then_some(now);
        let write = Write { acked_at, ..write };
        steps.push((step, changed(state, |next| next.store.writes[writer] = write)));
    };

    if write.seq == 0 {
        if state.store.begun() == scenario.rows {
            return;
        }
        let shows = !scenario.is_torn;
        let seq = state.store.begun() + 1;
        let write = Write { seq, row_shows: shows, item_shows: shows, acked_at: None };
        put(["the first commits", "the second commits"][writer], write);
        return;
    }
    if !write.row_shows {
        put(
            ["the first's row shows", "the second's row shows"][writer],
            Write { row_shows: true, ..write },
        );
    }
    if !write.item_shows {
        put(
            ["the first's item shows", "the second's item shows"][writer],
            Write { item_shows: true, ..write },
        );
    }
}

/// A push is a kick, and a kick is a poll, which may come at any time anyhow, or never. Only where it
/// is believed it is a step of its own.
fn push(state: &State, rules: &Rules, writer: usize, steps: &mut Vec<Step>) {
    let write = state.store.writes[writer];
    if !rules.lacks(Mutant::PushIsBelieved) || write.acked_at.is_none() {
        return;
    }
    let is_same_log = state.edge.table.stamp().is_some_and(|(log, _)| log == state.store.log);

    if is_same_log && let Some(table) = rules.pushed(&state.edge.table, write.seq) {
        steps.push(("a position is pushed", changed(state, |next| next.edge.table = table)));
    }
}

fn polls(state: &State, rules: &Rules, steps: &mut Vec<Step>) {
    if state.edge.has_log {
        steps.push(("the edge polls", changed(state, |next| edge_polls(next, rules))));
    }
    if state.origin.pending.is_some() {
        steps.push(("the origin's table moves", changed(state, publish)));
    } else if state.origin.has_log {
        steps.push(("the origin's index moves", changed(state, |next| index_polls(next, rules))));
    }
}

/// A whole round: the edge has nothing between the log and its table.
fn edge_polls(state: &mut State, rules: &Rules) {
    // Start again at most once, then read on from there.
    for page in 0..3 {
        let table = state.edge.table.clone();
        let seen = state.edge.seen.take();
        let changes = rules.page(state, &table, seen);
        let was_ahead =
            state.edge.polling.next(&table, &changes, page == 0 && state.store.is_put_back);
        if table.stamp().is_none() {
            // What was kept before the first start is judged by it; else it is of another log.
            state.edge.kept = state.edge.kept.filter(|_| table.snapshot.era() == 0);
            state.edge.table = rules.begun(&table, small(changes.head), &changes);
            continue;
        }
        if !rules.can_follow(&table, &changes, was_ahead) {
            state.edge.polling.was_ahead = false;
            state.edge.table = Table::cold(table.snapshot.era());
            state.edge.complete_at = None;
            continue;
        }
        if let Some(taken) = rules.taken(&table, &changes) {
            state.edge.table = rules.moved(&table, &taken.rows, &changes);
            if taken.is_complete {
                state.edge.complete_at = Some(state.now);
            }
        }
        return;
    }
}

/// The first half of the origin's round: the index takes the rows, the table comes after it.
fn index_polls(state: &mut State, rules: &Rules) {
    let table = state.origin.table.clone();
    let changes = rules.page(state, &table, None);
    let was_ahead = state.origin.polling.next(&table, &changes, state.store.is_put_back);
    let store = state.store;
    let second = store.version(1);

    if table.stamp().is_none() {
        let held = store.settled().max(store.floor);
        let log = log_of(&changes.head_stamp());
        state.origin.index = Index { restore: store.restore, log, position: held, second };
        let next = rules.begun(&table, held, &changes);
        state.origin.pending = Some(Pending { next, complete_at: None });
        return;
    }
    if !rules.can_follow(&table, &changes, was_ahead) {
        state.origin.polling.was_ahead = false;
        state.origin.table = Table::cold(table.snapshot.era());
        state.origin.complete_at = None;
        return;
    }
    let Some(taken) = rules.taken(&table, &changes) else { return };
    if !rules.is_seen(state, &taken.rows) {
        return;
    }
    let is_named = taken.rows.iter().any(|row| writer_of(row) == Some(1));
    let next = rules.moved(&table, &taken.rows, &changes);
    if let Some((_, position)) = next.stamp() {
        let index = &mut state.origin.index;
        index.position = position;
        index.second = if is_named { second } else { index.second };
    }
    let complete_at = taken.is_complete.then_some(state.now);
    state.origin.pending = Some(Pending { next, complete_at });
}

impl Polling {
    /// Takes note of a page; answers whether the page before it ended before the position as well.
    fn next(&mut self, table: &Table, changes: &Changes, counts: bool) -> bool {
        self.since_put_back = (self.since_put_back + u8::from(counts)).min(2);

        std::mem::replace(&mut self.was_ahead, table.snapshot.is_ahead_of(changes))
    }
}

fn publish(state: &mut State) {
    if let Some(Pending { next, complete_at }) = state.origin.pending.take() {
        state.origin.table = next;
        state.origin.complete_at = complete_at.or(state.origin.complete_at);
    }
}

fn happenings(state: &State, scenario: &Scenario, steps: &mut Vec<Step>) {
    let left = state.left;
    let mut happen = |step, change: &dyn Fn(&mut State)| {
        steps.push((step, changed(state, change)));
    };

    if left.ticks > 0 {
        happen("two seconds pass", &|next| {
            next.left.ticks -= 1;
            next.now += TICK;
        });
    }
    if left.freezes > 0 {
        happen("all stand still for a quarter of an hour", &|next| {
            next.left.freezes -= 1;
            next.now += FREEZE;
            if scenario.is_unannounced {
                cut_off(next);
            }
        });
    }
    if left.outages > 0 {
        happen("the edge loses the log", &|next| {
            next.left.outages -= 1;
            next.edge.has_log = false;
        });
        happen("the origin loses the log", &|next| {
            next.left.outages -= 1;
            next.origin.has_log = false;
        });
        happen("the origin goes down", &|next| {
            next.left.outages -= 1;
            next.origin.is_up = false;
        });
    }
    if !state.edge.has_log {
        happen("the edge finds the log", &|next| next.edge.has_log = true);
    }
    let is_quiet =
        state.store.writes.iter().all(|write| write.seq == 0 || write.acked_at.is_some());
    if left.restores > 0 && is_quiet && !scenario.is_unannounced {
        happen("the store is restored", &|next| {
            restore(next);
            next.store.log = 1;
            next.store.is_put_back = false;
        });
    }
    if left.restores > 0 && is_quiet && scenario.is_unannounced && truth::is_named(state) {
        if !scenario.keeps_name {
            happen("the store is put back", &put_back);
        }
        happen("the store is put back, and the origin starts anew", &|next| {
            put_back(next);
            next.origin = Origin { complete_at: Some(next.now), ..State::first(scenario).origin };
            next.origin.index.restore = 1;
        });
    }
    if left.compactions > 0 && is_quiet && state.store.begun() > 0 {
        happen("the log is compacted", &|next| {
            next.left.compactions -= 1;
            next.store.floor = next.store.begun();
        });
    }
}

fn restore(next: &mut State) {
    next.left.restores -= 1;
    next.store = Store {
        restore: 1,
        is_put_back: true,
        restored_at: next.now,
        past: next.store.writes.map(|write| write.seq),
        keeps_name: next.store.keeps_name,
        ..Store::default()
    };
}

/// Requests that are under way end: their connection is cut, or their deadline is over, long before
/// what stands still goes on.
fn cut_off(next: &mut State) {
    for reader in &mut next.readers {
        if matches!(reader, Reader::Asks(..) | Reader::Fills(..) | Reader::Holds(..)) {
            *reader = Reader::Done;
        }
    }
}

/// Under the log's old name. What was under way ends with the store that it was read from.
fn put_back(next: &mut State) {
    restore(next);
    cut_off(next);
    // An index that has nothing of what was undone is of this store as well.
    if next.origin.index.second == 1 {
        next.origin.index.restore = 1;
    }
}

fn read(state: &State, scenario: &Scenario, rules: &Rules, reader: usize, steps: &mut Vec<Step>) {
    match state.readers[reader].clone() {
        Reader::Idle => {
            steps.push(("a reader comes", comes(state, rules, reader, None)));
            let acked = WRITERS.map(|writer| state.store.writes[writer]);
            for write in acked.iter().filter(|write| write.acked_at.is_some()) {
                if scenario.has_tokens {
                    let token = Some((state.store.log, write.seq));
                    steps.push(("a writer comes", comes(state, rules, reader, token)));
                }
            }
        }
        Reader::Asks(ask) => {
            steps.push(("the origin is asked", asked(state, rules, reader, ask)));
        }
        Reader::Fills(ask, fill) => {
            steps.push(("a fill goes on", fills(state, rules, reader, ask, fill)));
        }
        Reader::Holds(ask, answer) => {
            steps.push(("the edge receives", receives(state, rules, reader, ask, &answer)));
        }
        Reader::Done => {}
    }
}

fn comes(
    state: &State,
    rules: &Rules,
    reader: usize,
    token: Option<(u8, u8)>,
) -> Result<State, Broken> {
    let mut next = state.clone();
    let reads_log = next.edge.has_log;
    if rules.wants_the_log_first(&next) && reads_log {
        edge_polls(&mut next, rules);
    }
    let mut at_least = None;
    if let Some((_, seq)) = token
        && !rules.lacks(Mutant::TokenIsIgnored)
    {
        let has_reached =
            |state: &State| state.edge.table.stamp().is_some_and(|(_, position)| position >= seq);
        if !has_reached(&next) && reads_log {
            edge_polls(&mut next, rules);
        }
        if !has_reached(&next) {
            at_least = Some(seq);
        }
    }

    let mut may_serve_stale = false;
    if let Some(kept) = next.edge.kept
        && at_least.is_none()
    {
        match rules.used(&next, &kept) {
            Use::Serves { is_blind } => {
                truth::served(&next, &kept, is_blind, token)?;
                next.readers[reader] = Reader::Done;
                return Ok(next);
            }
            Use::Asks { may_serve_stale: may } => may_serve_stale = may,
        }
    }
    let ask = Ask {
        min_seq: rules.least(&next, at_least),
        token,
        again: false,
        may_serve_stale,
        at: next.edge.table.stamp(),
        since: next.now,
    };
    next.readers[reader] = Reader::Asks(ask);
    Ok(next)
}

fn asked(state: &State, rules: &Rules, reader: usize, ask: Ask) -> Result<State, Broken> {
    let mut next = state.clone();
    if !next.origin.is_up {
        return failed(next, rules, reader, ask);
    }

    let mut min_seq = None;
    if !rules.lacks(Mutant::MinSeqIsIgnored) {
        min_seq = ask.min_seq;
    }
    let is_old = |state: &State| rules.is_old(rules.table_age(state.now, state.origin.complete_at));
    let is_below = |state: &State| {
        let position = state.origin.table.stamp().map(|(_, position)| position);
        min_seq.is_some_and(|least| position.is_none_or(|position| position < least))
    };
    // A round that is under way is waited for, then one is asked for.
    for _ in 0..3 {
        if !is_old(&next) && !is_below(&next) {
            break;
        }
        publish(&mut next);
        if next.origin.has_log && (is_old(&next) || is_below(&next)) {
            index_polls(&mut next, rules);
            publish(&mut next);
        }
    }
    let is_behind = is_below(&next);

    next.readers[reader] = match rules.found(&next, min_seq) {
        Some((mut cached, mark)) => {
            cached.mark = cached.mark.max(mark.bits());
            next.origin.cached = Some(cached);
            Reader::Holds(ask, rules.answer(&next, &cached, is_behind))
        }
        None => Reader::Fills(ask, begin_fill(&next, rules, is_behind, 1)),
    };
    Ok(next)
}

/// The kept entry may be served stale.
fn failed(mut next: State, rules: &Rules, reader: usize, ask: Ask) -> Result<State, Broken> {
    if let Some(kept) = next.edge.kept
        && ask.may_serve_stale
        && rules.may_still_serve_stale(&next, &kept)
    {
        truth::served_stale(&next, &kept)?;
    }
    next.readers[reader] = Reader::Done;
    Ok(next)
}

fn begin_fill(state: &State, rules: &Rules, is_behind: bool, reads: u8) -> Fill {
    let index = state.origin.index;

    Fill {
        is_behind,
        index,
        stamp: rules.stamp_of_fill(state, index),
        before: state.origin.table.clone(),
        first: None,
        reads,
        since: state.now,
    }
}

fn fills(
    state: &State,
    rules: &Rules,
    reader: usize,
    ask: Ask,
    fill: Fill,
) -> Result<State, Broken> {
    let mut next = state.clone();
    let Some(first) = fill.first else {
        // A store that is restored ends the reads that are under way.
        let is_cut_off = fill.index.restore != next.store.restore;
        let first = Some(next.store.version(0));
        next.readers[reader] =
            if is_cut_off { Reader::Done } else { Reader::Fills(ask, Fill { first, ..fill }) };
        return Ok(next);
    };

    let Fill { is_behind, index, stamp, before, reads, since, .. } = fill;
    let data = Data { restore: index.restore, versions: [first, index.second] };
    let stamp = rules.late_stamp(&next, index, stamp);
    let (since, is_too_old) = rules.read_since(&next, &before, since);
    if is_too_old {
        return failed(next, rules, reader, ask);
    }
    let (mut cached, admitted) = rules.filled(&next, &before, data, index.log, stamp, since);
    if let Some(mark) = admitted {
        let is_enough = ask.min_seq.is_none_or(|least| small(mark.seq()) >= least)
            || rules.lacks(Mutant::MinSeqIsIgnored);
        if is_enough {
            cached.mark = cached.mark.max(mark.bits());
            let stays = next.origin.cached.is_some_and(|old| rules.stays_at_origin(&old, mark));
            if !stays {
                next.origin.cached = Some(cached);
            }
        }
    } else if reads < READS_MAX && before.stamp().is_some() {
        next.readers[reader] = Reader::Fills(ask, begin_fill(&next, rules, is_behind, reads + 1));
        return Ok(next);
    }
    next.readers[reader] = Reader::Holds(ask, rules.answer(&next, &cached, is_behind));
    Ok(next)
}

fn receives(
    state: &State,
    rules: &Rules,
    reader: usize,
    ask: Ask,
    answer: &Answer,
) -> Result<State, Broken> {
    let mut next = state.clone();
    next.readers[reader] = Reader::Done;
    if let Some(seen) = &answer.seen
        && !next.edge.table.snapshot.has_taken(seen)
    {
        next.edge.seen = Some(seen.clone());
    }
    match rules.received(&next, &ask, answer) {
        Reception::Store => {
            truth::given(&next, &ask, answer, true)?;
            if let Some(old) = next.edge.kept {
                if rules.stays_at_edge(&next, &old, answer) {
                    return Ok(next);
                }
                if rules.verdict(&old, &next.edge.table.snapshot).is_valid() {
                    truth::replaced(&next, &old, answer)?;
                }
            }
            next.edge.kept = Some(EdgeEntry {
                data: answer.data,
                log: answer.log,
                seq: answer.seq,
                judged: next.edge.table.stamp().map(|(_, position)| position),
                since: ask.since,
            });
        }
        Reception::Pass(_) => truth::given(&next, &ask, answer, false)?,
        Reception::FetchAgain { min_seq } => {
            next.readers[reader] = Reader::Asks(Ask {
                min_seq: Some(small(min_seq)),
                again: true,
                at: next.edge.table.stamp(),
                since: next.now,
                ..ask
            });
        }
    }
    Ok(next)
}
