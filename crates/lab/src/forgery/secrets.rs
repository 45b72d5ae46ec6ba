//! Secrets of a place: versions that are missing, lower than the plan needs, or that somebody else can open.

use std::collections::BTreeSet;

use evidence::Bytes;
use evidence::Digest;
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::plan::SecretReference;
use evidence::seal::{SealKey, WrappedKey};
use evidence::statements::{
    Body, Borrower, DeploySecret, GrantedSecret, SecretGrant, SecretVersion, Statement,
};

use super::row::{Forgery, forged};
use super::stating::{state, stated, statement};
use crate::files::RELEASE_SECRETS;
use crate::parts::Parts;
use crate::world::{Lab, id, name};

pub(super) const NOT_GRANTED: &str = "secret-not-granted";
pub(super) const MISSING: &str = "secret-missing";
const EXPOSED: &str = "secret-exposed";

pub(super) fn with_secrets(lab: &mut Lab) {
    lab.release = RELEASE_SECRETS;
}

pub(super) fn rows() -> Vec<Forgery> {
    let of_versions = vec![
        forged("a version of a secret below the one that the plan needs", MISSING, |lab, parts| {
            versioned(lab, parts, |version| version.number = 1);
        }),
        forged("a version of a secret that an agent cannot open", MISSING, |lab, parts| {
            versioned(lab, parts, |version| version.keys = [(seal(9), wrapped())].into());
            instead(lab, parts, |statement| statement.agents[0].seal = Some(seal(8)));
        }),
        forged("a secret for an agent without a seal key", MISSING, |lab, parts| {
            versioned(lab, parts, |_| ());
            instead(lab, parts, |statement| statement.agents[0].seal = None);
        }),
        forged("a version of a secret that an agent of before can open", EXPOSED, |lab, parts| {
            versioned(lab, parts, |version| {
                version.keys.insert(seal(9), wrapped());
            });
        }),
        forged("two versions of a secret with one number", MISSING, |lab, parts| {
            beside(lab, parts, |version| version.value = Digest::of(b"another sealed value"));
        }),
        forged("a secret that is granted at other hours", "secret-outside-hours", |lab, parts| {
            stated(lab, parts, grant, |it| {
                if let Body::Grant(grant) = &mut it.body {
                    grant.hours = Some(OTHER_HOURS.parse().unwrap());
                }
            });
        }),
        forged("the version of a secret before one that the status withdraws", MISSING, |lab, parts| {
            beside(lab, parts, |version| version.number = 3);
            let mut status = lab.status();
            status.withdrawn = vec![parts.statements[1].payload_digest()];
            parts.status = lab.signed_status(&status, &[0, 1]);
        }),
    ];
    let of_plans = vec![
        forged("a plan with a secret that its release file does not name", PLAN, |lab, parts| {
            versioned(lab, parts, |_| ());
            let secret = SecretReference { secret: name("master"), least: 1, variable: None };
            parts.plan.secrets.insert(name("master"), secret);
            lab.approve(parts);
        }),
        forged("a plan without the secret that its release file names", PLAN, |lab, parts| {
            parts.plan.secrets.clear();
            lab.approve(parts);
        }),
        forged("a plan with a lower version of a secret than its release file", PLAN, |lab, parts| {
            versioned(lab, parts, |version| version.number = 1);
            parts.plan.secrets.values_mut().for_each(|one| one.least = 1);
            lab.approve(parts);
        }),
    ];
    [of_versions, of_plans].concat().into_iter().map(|row| row.in_lab(with_secrets)).collect()
}

/// Bob lets the service have the secret; a version of it is there.
pub(super) fn grant(lab: &Lab, parts: &mut Parts) -> Statement {
    let version = put(lab, parts);
    state(lab, parts, &version, &lab.bob.approve);
    given(lab, parts)
}

/// Bob's version of the secret `database` at the place, which is granted to the service.
pub(super) fn deploy_secret(lab: &Lab, parts: &mut Parts) -> Statement {
    let grant = given(lab, parts);
    state(lab, parts, &grant, &lab.bob.approve);
    put(lab, parts)
}

fn given(lab: &Lab, parts: &mut Parts) -> Statement {
    let grant = SecretGrant {
        secret: GrantedSecret::Deploy(name("database")),
        to: Borrower::Service(name("api")),
        refs: BTreeSet::new(),
        pools: BTreeSet::new(),
        network: BTreeSet::new(),
        hours: None,
        from: None,
    };
    let subject = grant.secret.subject();
    Statement { nonce: id(94), ..statement(lab, parts, subject, Body::Grant(grant)) }
}

/// Bob's version of the secret `database` at the place, for its one agent, whose statement gets a seal key.
fn put(lab: &Lab, parts: &mut Parts) -> Statement {
    instead(lab, parts, |statement| statement.agents[0].seal = Some(seal(8)));
    let version = SecretVersion {
        secret: name("database"),
        number: 2,
        value: Digest::of(b"a sealed value"),
        keys: [(seal(8), wrapped())].into(),
    };
    statement(lab, parts, version.value, Body::DeploySecret(DeploySecret(version)))
}

/// Makes a version one of another secret, whose sealed value is the statement's subject.
pub(super) fn of_another(statement: &mut Statement) {
    match &mut statement.body {
        Body::DeploySecret(DeploySecret(version)) => {
            version.secret = name("another");
            version.value = statement.subjects[0];
        }
        Body::Grant(grant) => {
            grant.secret = GrantedSecret::Deploy(name("another"));
            statement.subjects = vec![grant.secret.subject()];
        }
        _ => {}
    }
}

/// Makes a statement count for another service; a grant names its service in its scope too.
pub(super) fn for_service(statement: &mut Statement, service: &str) {
    statement.scope.service = Some(name(service));
    if let Body::Grant(grant) = &mut statement.body {
        grant.to = Borrower::Service(name(service));
    }
}

fn versioned(lab: &Lab, parts: &mut Parts, change: impl Fn(&mut SecretVersion)) {
    stated(lab, parts, deploy_secret, |statement| changed(statement, &change));
}

/// The honest version, and a changed one beside it.
fn beside(lab: &Lab, parts: &mut Parts, change: impl Fn(&mut SecretVersion)) {
    versioned(lab, parts, |_| ());
    let honest: Option<Envelope> = parts.statements.last().cloned();
    let mut other = Statement { nonce: id(96), ..deploy_secret(lab, parts) };
    changed(&mut other, &change);
    state(lab, parts, &other, &lab.bob.approve);
    parts.statements.extend(honest);
    lab.approve(parts);
}

fn changed(statement: &mut Statement, change: &impl Fn(&mut SecretVersion)) {
    let Body::DeploySecret(DeploySecret(version)) = &mut statement.body else { return };
    change(version);
    statement.subjects = vec![version.value];
}

/// Has the statement of production signed again with a change.
fn instead(lab: &Lab, parts: &mut Parts, change: impl FnOnce(&mut Environment)) {
    let mut statement = Environment::read(&parts.environments[1]).unwrap();
    change(&mut statement);
    parts.environments[1] = lab.signed_environment(&statement, &[0, 1]);
    lab.approve(parts);
}

fn seal(byte: u8) -> SealKey {
    let text = serde_json::to_value(Bytes(vec![byte; 32])).unwrap();
    format!("x25519:{}", text.as_str().unwrap()).parse().unwrap()
}

fn wrapped() -> WrappedKey {
    WrappedKey { enc: Bytes(vec![1; 32]), bytes: Bytes(vec![2; 48]) }
}

/// A minute that is days away.
const OTHER_HOURS: &str = "wed 10:00-10:01";
const PLAN: &str = "plan-differs";
