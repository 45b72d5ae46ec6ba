//! The comparison of a host with the baseline of its place.
//!
//! Invariant: pure. A part that could not be measured is a difference.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use evidence::Digest;
use evidence::drift::Baseline;
use evidence::observations::{BaselineMeasured, Difference, Drifted, FINDINGS_MAX};

use super::found::{Found, Mend, sorted};
use super::packages::{self, Packages};

/// Reads the rules of the host's firewall as text.
pub type Firewall = fn() -> io::Result<Vec<u8>>;

/// Why something could not be measured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not measured: {0}")]
pub struct Unmeasured(pub String);

/// A measured host, as far as a baseline asks for it.
#[derive(Clone, Debug, Default)]
pub struct HostMeasure {
    pub(super) settings: BTreeMap<String, Result<String, Unmeasured>>,
    pub(super) packages: Option<Result<Packages, Unmeasured>>,
    pub(super) firewall: Option<Result<Digest, Unmeasured>>,
    pub(super) clock: Option<Result<bool, Unmeasured>>,
    pub(super) ports: Option<Result<BTreeSet<u16>, Unmeasured>>,
    /// The rules of each file of results that did not pass.
    pub(super) results: Vec<Result<Vec<(String, String)>, Unmeasured>>,
}

/// The differences between a baseline and a host.
pub fn differences(baseline: &Baseline, host: &HostMeasure) -> Vec<Found> {
    let mut found = Vec::new();
    for (name, declared) in &baseline.settings {
        let mend = Mend::Setting(name.clone(), declared.clone());
        match host.settings.get(name) {
            // The kernel separates numbers by tabs.
            Some(Ok(value)) if value.split_whitespace().eq(declared.split_whitespace()) => {}
            Some(Ok(value)) => found.push(Found::new(Drifted::Setting, name, declared, value, mend)),
            Some(Err(error)) => {
                found.push(Found::new(Drifted::Setting, name, declared, &error.to_string(), Mend::None));
            }
            None => found.push(Found::new(Drifted::Setting, name, declared, "not measured", Mend::None)),
        }
    }
    found.extend(of_packages(baseline, host));
    let firewall = baseline.firewall.map(|declared| (declared, host.firewall.clone()));
    if let Some((declared, measured)) = firewall {
        let words = match measured {
            Some(Ok(digest)) if digest == declared => None,
            Some(Ok(digest)) => Some(digest.to_string()),
            Some(Err(error)) => Some(error.to_string()),
            None => Some("not measured".to_owned()),
        };
        let of =
            |words: String| Found::new(Drifted::Firewall, "rules", &declared.to_string(), &words, Mend::None);
        found.extend(words.map(of));
    }
    if baseline.time_sync && host.clock != Some(Ok(true)) {
        let words = match &host.clock {
            Some(Err(error)) => error.to_string(),
            _ => "not synchronised".to_owned(),
        };
        found.push(Found::new(Drifted::TimeSync, "clock", "synchronised", &words, Mend::None));
    }
    let port =
        |name: &str, words: &str| Found::new(Drifted::Port, name, "nothing listens", words, Mend::None);
    match (&baseline.ports, &host.ports) {
        (None, _) => {}
        (Some(allowed), Some(Ok(open))) => {
            found.extend(open.difference(allowed).map(|open| port(&open.to_string(), "something listens")));
        }
        (Some(_), Some(Err(error))) => found.push(port("(all)", &error.to_string())),
        (Some(_), None) => found.push(port("(all)", "not measured")),
    }
    let unmeasured = Err(Unmeasured("nobody looked".into()));
    let results = host.results.iter().chain(std::iter::repeat(&unmeasured));
    for (file, measured) in baseline.results.iter().zip(results) {
        match measured {
            Ok(failed) => found.extend(failed.iter().map(|(rule, said)| {
                Found::new(Drifted::Result, &format!("{rule} in {}", file.file), "passed", said, Mend::None)
            })),
            Err(error) => {
                found.push(Found::new(
                    Drifted::Result,
                    &file.file,
                    "all passed",
                    &error.to_string(),
                    Mend::None,
                ));
            }
        }
    }
    sorted(found)
}

fn of_packages(baseline: &Baseline, host: &HostMeasure) -> Vec<Found> {
    let of = |name: &str, declared: &str, found: &str| {
        Found::new(Drifted::Package, name, declared, found, Mend::None)
    };
    let wanted = baseline.packages.iter().map(|(name, version)| (name.as_str(), version.clone()));
    let all = baseline.packages_digest.map(|digest| ("(all)", digest.to_string()));
    let wanted = wanted.chain(all);
    let packages = match &host.packages {
        Some(Ok(packages)) => packages,
        measured => {
            let words = match measured {
                Some(Err(error)) => error.to_string(),
                _ => "not measured".to_owned(),
            };
            return wanted.map(|(name, declared)| of(name, &declared, &words)).collect();
        }
    };
    let there = |name: &str| match name {
        "(all)" => Some(packages::digest(packages).to_string()),
        name => packages.get(name).cloned(),
    };
    let differ = wanted.filter_map(|(name, declared)| match there(name) {
        Some(found) if found == declared => None,
        Some(found) => Some(of(name, &declared, &found)),
        None => Some(of(name, &declared, "not installed")),
    });
    differ.collect()
}

/// The observation of a measurement.
pub fn measured(baseline: Digest, found: &[Found]) -> BaselineMeasured {
    let differences = found.iter().take(FINDINGS_MAX).map(|one| Difference {
        what: one.what,
        name: one.name.clone(),
        declared: one.declared.clone(),
        found: one.found.clone(),
    });
    BaselineMeasured {
        baseline,
        equal: found.is_empty(),
        differences: differences.collect(),
        more: found.len().saturating_sub(FINDINGS_MAX) as u64,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    const BASELINE: &str = "settings: { net.ipv4.ip_forward: '0', net.ipv4.tcp_rmem: 4096 131072 6291456 }\n\
                            packages: { openssl: 3.0.17-1 }\ntime-sync: true\nports: [22]\n\
                            results: [{ format: inspec, file: /x.json, hours: 1 }]";

    fn host() -> HostMeasure {
        let setting = |name: &str, value: &str| (name.to_owned(), Ok(value.to_owned()));
        HostMeasure {
            settings: [
                setting("net.ipv4.ip_forward", "0\n"),
                setting("net.ipv4.tcp_rmem", "4096\t131072\t6291456\n"),
            ]
            .into(),
            packages: Some(Ok([("openssl".to_owned(), "3.0.17-1".to_owned())].into())),
            firewall: None,
            clock: Some(Ok(true)),
            ports: Some(Ok([22].into())),
            results: vec![Ok(Vec::new())],
        }
    }

    fn said(change: impl Fn(&mut HostMeasure)) -> Vec<String> {
        let mut changed = host();
        change(&mut changed);
        let found = differences(&Baseline::parse(BASELINE).unwrap(), &changed);
        found.iter().map(|one| format!("{} {}: {}", one.what.as_str(), one.name, one.found)).collect()
    }

    #[test]
    fn each_part_of_a_baseline_is_compared() {
        assert!(said(|_| ()).is_empty());
        let forward = |host: &mut HostMeasure| {
            host.settings.insert("net.ipv4.ip_forward".into(), Ok("1\n".into()));
        };
        assert_eq!(said(forward), ["setting net.ipv4.ip_forward: 1 "]);
        assert_eq!(said(|host| host.clock = Some(Ok(false))), ["time-sync clock: not synchronised"]);
        assert_eq!(said(|host| host.ports = Some(Ok([22, 23].into()))), ["port 23: something listens"]);
        let failed =
            |host: &mut HostMeasure| host.results = vec![Ok(vec![("os-02".into(), "failed".into())])];
        assert_eq!(said(failed), ["result os-02 in /x.json: failed"]);
        let gone = |host: &mut HostMeasure| host.packages = Some(Ok(Packages::new()));
        assert_eq!(said(gone), ["package openssl: not installed"]);
    }

    #[test]
    fn attack_what_could_not_be_measured_is_never_equal() {
        let all = differences(&Baseline::parse(BASELINE).unwrap(), &HostMeasure::default());
        assert_eq!(all.len(), 6, "{all:?}");
        let unread =
            |host: &mut HostMeasure| host.results = vec![Err(Unmeasured("it is 3 hours old".into()))];
        assert_eq!(said(unread), ["result /x.json: not measured: it is 3 hours old"]);
        let all = "packages-digest: sha256:0000000000000000000000000000000000000000000000000000000000000000\n\
                   firewall: sha256:0000000000000000000000000000000000000000000000000000000000000000";
        let all = Baseline::parse(all).unwrap();
        assert_eq!(differences(&all, &host()).len(), 2);
        assert!(!measured(Digest::of(b""), &differences(&all, &host())).equal);
    }
}
