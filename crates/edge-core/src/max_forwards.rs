//! How far an `OPTIONS` or `TRACE` may still go (RFC 9110 §7.6.2).

use crate::fields::Lines;

pub const FIELD: &str = "max-forwards";

/// What `Max-Forwards` asks of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxForwards {
    /// Nothing is said, or of a method that has no such limit.
    Unlimited,
    /// It is answered here.
    Here,
    /// It goes on, and the next one is told this number.
    Left(u64),
}

impl MaxForwards {
    /// A value that is not a number is ignored.
    pub fn of(method: &str, fields: &dyn Lines) -> Self {
        if !matches!(method, "OPTIONS" | "TRACE") {
            return Self::Unlimited;
        }
        let said = fields.joined(FIELD).and_then(|value| {
            let value = value.trim();
            let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
            value.parse().ok().filter(|_: &u64| is_number)
        });

        match said {
            None => Self::Unlimited,
            Some(0) => Self::Here,
            Some(left) => Self::Left(left - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Fields;

    #[test]
    fn the_last_one_on_the_way_answers_and_the_others_count_down() {
        let of = |method, value: &str| {
            let mut fields = Fields::default();
            fields.set(FIELD, value);
            MaxForwards::of(method, &fields)
        };

        for method in ["OPTIONS", "TRACE"] {
            assert_eq!(of(method, "0"), MaxForwards::Here);
            assert_eq!(of(method, " 3 "), MaxForwards::Left(2));
            for none in ["", "-1", "+1", "x", "1, 1", "99999999999999999999"] {
                assert_eq!(of(method, none), MaxForwards::Unlimited, "{none}");
            }
            assert_eq!(MaxForwards::of(method, &Fields::default()), MaxForwards::Unlimited);
        }
        assert_eq!(of("GET", "0"), MaxForwards::Unlimited);
    }
}
