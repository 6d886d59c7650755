//! What an edge promises, over real connections to an origin that plays a part.

mod cached;
mod clocks;
mod conformance;
mod failures;
mod followed;
mod inputs;
mod interim;
mod liar;
mod lies;
mod limited;
mod mutations;
mod passed;
mod pushed;
mod recoded;
mod refused;
mod shop;
// The tests of all edges play with the same origin (`tests/tests/edge`).
#[expect(dead_code, reason = "each kind of test needs another half of it")]
mod stage;
