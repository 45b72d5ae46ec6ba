//! Moments, with the exact one on hover.

use maud::{Markup, html};

use super::texts::text;
use crate::model::Time;

/// A moment as an age: `38 min ago`, `in 2 d`. `time.js` keeps it true; without scripts it is true for the moment at which the
/// page was made.
#[must_use]
pub fn moment(time: &Time, now: &Time) -> Markup {
    html! { time datetime=(text(&time.text)) title=(text(&time.text)) data-ms=(time.ms) { (age(time.ms, now.ms)) } }
}

/// A moment of RFC 3339 text as people write it, to the second: `2026-11-29 09:07:19 UTC`. Any other text stays as it is.
#[must_use]
pub fn stamp(moment: &str) -> String {
    let parts = moment.strip_suffix('Z').and_then(|text| text.split_once('T'));
    let Some((day, time)) = parts.filter(|(day, time)| day.len() == 10 && time.len() >= 8) else {
        return moment.to_owned();
    };
    let time = time.split('.').next().unwrap_or(time);
    format!("{day} {time} UTC")
}

/// A moment as its time of day, for lines of a log.
#[must_use]
pub fn clock(time: &Time) -> Markup {
    let of_day = time.text.get(11..).unwrap_or_default().trim_end_matches('Z');
    html! { time datetime=(text(&time.text)) title=(text(&time.text)) { (text(of_day)) } }
}

/// Words for the distance of a moment from now, both in milliseconds since 1970. `time.js` has the same rules.
#[must_use]
pub fn age(ms: i64, now_ms: i64) -> String {
    let seconds = ms.abs_diff(now_ms) / 1_000;
    let distance = match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        172_800..5_184_000 => format!("{} d", seconds / 86_400),
        _ => format!("{} months", seconds / 2_592_000),
    };
    if ms > now_ms && seconds > 0 { format!("in {distance}") } else { format!("{distance} ago") }
}

#[cfg(test)]
mod tests {
    use super::{age, stamp};

    #[test]
    fn a_moment_is_written_without_its_milliseconds() {
        assert_eq!(stamp("2026-11-29T09:07:19.040Z"), "2026-11-29 09:07:19 UTC");
        assert_eq!(stamp("2026-11-29T09:07:19Z"), "2026-11-29 09:07:19 UTC");
        for other in ["", "soon", "2026-11-29", "TZ", "2026-11-29T09:07:19+01:00"] {
            assert_eq!(stamp(other), other);
        }
    }

    #[test]
    fn an_age_has_one_unit() {
        let minute = 60_000;
        for (ms, words) in [
            (0, "0 s ago"),
            (-59_999, "59 s ago"),
            (-minute, "1 min ago"),
            (-60 * minute, "1 h ago"),
            (-47 * 60 * minute, "47 h ago"),
            (-48 * 60 * minute, "2 d ago"),
            (-60 * 24 * 60 * minute, "2 months ago"),
            (2 * 24 * 60 * minute, "in 2 d"),
            (400, "0 s ago"),
        ] {
            assert_eq!(age(1_000_000_000_000 + ms, 1_000_000_000_000), words);
        }
        assert_eq!(age(i64::MAX, i64::MIN), "in 7116 months".replace("7116", &age_of_all()));
    }

    fn age_of_all() -> String {
        (u64::MAX / 1_000 / 2_592_000).to_string()
    }
}
