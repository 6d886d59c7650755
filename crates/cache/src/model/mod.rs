//! Every interleaving of a small shop, judged by the rules that are shipped.
//!
//! Two writers whose transactions show item by item, an origin (index, table, memory) and an edge
//! before it that both follow the log, two readers, and what a scenario adds: a clock, lost logs, a
//! failing origin, a restored store, a compacted log. Each decision is a call of the code that the
//! tiers run; only what carries it out is played here. A mutant leaves one numbered rule out, and
//! has to be caught.

mod explore;
mod rules;
mod scenario;
mod state;
mod steps;
mod truth;

use explore::{Ended, explore};
use rules::Mutant;
use scenario::Scenario;

#[test]
fn no_interleaving_shows_what_the_rule_forbids() {
    let mut states = 0;

    for scenario in Scenario::all() {
        match explore(&scenario, None) {
            Ended::Sound { states: found } => {
                println!("{:10} {found:8} states", scenario.name);
                states += found;
            }
            Ended::Broken { why, trace } => {
                panic!("{}: {why}\n{}", scenario.name, trace.join("\n"));
            }
        }
    }
    println!("{:10} {states:8} states", "all");
}

#[test]
fn each_rule_that_is_left_out_is_missed() {
    for mutant in Mutant::ALL {
        let Some(name) = mutant.caught_in() else { continue };
        let scenario = Scenario::all().into_iter().find(|scenario| scenario.name == name);
        let scenario = scenario.expect("a scenario of that name");

        match explore(&scenario, Some(mutant)) {
            Ended::Broken { why, trace } => {
                println!("{mutant:?}: caught in {name} after {} steps: {why}", trace.len());
            }
            Ended::Sound { states } => panic!("{mutant:?} survived {states} states of {name}"),
        }
    }
}

#[test]
fn a_rule_that_another_one_covers_is_not_missed() {
    for mutant in Mutant::ALL.into_iter().filter(|mutant| mutant.caught_in().is_none()) {
        for scenario in Scenario::all() {
            match explore(&scenario, Some(mutant)) {
                Ended::Sound { .. } => {}
                Ended::Broken { why, trace } => {
                    panic!("{mutant:?} in {}: {why}\n{}", scenario.name, trace.join("\n"));
                }
            }
        }
    }
}
