//! What every edge promises, held against both shells: the native one and the Worker in workerd.

mod behaviours;
mod counted;
mod crowd;
#[path = "../../../crates/edge-native/tests/edge/inputs.rs"]
mod inputs;
mod mutations;
mod native;
// One origin that plays a part serves the tests of all edges.
#[path = "../../../crates/edge-native/tests/edge/stage.rs"]
mod play;
mod shop;
mod stage;
mod worker;
mod wrangler;
