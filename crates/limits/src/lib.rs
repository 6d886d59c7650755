//! Limits as doors keep them: who is let in, what is said about it, and what happens while nobody
//! can count.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod denied;
mod fields;
mod gate;
mod gates;

pub use denied::DeniedUntil;
pub use fields::{RATELIMIT, RATELIMIT_POLICY};
pub use gate::{Admission, Gate};
pub use gates::Gates;
