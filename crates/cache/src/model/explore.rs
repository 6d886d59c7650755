//! From the first state to every state that can be reached, the near ones first.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::rc::Rc;

use super::rules::{Mutant, Rules};
use super::scenario::Scenario;
use super::state::State;
use super::steps::successors;
use super::truth;

pub enum Ended {
    Sound { states: usize },
    Broken { why: String, trace: Vec<String> },
}

/// An exploration that gets this far was not thought through.
const STATES_MAX: usize = 5_000_000;

type Seen = HashMap<Rc<State>, Option<(Rc<State>, &'static str)>, BuildHasherDefault<Quick>>;

pub fn explore(scenario: &Scenario, mutant: Option<Mutant>) -> Ended {
    let rules = Rules::new(mutant);
    let first = Rc::new(State::first(scenario));
    let mut seen = Seen::default();
    let mut next = VecDeque::from([Rc::clone(&first)]);
    seen.insert(first, None);

    while let Some(state) = next.pop_front() {
        if let Err(why) = truth::check(&state, &rules) {
            return Ended::Broken { why, trace: trace(&seen, &state, "") };
        }
        for (step, outcome) in successors(&state, scenario, &rules) {
            let after = match outcome {
                Ok(after) => Rc::new(after),
                Err(why) => return Ended::Broken { why, trace: trace(&seen, &state, step) },
            };
            if !seen.contains_key(&after) {
                seen.insert(Rc::clone(&after), Some((Rc::clone(&state), step)));
                next.push_back(after);
            }
        }
        assert!(seen.len() < STATES_MAX, "{}: too many states", scenario.name);
    }
    Ended::Sound { states: seen.len() }
}

fn trace(seen: &Seen, state: &Rc<State>, last: &str) -> Vec<String> {
    let mut steps = vec![last.to_owned()];
    let mut at = Rc::clone(state);
    while let Some(Some((before, step))) = seen.get(&at) {
        steps.push((*step).to_owned());
        at = Rc::clone(before);
    }
    steps.retain(|step| !step.is_empty());
    steps.reverse();
    steps
}

/// States are many, and none is chosen to collide.
#[derive(Default)]
pub struct Quick(u64);

impl std::hash::Hasher for Quick {
    fn finish(&self) -> u64 {
        // The map takes its buckets from the low bits, where products have the least of all.
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64((*byte).into());
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(word.into());
    }

    fn write_u16(&mut self, word: u16) {
        self.write_u64(word.into());
    }

    fn write_isize(&mut self, word: isize) {
        self.write_u64(word as u64);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}
