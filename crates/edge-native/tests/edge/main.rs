//! What an edge promises, over real connections to an origin that plays a part.

mod cached;
mod failures;
mod followed;
mod limited;
mod passed;
mod shop;
mod stage;
