//! Feeds about exploitation: the KEV catalogue in JSON (<https://www.cisa.gov/known-exploited-vulnerabilities-catalog>)
//! and EPSS in CSV (<https://www.first.org/epss/data_stats>).
//!
//! Invariant: a feed without one entry is an error, because an error page of a mirror has none either.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::text;
use serde::Deserialize;

use super::error::AdvisoriesError;

/// Largest feed in bytes.
pub const FEED_BYTES_MAX: usize = 256 * 1024 * 1024;

#[derive(Deserialize)]
struct Catalogue {
    vulnerabilities: Vec<Exploited>,
}

#[derive(Deserialize)]
struct Exploited {
    #[serde(rename = "cveID")]
    id: String,
}

/// Ids of vulnerabilities that are known to be exploited.
pub(super) fn exploited(name: &str, bytes: &[u8]) -> Result<BTreeSet<String>, AdvisoriesError> {
    bounded(name, bytes)?;
    let catalogue: Catalogue = serde_json::from_slice(bytes)
        .map_err(|error| fault(name, &format!("not a KEV catalogue in JSON: {error}")))?;
    if catalogue.vulnerabilities.is_empty() {
        return Err(fault(name, "the KEV catalogue has no entry"));
    }
    Ok(catalogue.vulnerabilities.into_iter().map(|entry| entry.id.trim().to_owned()).collect())
}

/// Probabilities of exploitation, in hundredths of a percent.
pub(super) fn probabilities(name: &str, bytes: &[u8]) -> Result<BTreeMap<String, u16>, AdvisoriesError> {
    bounded(name, bytes)?;
    let text = std::str::from_utf8(bytes).map_err(|_| fault(name, "not UTF-8"))?;
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.is_empty());
    let head = lines.next().map(|(_, line)| line.split(',').take(2).collect::<Vec<_>>());
    if head.as_deref() != Some(&["cve", "epss"]) {
        return Err(fault(name, "not a table of EPSS: its first columns are not `cve` and `epss`"));
    }
    let mut all = BTreeMap::new();
    for (number, line) in lines {
        let mut fields = line.split(',');
        let (id, share) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let share = share.trim().parse::<f64>().ok().and_then(hundredths);
        let share = share.ok_or_else(|| fault(name, &format!("line {}: no probability", number + 1)))?;
        all.insert(id.trim().to_owned(), share);
    }
    if all.is_empty() { Err(fault(name, "the table of EPSS has no line")) } else { Ok(all) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn hundredths(share: f64) -> Option<u16> {
    (0.0..=1.0).contains(&share).then(|| (share * 10_000.0).round() as u16)
}

fn bounded(name: &str, bytes: &[u8]) -> Result<(), AdvisoriesError> {
    let fine = bytes.len() <= FEED_BYTES_MAX;
    if fine { Ok(()) } else { Err(fault(name, &format!("more than {FEED_BYTES_MAX} bytes"))) }
}

fn fault(name: &str, why: &str) -> AdvisoriesError {
    AdvisoriesError::Format { name: text(name, 200), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_feeds() {
        let kev =
            br#"{"title":"x","count":1,"vulnerabilities":[{"cveID":"CVE-2021-44228","product":"Log4j2"}]}"#;
        assert_eq!(exploited("kev", kev).unwrap().into_iter().collect::<Vec<_>>(), ["CVE-2021-44228"]);
        let epss =
            b"#model_version:v2025.03.14\ncve,epss,percentile\nCVE-1999-0001,0.01287,0.79\nCVE-2,1,1\n";
        let read = probabilities("epss", epss).unwrap();
        assert_eq!(
            read.into_iter().collect::<Vec<_>>(),
            [("CVE-1999-0001".into(), 129), ("CVE-2".into(), 10_000)]
        );
    }

    #[test]
    fn what_is_no_feed() {
        for bad in [&b"<html>"[..], b"{}", br#"{"vulnerabilities":[]}"#, br#"{"vulnerabilities":[{}]}"#] {
            exploited("kev", bad).unwrap_err();
        }
        for bad in [
            &b""[..],
            b"<html>",
            b"cve,epss",
            b"cve,epss\nCVE-1,2\n",
            b"cve,epss\nCVE-1\n",
            b"cve,epss\nx,NaN\n",
            b"\xff",
        ] {
            probabilities("epss", bad).unwrap_err();
        }
    }
}
