//! Limits as doors keep them: who is let in, what is said about it, and what happens while nobody
//! can count.

mod denied;
mod fields;
mod gate;
mod gates;

pub use denied::DeniedUntil;
pub use fields::{RATELIMIT, RATELIMIT_POLICY};
pub use gate::{Admission, Gate};
pub use gates::Gates;
