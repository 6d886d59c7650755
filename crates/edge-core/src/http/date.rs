//! HTTP's three ways to write a moment (RFC 9110 §5.6.7), read without regard to case, since old
//! servers differ in nothing else.

use domain::Timestamp;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const DAY: i64 = 86_400;

/// What precedes 1970 counts as 1970. `now` says which century a year of two digits is in.
pub fn parse(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    if !text.is_ascii() {
        return None;
    }
    let moment = fixdate(text).or_else(|| rfc850(text, now)).or_else(|| asctime(text))?;

    Some(Timestamp::from_millis(u64::try_from(moment).unwrap_or_default().saturating_mul(1_000)))
}

/// As `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn print(at: Timestamp) -> String {
    let seconds = i64::try_from(at.as_seconds()).unwrap_or(i64::MAX);
    let days = seconds / DAY;
    let (year, month, day) = civil(days);
    // The epoch was a Thursday.
    let weekday = &WEEKDAYS[usize::try_from((days + 4) % 7).unwrap_or_default()][..3];
    let month = MONTHS[month - 1];
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);

    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn fixdate(text: &str) -> Option<i64> {
    let (weekday, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let (time, zone) = (parts.next()?, parts.next()?);
    let is_named = is_short_weekday(weekday) && zone.eq_ignore_ascii_case("GMT");
    if !is_named || parts.next().is_some() {
        return None;
    }
    moment(number(year, 4)?, month_of(month)?, number(day, 2)?, time)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850(text: &str, now: Timestamp) -> Option<i64> {
    let (weekday, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let (date, time, zone) = (parts.next()?, parts.next()?, parts.next()?);
    let is_named = WEEKDAYS.iter().any(|name| name.eq_ignore_ascii_case(weekday));
    if !is_named || !zone.eq_ignore_ascii_case("GMT") || parts.next().is_some() {
        return None;
    }
    let mut date = date.split('-');
    let (day, month, year) = (date.next()?, date.next()?, date.next()?);
    if date.next().is_some() {
        return None;
    }
    let (this_year, ..) = civil(i64::try_from(now.as_seconds()).unwrap_or(i64::MAX) / DAY);
    let mut year = this_year - this_year % 100 + number(year, 2)?;
    // "A timestamp that appears to be more than 50 years in the future" is in the past.
    if year > this_year + 50 {
        year -= 100;
    }
    moment(year, month_of(month)?, number(day, 2)?, time)
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(text: &str) -> Option<i64> {
    let part = |from: usize, to: usize| text.get(from..to);
    let spaces = [3, 7, 10, 19].iter().all(|at| text.as_bytes().get(*at) == Some(&b' '));
    if text.len() != 24 || !spaces || !is_short_weekday(part(0, 3)?) {
        return None;
    }
    let day = part(8, 10)?;
    let day = day.strip_prefix(' ').map_or_else(|| number(day, 2), |day| number(day, 1))?;

    moment(number(part(20, 24)?, 4)?, month_of(part(4, 7)?)?, day, part(11, 19)?)
}

fn moment(year: i64, month: i64, day: i64, time: &str) -> Option<i64> {
    let mut parts = time.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    // 60 is a leap second.
    let is_time = hour < 24 && minute < 60 && second <= 60 && parts.next().is_none();
    let days = days(year, month, day);
    let is_day = civil(days) == (year, usize::try_from(month).ok()?, day);

    (is_time && is_day).then(|| days * DAY + hour * 3_600 + minute * 60 + second)
}

fn number(text: &str, width: usize) -> Option<i64> {
    let is_digits = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());

    is_digits.then(|| text.parse().ok())?
}

fn month_of(name: &str) -> Option<i64> {
    let at = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))?;

    i64::try_from(at + 1).ok()
}

fn is_short_weekday(text: &str) -> bool {
    WEEKDAYS.iter().any(|name| name[..3].eq_ignore_ascii_case(text))
}

/// Days since the epoch; the year is taken to begin in March, so that the leap day is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;

    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The other way: year, month from 1, day.
fn civil(days: i64) -> (i64, usize, i64) {
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_based = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_based + 2) / 5 + 1;
    let month = if march_based < 10 { march_based + 3 } else { march_based - 9 };
    let year = year + era * 400 + i64::from(month <= 2);

    (year, usize::try_from(month).unwrap_or(1), day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_442_552_000);

    fn seconds(text: &str) -> Option<u64> {
        parse(text, NOW).map(Timestamp::as_seconds)
    }

    #[test]
    fn the_three_forms_of_the_standard_mean_the_same() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "SUN, 06 nov 1994 08:49:37 gMT",
        ] {
            assert_eq!(seconds(text), Some(784_111_777), "{text}");
        }
    }

    #[test]
    fn a_year_of_two_digits_is_at_most_fifty_years_ahead() {
        assert_eq!(
            seconds("Thursday, 18-Aug-50 02:01:18 GMT"),
            seconds("Thu, 18 Aug 2050 02:01:18 GMT")
        );
        assert_eq!(
            seconds("Thursday, 18-Aug-77 02:01:18 GMT"),
            seconds("Thu, 18 Aug 1977 02:01:18 GMT")
        );
    }

    #[test]
    fn what_is_written_otherwise_is_no_date() {
        for text in [
            "",
            "0",
            "-1",
            "Thu, 18 Aug 2050 02:01:18 UTC",
            "Thu, 18 Aug 2050 02:01:18 AEST",
            "Thu, 18 Aug 50 02:01:18 GMT",
            "Thu 18 Aug 2050 02:01:18 GMT",
            "Thu, 18  Aug  2050 02:01:18 GMT",
            "Thu, 18-Aug-2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 02.01.18 GMT",
            "Thu, 18 Aug 2050 2:01:18 GMT",
            "Thu, 31 Feb 2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 24:01:18 GMT",
            "Thu, 18 Aug 2050 02:01:18 GMT GMT",
            "Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:18 GMT",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn what_precedes_the_epoch_counts_as_the_epoch() {
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(seconds("Mon, 01 Jan 1900 00:00:00 GMT"), Some(0));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(seconds in 0_u64..253_402_300_800) {
            let at = Timestamp::from_millis(seconds * 1_000);

            prop_assert_eq!(parse(&print(at), NOW), Some(at));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,40}", printed in any::<u64>()) {
            let _ = parse(&text, NOW);
            let _ = print(Timestamp::from_millis(printed));
        }
    }
}
