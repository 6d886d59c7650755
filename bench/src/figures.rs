//! Medians, ratios, and how they are written. Integers throughout.

use std::fmt;
use std::time::Duration;

/// What the rounds of one measurement gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    pub median: u64,
    pub least: u64,
    pub most: u64,
}

/// How many times as much, in millionths; written `1.25×`, or `1/40` where hundredths say little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ratio(u64);

/// A time in the unit in which it has one to three digits before the point.
pub struct Time(pub u64);

/// A whole number with its thousands apart.
pub struct Count(pub u64);

/// Kibibytes as megabytes of 2²⁰ bytes, with one decimal.
pub struct Megabytes(pub u64);

impl Spread {
    /// The rounds are an odd number, so one of them is the median.
    pub fn of(rounds: impl IntoIterator<Item = u64>) -> Self {
        let mut rounds: Vec<_> = rounds.into_iter().collect();
        rounds.sort_unstable();
        let at = |place: usize| rounds.get(place).copied().unwrap_or_default();

        Self {
            median: at(rounds.len() / 2),
            least: at(0),
            most: at(rounds.len().saturating_sub(1)),
        }
    }

    pub fn of_times(rounds: impl IntoIterator<Item = Duration>) -> Self {
        Self::of(rounds.into_iter().map(nanos))
    }
}

impl Ratio {
    pub fn of(ours: u64, theirs: u64) -> Self {
        Self(rounded(u128::from(ours) * 1_000_000, theirs))
    }

    pub const fn thousandths(thousandths: u64) -> Self {
        Self(thousandths * 1_000)
    }
}

/// A time for each of `count` things.
pub fn each(time: Duration, count: u64) -> Duration {
    Duration::from_nanos(rounded(time.as_nanos(), count))
}

/// How many of `count` there were in a second.
pub fn per_second(count: u64, time: Duration) -> u64 {
    rounded(u128::from(count) * 1_000_000_000, nanos(time))
}

pub fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn rounded(dividend: u128, divisor: u64) -> u64 {
    let divisor = u128::from(divisor.max(1));

    u64::try_from((dividend + divisor / 2) / divisor).unwrap_or(u64::MAX)
}

impl fmt::Display for Ratio {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if (1..50_000).contains(&self.0) {
            return write!(formatter, "1/{}", Count(rounded(1_000_000, self.0)));
        }
        let hundredths = (self.0 + 5_000) / 10_000;

        write!(formatter, "{}.{:02}×", hundredths / 100, hundredths % 100)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            ..1_000 => return write!(formatter, "{} ns", self.0),
            1_000..1_000_000 => (1_000, "µs"),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        let hundredths = rounded(u128::from(self.0) * 100, unit);

        match hundredths / 100 {
            whole @ ..10 => write!(formatter, "{whole}.{:02} {name}", hundredths % 100),
            whole @ 10..100 => write!(formatter, "{whole}.{} {name}", hundredths % 100 / 10),
            whole => write!(formatter, "{whole} {name}"),
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();

        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                formatter.write_str(",")?;
            }
            write!(formatter, "{digit}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Megabytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = rounded(u128::from(self.0) * 10, 1_024);

        write!(formatter, "{}.{} MB", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_odd_number_of_rounds_is_one_of_them() {
        let spread = Spread::of([30, 10, 50, 20, 40]);

        assert_eq!(spread, Spread { median: 30, least: 10, most: 50 });
    }

    #[test]
    fn ratios_are_written_with_two_decimals() {
        assert_eq!(Ratio::of(3, 2).to_string(), "1.50×");
        assert_eq!(Ratio::of(1, 3).to_string(), "0.33×");
        assert_eq!(Ratio::of(1, 800).to_string(), "1/800");
        assert_eq!(Ratio::of(1_999, 1_000).to_string(), "2.00×");
        assert!(Ratio::of(12, 10) <= Ratio::thousandths(1_200));
    }

    #[test]
    fn times_and_counts_are_written_in_a_unit_that_fits() {
        assert_eq!(Time(640).to_string(), "640 ns");
        assert_eq!(Time(1_234).to_string(), "1.23 µs");
        assert_eq!(Time(45_678).to_string(), "45.6 µs");
        assert_eq!(Time(2_500_000_000).to_string(), "2.50 s");
        assert_eq!(Count(1_234_567).to_string(), "1,234,567");
        assert_eq!(Count(999).to_string(), "999");
        assert_eq!(Megabytes(1_536).to_string(), "1.5 MB");
    }

    #[test]
    fn rates_and_shares_are_rounded_to_the_nearest() {
        assert_eq!(per_second(10, Duration::from_millis(4)), 2_500);
        assert_eq!(each(Duration::from_nanos(10), 4), Duration::from_nanos(3));
    }
}
