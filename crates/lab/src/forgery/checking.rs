//! Orders to check a service: what a server shows a runner although no agent said that the release runs, or to lead the
//! check to something else.

use evidence::Bytes;
use evidence::configuration::{Bounds, Configuration};
use evidence::receipt::Work;
use evidence::release_check::ReleaseCheck;
use evidence::report::{AgentReport, ReleaseOutcome};
use evidence::run_order::CheckOrder;
use evidence::status::Revocation;
use evidence::{Digest, Place};

use super::runs::{PIPELINE, RunForgery, WorkOffer, asked, in_force};
use crate::files::RELEASE_CHECKS;
use crate::parts::{built, plan, report};
use crate::world::{Lab, at, configuration, name};

/// An installation whose project declares checks, with runners and agents on one host.
#[must_use]
pub fn with_checks() -> Lab {
    let mut lab = Lab::default();
    prepare(&mut lab);
    lab
}

fn prepare(lab: &mut Lab) {
    lab.pipeline = PIPELINE;
    lab.release = RELEASE_CHECKS;
    lab.unusual = |root| root.runners.iter_mut().for_each(|runner| runner.place.host = "staging".to_owned());
}

impl Lab {
    /// A check of release 3 in staging, which an agent has brought up.
    #[must_use]
    pub fn asked_to_check(&self) -> WorkOffer {
        let mut offer = self.asked();
        let artifact = Digest::of(&built().manifest);
        offer = offer.with(Work::Check(ReleaseCheck {
            place: Place { project: name("shop"), service: name("api"), environment: name("staging") },
            release: 3,
            artifact,
            name: name("attack"),
        }));
        let mut said = report("staging", 3, artifact, &offer.due.commit);
        said.plan = self.plan_of(&offer);
        let environment = self.environment("staging", &self.base());
        offer.order.checks = vec![CheckOrder {
            report: self.report(&said, &self.staging),
            environment: self.signed_environment(&environment, &[0, 1]),
            configuration: Bytes(configuration().encode().unwrap()),
        }];
        offer
    }

    /// Digest of the plan that the agent applied.
    fn plan_of(&self, offer: &WorkOffer) -> Digest {
        let (pack, _) = self.written("a change", std::slice::from_ref(&self.base()));
        assert_eq!(pack.commit, offer.due.commit);
        plan("staging", &pack).digest().unwrap()
    }
}

/// A row that begins with an honest order to check.
fn row(name: &'static str, code: &'static str, change: fn(&Lab, &mut WorkOffer)) -> RunForgery {
    asked(name, code, change).in_lab(prepare).checked()
}

pub(super) fn rows() -> Vec<RunForgery> {
    [reports(), targets()].concat()
}

fn reports() -> Vec<RunForgery> {
    const OTHER: &str = "check-of-another-release";
    vec![
        row("a check of what no agent has brought up", "check-without-report", |_, asked| {
            asked.order.checks.clear();
        }),
        row("a check with the report of another place", "check-without-report", |lab, asked| {
            said(lab, asked, |report| report.environment = name("production"));
        }),
        row("two reports of one place", "order-unsound", |_, asked| {
            let again = asked.order.checks[0].clone();
            asked.order.checks.push(again);
        }),
        row("a report that the server signed", "report-unsound", |lab, asked| {
            let report = AgentReport::read(&asked.order.checks[0].report).unwrap();
            asked.order.checks[0].report = lab.report(&report, &lab.provenance);
        }),
        row("an agent that the policy signers did not name", "environment-unsound", |lab, asked| {
            let mut statement = lab.environment("staging", &lab.base());
            statement.agents[0].key = *lab.provenance.public();
            asked.order.checks[0].environment = lab.signed_environment(&statement, &[0]);
        }),
        row("a report by a revoked key of an agent", "agent-revoked", |lab, asked| {
            in_force(lab, asked, |_, status| {
                let key = lab.staging.public().id().to_string();
                status.revoked = vec![Revocation { key, invalid_since: at(-60) }];
            });
        }),
        row("a check of a release that did not work", OTHER, |lab, asked| {
            said(lab, asked, |report| report.outcome = ReleaseOutcome::Returned);
        }),
        row("a check of another release than the agent reported", OTHER, |lab, asked| {
            said(lab, asked, |report| report.release = 2);
        }),
        row("a check of another artifact than the agent reported", OTHER, |lab, asked| {
            said(lab, asked, |report| {
                let other = Digest::of(b"another artifact");
                (report.artifact, report.running.as_mut().unwrap().artifact) = (other, other);
            });
        }),
        row("a check from another commit than runs there", OTHER, |lab, asked| {
            let base = lab.base();
            let mut report = AgentReport::read(&asked.order.checks[0].report).unwrap();
            report.running.as_mut().unwrap().commit = base;
            asked.order.checks[0].report = lab.report(&report, &lab.staging);
        }),
    ]
}

fn targets() -> Vec<RunForgery> {
    vec![
        row("a check of a service on another host", "other-host", |_, _| {}).in_lab(|lab| {
            prepare(lab);
            lab.unusual = |_| {};
        }),
        row(
            "another configuration, with the port of another program",
            "configuration-differs",
            |_, asked| {
                let other = Configuration { port: Some(5_432), ..configuration() };
                asked.order.checks[0].configuration = Bytes(other.encode().unwrap());
            },
        ),
        row("a configuration with other bounds", "configuration-differs", |_, asked| {
            let other = Configuration { bounds: Some(Bounds::default()), ..configuration() };
            asked.order.checks[0].configuration = Bytes(other.encode().unwrap());
        }),
        row("a signed configuration that the agent did not apply", "plan-differs", |lab, asked| {
            let other = Configuration { port: Some(5_432), ..configuration() }.encode().unwrap();
            let mut statement = lab.environment("staging", &lab.base());
            statement.configuration = Digest::of(&other);
            asked.order.checks[0].environment = lab.signed_environment(&statement, &[0, 1]);
            asked.order.checks[0].configuration = Bytes(other);
        }),
        row("a check that the commit does not declare", "check-unknown", |_, asked| {
            renamed(asked, "other", "staging");
        }),
        row("a check that is declared for another environment", "check-unknown", |lab, asked| {
            renamed(asked, "attack", "production");
            let mut report = AgentReport::read(&asked.order.checks[0].report).unwrap();
            let (pack, _) = lab.written("a change", std::slice::from_ref(&lab.base()));
            report.environment = name("production");
            report.plan = plan("production", &pack).digest().unwrap();
            let mut statement = lab.environment("production", &lab.base());
            statement.agents[0].place.host = "staging".to_owned();
            asked.order.checks[0].report = lab.report(&report, &lab.production);
            asked.order.checks[0].environment = lab.signed_environment(&statement, &[0, 1]);
        }),
    ]
}

/// The agent says something else.
fn said(lab: &Lab, asked: &mut WorkOffer, change: fn(&mut AgentReport)) {
    let mut report = AgentReport::read(&asked.order.checks[0].report).unwrap();
    change(&mut report);
    asked.order.checks[0].report = lab.report(&report, &lab.staging);
}

fn renamed(asked: &mut WorkOffer, check: &str, environment: &str) {
    let Work::Check(mut work) = asked.due.work.clone() else { return };
    work.name = name(check);
    work.place.environment = name(environment);
    *asked = asked.clone().with(Work::Check(work));
}
