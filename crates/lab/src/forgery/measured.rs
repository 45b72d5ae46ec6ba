//! Measured baselines: those of the hosts of the place itself, which a policy demands before a release comes to it.

use evidence::Digest;
use evidence::configuration::Configuration;
use evidence::drift::Baseline;
use evidence::observations::{BaselineMeasured, Body, Difference, Drifted, Observation};

use super::row::{Forgery, forged};
use crate::observed::{observation, observed};
use crate::parts::Parts;
use crate::world::{Lab, at, configuration, id, name};

pub(super) fn rows() -> Vec<Forgery> {
    let rows = [
        forged("a baseline that the server withholds", "observation-missing", |lab, parts| {
            measured(lab, parts, |_| ());
            parts.observations.clear();
        }),
        forged("a baseline that is too old", "observation-old", |lab, parts| {
            measured(lab, parts, |it| it.time = at(-2 * HOUR));
        }),
        forged("a baseline of the future", "observation-undated", |lab, parts| {
            measured(lab, parts, |it| it.time = at(48 * HOUR));
        }),
        forged("a baseline by another agent's key", UNSOUND, |lab, parts| {
            measured(lab, parts, |_| ());
            parts.observations = vec![observed(&honest(&baseline()), &lab.staging)];
        }),
        forged("a baseline of the environment before", UNSOUND, |lab, parts| {
            measured(lab, parts, |it| it.place.environment = name("staging"));
        }),
        forged("a baseline of another installation", UNSOUND, |lab, parts| {
            measured(lab, parts, |it| it.installation = id(2));
        }),
        forged("a baseline by a revoked key", UNSOUND, |lab, parts| {
            measured(lab, parts, |_| ());
            super::revoke(lab, parts, &lab.production.public().id().to_string());
        }),
        forged("a measurement of another baseline than that in force", STRAY, |lab, parts| {
            measured(lab, parts, |it| {
                if let Body::Baseline(it) = &mut it.body {
                    it.baseline = Digest::of(b"another");
                }
            });
        }),
        forged("a host that differs from its baseline", "baseline-differs", |lab, parts| {
            measured(lab, parts, |it| {
                if let Body::Baseline(it) = &mut it.body {
                    let (name, declared, found) = (SETTING.into(), "0".into(), "1".into());
                    it.differences = vec![Difference { what: Drifted::Setting, name, declared, found }];
                    it.equal = false;
                }
            });
        }),
    ];
    let with = rows.map(|row| row.in_lab(with_baseline)).to_vec();
    let unread = forged("a baseline that the policy does not read", STRAY, |lab, parts| {
        measured(lab, parts, |_| ());
    });
    [with, vec![unread]].concat()
}

/// A lab whose policy demands a measured baseline, in which this setting has a value, and a release to a host whose agent has
/// said that it is equal.
#[must_use]
pub fn equal(setting: &str, value: &str) -> (Lab, Parts) {
    let mut lab = Lab::default();
    with_baseline(&mut lab);
    let mut parts = lab.honest();
    let settings = [(setting.to_owned(), value.to_owned())].into();
    measured_as(&lab, &mut parts, &Baseline { settings, ..Baseline::default() }, |_| ());
    (lab, parts)
}

fn baseline() -> Baseline {
    Baseline { settings: [(SETTING.to_owned(), "0".to_owned())].into(), ..Baseline::default() }
}

/// The observation of production's agent that its host is equal.
fn honest(baseline: &Baseline) -> Observation {
    let digest = baseline.digest().unwrap();
    let body = BaselineMeasured { baseline: digest, equal: true, differences: Vec::new(), more: 0 };
    observation("production", body)
}

/// A baseline in the configuration of production, and the observation with a change.
fn measured(lab: &Lab, parts: &mut Parts, change: impl Fn(&mut Observation)) {
    measured_as(lab, parts, &baseline(), change);
}

fn measured_as(lab: &Lab, parts: &mut Parts, baseline: &Baseline, change: impl Fn(&mut Observation)) {
    let declared = Some(baseline.clone());
    parts.configuration = Configuration { baseline: declared, ..configuration() }.encode().unwrap();
    let mut statement = lab.environment("production", &parts.replaces.1);
    statement.configuration = Digest::of(&parts.configuration);
    parts.environments[1] = lab.signed_environment(&statement, &[0, 1]);
    let mut observation = honest(baseline);
    change(&mut observation);
    parts.observations = vec![observed(&observation, &lab.production)];
    lab.approve(parts);
}

/// The default policy, which also demands measured baselines.
fn with_baseline(lab: &mut Lab) {
    let (off, on) =
        ("\"baseline-differs\": {\"other\": \"off\"", "\"baseline-differs\": {\"other\": \"block\"");
    lab.policy.files.values_mut().for_each(|text| *text = text.replace(off, on));
}

const SETTING: &str = "net.ipv4.ip_forward";
const UNSOUND: &str = "observation-unsound";
const STRAY: &str = "observation-stray";
const HOUR: i64 = 3_600;
