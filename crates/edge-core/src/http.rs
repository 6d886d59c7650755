//! A shared HTTP cache by the book: RFC 9111 with 9110's conditionals and ranges, 5861 and 9213.
//!
//! Pure decisions for anything that is not the catalogue. The shell brings requests, answers and
//! moments, keeps [`Stored`] beside a body, and does what [`decide`] says. The catalogue has an
//! engine of its own ([`crate::decision`]), which knows more than any header can say.

mod date;
mod decision;
mod directives;
mod end_to_end;
mod fields;
mod freshness;
mod invalidation;
mod preconditions;
mod range;
mod shown;
mod storable;
mod stored;
mod targeted;
mod validation;
mod variants;
mod vary;
mod writes;

pub use date::{parse as parse_date, print as print_date};
pub use decision::{Decision, Hit, decide};
pub use directives::{FieldNames, MaxStale, RequestDirectives, ResponseDirectives};
pub use end_to_end::end_to_end;
pub use invalidation::{Target, invalidated, is_safe};
pub use preconditions::{is_for_the_origin_alone, is_unmodified, unmodified_head};
pub use range::{Selected, select};
pub use shown::Shown;
pub use storable::NotStorable;
pub use stored::{Received, RequestView, Stored};
pub use validation::{agrees_with_head, conditions, has_validator, merged, onward};
pub use variants::Variants;
pub use vary::{Variant, normalised};
pub use writes::{Epoch, Writes};
