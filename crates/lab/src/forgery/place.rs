//! The place: environment statements, reports of agents, the running release, numbers of releases.

use domain::release::LEAP_MAX;
use evidence::Digest;
use evidence::configuration::{Bounds, Configuration};
use evidence::environment::Environment;
use evidence::report::{AgentReport, ReleaseOutcome};

use super::row::{Forgery, forged, patched};
use crate::files::RELEASE_DATA;
use crate::parts::{Parts, old_artifact, report};
use crate::readers::Reader::{Approve, State, Verify};
use crate::world::{Lab, configuration, lax_policy, name};

pub(super) fn rows() -> Vec<Forgery> {
    [statements(), settings(), regions(), reports(), releases()].concat()
}

fn statements() -> Vec<Forgery> {
    const UNSOUND: &str = "environment-unsound";
    vec![
        forged("an environment statement by one of two signers", UNSOUND, |lab, parts| {
            let statement = lab.environment("production", &parts.replaces.1);
            parts.environments[1] = lab.signed_environment(&statement, &[0]);
        }),
        forged("the statement of another service", UNSOUND, |lab, parts| {
            instead(lab, parts, |statement| statement.service = name("other"));
        })
        .agent_saw(|_, memory| memory.running = None),
        forged("the statement of another project", UNSOUND, |lab, parts| {
            instead(lab, parts, |statement| statement.project = name("other"));
        })
        .agent_saw(|_, memory| memory.running = None),
        forged("the statement of another environment", UNSOUND, |lab, parts| {
            instead(lab, parts, |statement| statement.environment = name("sandbox"));
        })
        .agent_saw(|_, memory| memory.running = None),
        forged("a statement too many", UNSOUND, |_, parts| {
            parts.environments.insert(0, parts.environments[0].clone());
        }),
        forged("no statement", UNSOUND, |_, parts| parts.environments.clear()),
        forged("the environment before left out", UNSOUND, |lab, parts| {
            parts.environments.remove(0);
            parts.reports.remove(0);
            lab.approve(parts);
        }),
        forged("statement 1, when statement 2 was seen", "environment-rollback", |_, _| {})
            .agent_saw(|_, memory| memory.seen_statement = 2)
            .people_saw(|_, seen| seen.statement = 2)
            .unknown_to(&[Verify]),
        forged("a policy that asks for nothing", "policy-differs", |lab, parts| {
            parts.policy = lax_policy();
            lab.approve(parts);
        }),
    ]
}

/// Plans that are outside the bounds of their place: authentic, and against the release.
fn settings() -> Vec<Forgery> {
    vec![forged("a limit wider than the bounds of the place", "configuration-out-of-bounds", bounded)]
}

/// Bounds the configuration of production, and has everything signed again.
fn bounded(lab: &Lab, parts: &mut Parts) {
    let bounds = Some(Bounds { open_files: Some(1), ..Bounds::default() });
    parts.configuration = Configuration { bounds, ..configuration() }.encode().unwrap();
    let mut statement = lab.environment("production", &parts.replaces.1);
    statement.configuration = Digest::of(&parts.configuration);
    parts.environments[1] = lab.signed_environment(&statement, &[0, 1]);
    lab.approve(parts);
}

/// Data whose classes may not be where the place is.
fn regions() -> Vec<Forgery> {
    let row = |name, pieces| forged(name, "residency-violated", pieces).in_lab(with_data);
    vec![
        row("personal data at a place in another region", |lab, parts| is_in(lab, parts, Some("us-east-1"))),
        row("personal data at a place whose region nobody signed", |lab, parts| is_in(lab, parts, None)),
        forged(
            "a region that one of two signers wrote into the statement",
            "environment-unsound",
            |lab, parts| {
                let mut statement = lab.environment("production", &parts.replaces.1);
                statement.region = Some(name("eu-central-1"));
                parts.environments[1] = lab.signed_environment(&statement, &[0]);
            },
        )
        .in_lab(with_data),
    ]
}

/// A service with personal data, which the policy allows in one region.
fn with_data(lab: &mut Lab) {
    lab.release = RELEASE_DATA;
    for text in lab.policy.files.values_mut() {
        *text =
            text.replace("\"public\": {\"any\"}", "\"public\": {\"any\"}, \"personal\": {\"eu-central-1\"}");
    }
}

/// Production is in a region, by the signatures of both.
fn is_in(lab: &Lab, parts: &mut Parts, region: Option<&str>) {
    let mut statement = lab.environment("production", &parts.replaces.1);
    statement.region = region.map(name);
    parts.environments[1] = lab.signed_environment(&statement, &[0, 1]);
    lab.approve(parts);
}

fn reports() -> Vec<Forgery> {
    vec![
        patched("reports in another order", "report-unsound", |_, bundle| bundle.reports.reverse()),
        forged("a report by another agent's key", "report-unsound", |lab, parts| {
            let staging = staging(parts);
            parts.reports[0] = lab.report(&staging, &lab.production);
            lab.approve(parts);
        }),
        forged("a report of another place", "report-unsound", |lab, parts| {
            let mut other = staging(parts);
            other.service = name("other");
            parts.reports[0] = lab.report(&other, &lab.staging);
            lab.approve(parts);
        }),
        forged("two reports of one agent", "report-unsound", |lab, parts| {
            let mut again = staging(parts);
            again.release = 4;
            parts.reports.push(lab.report(&again, &lab.staging));
            lab.approve(parts);
        }),
        forged("an artifact that staging does not run", "not-run-before", |lab, parts| {
            let mut other = staging(parts);
            (other.artifact, other.running.as_mut().unwrap().artifact) = (old_artifact(), old_artifact());
            parts.reports[0] = lab.report(&other, &lab.staging);
            lab.approve(parts);
        }),
        forged("an artifact that failed in staging", "not-run-before", |lab, parts| {
            let mut failed = staging(parts);
            (failed.outcome, failed.reasons) = (ReleaseOutcome::Returned, vec!["probe-failed".into()]);
            parts.reports[0] = lab.report(&failed, &lab.staging);
            lab.approve(parts);
        }),
        forged("no report of staging", "not-run-before", |lab, parts| {
            parts.reports.remove(0);
            lab.approve(parts);
        }),
    ]
}

fn releases() -> Vec<Forgery> {
    vec![
        forged("an old release again", "release-not-newer", |_, _| {})
            .agent_saw(|_, memory| memory.seen_release = 7)
            .people_saw(|_, seen| seen.release = 7)
            .unknown_to(&[Verify]),
        forged(
            "a release number that leaves none for those after it",
            "number-unbelievable",
            |lab, parts| {
                parts.release = 6 + LEAP_MAX + 1;
                parts.requests[1] = lab.promotion(parts, parts.release);
                lab.approve(parts);
            },
        )
        .unknown_to(&[Approve, Verify, State]),
        forged("another place's release", "other-place", |_, _| {})
            .agent_saw(|_, memory| memory.place.service = name("other"))
            .unknown_to(&[Approve, Verify, State]),
        forged("something else runs than the evidence says", "running-differs", |lab, parts| {
            let other = Digest::of(b"something else that ran");
            let old = report("production", 5, other, &parts.replaces.1);
            parts.reports[1] = lab.report(&old, &lab.production);
            parts.replaces.0 = Some(other);
            lab.approve(parts);
        })
        .unknown_to(&[Approve, Verify, State]),
        forged("a proposal from before something else ran", "base-differs", |_, parts| {
            parts.proposal = |proposal| proposal.base = "e".repeat(40).parse().unwrap();
        }),
        forged("a proposal to replace something else", "base-differs", |lab, parts| {
            parts.proposal = |proposal| proposal.replaces = None;
            let mut signed = crate::yes(parts, lab.bob.id);
            signed.said.replaces = None;
            parts.approvals = vec![lab.approval(&signed, &lab.bob.approve)];
        }),
        forged("a proposal for another project", "proposal-differs", |_, parts| {
            parts.proposal = |proposal| proposal.place.project = name("other");
        }),
        forged("a proposal for another service", "proposal-differs", |_, parts| {
            parts.proposal = |proposal| proposal.place.service = name("other");
        }),
        forged("a proposal for another environment", "proposal-differs", |_, parts| {
            parts.proposal = |proposal| proposal.place.environment = name("other");
        }),
        forged("a proposal of another release number", "proposal-differs", |_, parts| {
            parts.proposal = |proposal| proposal.release = 8;
        }),
        forged("a proposal of another artifact", "proposal-differs", |_, parts| {
            parts.proposal = |proposal| proposal.artifact = Digest::of(b"another");
        }),
        forged("a proposal of another plan", "proposal-differs", |_, parts| {
            parts.proposal = |proposal| proposal.plan = Digest::of(b"another");
        }),
        forged("a proposal of another commit", "proposal-differs", |_, parts| {
            parts.proposal = |proposal| proposal.commit = "e".repeat(40).parse().unwrap();
        }),
    ]
}

/// Another statement in place of production's, signed by the same people, with a policy that demands nothing.
fn instead(lab: &Lab, parts: &mut Parts, change: impl FnOnce(&mut Environment)) {
    let mut statement = lab.environment("production", &parts.replaces.1);
    parts.policy = lax_policy();
    statement.policy = parts.policy.digest().unwrap();
    change(&mut statement);
    let before = lab.environment("staging", &parts.replaces.1);
    parts.environments =
        vec![lab.signed_environment(&before, &[0, 1]), lab.signed_environment(&statement, &[0, 1])];
    // The report of production's agent names production and not this environment, so no report is left and nothing runs.
    parts.reports.truncate(1);
    parts.replaces.0 = None;
    lab.approve(parts);
}

fn staging(parts: &Parts) -> AgentReport {
    report("staging", 3, Digest::of(&parts.manifest), &parts.source.commit)
}
