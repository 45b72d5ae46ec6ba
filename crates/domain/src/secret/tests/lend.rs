//! Given a step that is due, a secret and a grant, when a runner asks, then it is lent the secret, or refused by name.
//!
//! Each attack changes one thing of the honest claim, which `an_honest_claim_is_lent_its_secret` shows to succeed.

mod alerts;
mod grants;
mod versions;

use std::collections::BTreeMap;
use std::sync::Arc;

use evidence::Moment;
use evidence::enrolment::Grant;
use evidence::pool::Pool;
use evidence::receipt::Work;
use evidence::records::{AlertSort, Body, SecretUsed};
use evidence::secret_name::SecretName;
use evidence::statements::{
    Body as Content, Borrower, GrantedSecret, Scope, SecretGrant, Statement, StatementKind, StoreSource,
};
use evidence::status::Revocation;

use super::owned;
use crate::identity::StatusSet;
use crate::scenario::{alice, at, bob, commit, digest, happen, id, name, people, report, run, run_id};
use crate::secret::{
    Lend, LendingStatement, LentValue, LentVersion, Reading, ReadingDecision, SecretDestroyed, SecretPut,
    Show, read,
};
use crate::statement::Stated;
use crate::{Command, Event, PersonId, RunId, State, build};

const HOUR: u64 = 3_600;
/// 8 January 1970 is a Thursday.
const THURSDAY: u64 = 7 * 24 * HOUR;
const KEY: &str = "SHA256:1-Approve";

fn secret(text: &str) -> SecretName {
    text.parse().unwrap()
}

fn token() -> SecretName {
    secret("shop/registry/token")
}

/// A state, a claim and the time at which it comes.
struct Claim {
    state: State,
    lend: Lend,
    moment: Moment,
}

/// Alice owns the secrets of `shop` for a year, and so does Bob those of `bank`.
fn owners(state: &mut State) {
    for (event, project) in people().into_iter().skip(1).zip(["shop", "bank"]) {
        let Event::Enrolled(mut enrolled) = event else { unreachable!("people are enrolled") };
        enrolled.expires = at(365 * 24 * HOUR);
        enrolled.grants = ["secret-owner", "developer"]
            .map(|role| Grant { role: name(role), project: Some(name(project)), environment: None })
            .to_vec();
        state.apply(&Event::Enrolled(enrolled), at(7));
    }
}

fn put(state: &mut State, change: impl FnOnce(&mut SecretPut)) {
    let mut put = SecretPut {
        secret: token(),
        number: 1,
        value: digest("sealed"),
        person: alice(),
        expires: None,
        rotate_days: None,
        honey: false,
    };
    change(&mut put);
    state.apply(&Event::SecretPut(put), at(THURSDAY));
    assert_eq!(state.misfits, 0);
}

/// A grant of the token to the step `build`, by Alice.
fn grant(change: impl FnOnce(&mut SecretGrant)) -> Statement {
    let mut grant = SecretGrant {
        secret: GrantedSecret::Build(token()),
        to: Borrower::Step(name("build")),
        refs: ["refs/heads/main".parse().unwrap()].into(),
        pools: [Pool::Protected].into(),
        network: [].into(),
        hours: None,
        from: None,
    };
    change(&mut grant);
    Statement {
        installation: id(9),
        person: alice().id(),
        scope: Scope { project: name("shop"), service: None, environment: None },
        subjects: vec![grant.secret.subject()],
        not_before: at(0),
        expires: at(THURSDAY + 30 * 24 * HOUR),
        root: 1,
        checkpoint: "countersign/0101\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n".into(),
        reason: "it is published from here".into(),
        nonce: id(53),
        via: "command-line".into(),
        body: Content::Grant(grant),
    }
}

fn stated(statement: &Statement) -> Stated {
    Stated {
        statement: digest(&format!("{statement:?}")),
        kind: StatementKind::Grant,
        person: statement.person.into(),
        scope: statement.scope.clone(),
        not_before: statement.not_before,
        expires: statement.expires,
        envelope: digest("envelope"),
        secret: None,
    }
}

impl Claim {
    /// Runner 1 asks for the token while it does the step `build` of Alice's run on `main`, at nine on a Thursday.
    fn honest() -> Self {
        let mut state = owned();
        owners(&mut state);
        put(&mut state, |_| ());
        happen(&mut state, &Command::Run(Box::new(build::Run { pool: Some(Pool::Protected), ..run(false) })));
        let runner = name("runner-1");
        let nonce = state.build.outstanding(&runner).next().unwrap().nonce;
        let lend = Lend {
            runner,
            nonce,
            work: Some((run_id(), name("build"))),
            names: [token()].into(),
            named: [token()].into(),
            at_ref: Some("refs/heads/main".parse().unwrap()),
            pool: Pool::Protected,
            grants: Vec::new(),
            first: [].into(),
            is_open: true,
        };
        let mut claim = Self { state, lend, moment: at(THURSDAY + 9 * HOUR) };
        claim.grant(grant(|_| ()));
        claim
    }

    /// Records a grant and gives it to the claim.
    fn grant(&mut self, statement: Statement) {
        let stated = stated(&statement);
        self.state.apply(&Event::Stated(stated.clone()), at(8));
        let (digest, statement) = (stated.statement, Arc::new(statement));
        self.lend.grants.push(LendingStatement { digest, key: KEY.into(), statement });
    }

    /// Replaces the grant by another one.
    fn granted(&mut self, change: impl FnOnce(&mut SecretGrant)) {
        let old: Vec<_> = self.lend.grants.drain(..).map(|grant| grant.digest).collect();
        self.state.statement.withdraw(&old);
        self.grant(grant(change));
    }

    fn decide(&self) -> ReadingDecision {
        read(&self.state, &Reading::Lend(Box::new(self.lend.clone())), self.moment)
    }
}

fn used<'a>(decision: &'a ReadingDecision) -> Vec<&'a SecretUsed> {
    let of = |line: &'a Body| if let Body::SecretUsed(used) = line { Some(used) } else { None };
    decision.lines.iter().filter_map(of).collect()
}

fn alerts(decision: &ReadingDecision) -> Vec<AlertSort> {
    let of = |line: &Body| if let Body::Alert(alert) = line { Some(alert.sort) } else { None };
    decision.lines.iter().filter_map(of).collect()
}

/// Codes of the refusal of a changed claim; none if it is lent. Every line says the same.
fn codes(change: impl FnOnce(&mut Claim)) -> Vec<String> {
    let mut claim = Claim::honest();
    change(&mut claim);
    codes_of(&claim)
}

fn codes_of(claim: &Claim) -> Vec<String> {
    let decision = claim.decide();
    assert!(decision.lines.iter().all(|line| line.check().is_ok()), "{:?}", decision.lines);
    assert_eq!(
        used(&decision).len(),
        claim.lend.names.len().min(crate::secret::NAMES_MAX),
        "a line for each secret"
    );
    let Err(refusal) = &decision.lent else {
        assert!(used(&decision).iter().all(|used| used.allowed), "{:?}", decision.lines);
        return Vec::new();
    };
    assert!(used(&decision).iter().all(|used| !used.allowed), "{:?}", decision.lines);
    let mut codes: Vec<_> = refusal.reasons().map(|reason| reason.code.clone()).collect();
    codes.sort();
    codes.dedup();
    codes
}

#[test]
fn an_honest_claim_is_lent_its_secret() {
    let decision = Claim::honest().decide();
    let lent = LentVersion { number: 1, value: digest("sealed") };
    assert_eq!(decision.lent, Ok(BTreeMap::from([(token(), LentValue::Version(lent))])));
    let [used] = used(&decision)[..] else { panic!("{:?}", decision.lines) };
    assert_eq!(
        (used.number, used.run, used.step.clone()),
        (Some(1), Some(run_id().id()), Some(name("build")))
    );
    assert!(used.allowed && used.reasons.is_empty());
    assert_eq!(alerts(&decision), []);
    assert_eq!(codes(|_| ()), [""; 0]);
}

fn elsewhere(text: &str) -> Option<StoreSource> {
    Some(text.parse().unwrap())
}

/// The server has nothing of such a value but the line: not a version, and not even an open vault.
#[test]
fn a_secret_of_a_store_is_lent_without_a_version() {
    let mut claim = Claim::honest();
    claim.granted(|grant| grant.from = elsewhere("bao:secret/shop/registry#token"));
    claim.lend.is_open = false;
    let gone = SecretDestroyed { secret: token(), number: 1, person: alice() };
    claim.state.apply(&Event::SecretDestroyed(gone), at(THURSDAY));
    let decision = claim.decide();
    let from = elsewhere("bao:secret/shop/registry#token").unwrap();
    assert_eq!(decision.lent, Ok(BTreeMap::from([(token(), LentValue::Elsewhere(from.clone()))])));
    let [used] = used(&decision)[..] else { panic!("{:?}", decision.lines) };
    assert_eq!((used.number, used.from.clone(), used.allowed), (None, Some(from), true));
    assert_eq!(codes_of(&claim), [""; 0], "its line is sound");
}

/// The rest of the grant counts as for a value of the vault.
#[test]
fn attack_a_secret_of_a_store_beyond_its_grant() {
    let changed = |change: fn(&mut Claim)| {
        codes(|claim| {
            claim.granted(|grant| grant.from = elsewhere("bao:secret/shop/registry#token"));
            change(claim);
        })
    };
    assert_eq!(changed(|_| ()), [""; 0]);
    assert_eq!(changed(|claim| claim.lend.pool = Pool::Branch), ["secret-pool"]);
    assert_eq!(changed(|claim| claim.lend.at_ref = None), ["secret-ref-unverified"]);
    assert_eq!(changed(|claim| claim.lend.named.clear()), ["secret-not-named"]);
    assert_eq!(changed(|claim| claim.lend.work = None), ["secret-not-due"]);
    let other =
        codes(|claim| claim.grant(grant(|grant| grant.from = elsewhere("bao:secret/shop/other#token"))));
    assert_eq!(other, ["secret-sources"], "the vault, or the store: nobody guesses which");
}

#[test]
fn attack_another_step_asks() {
    let other = |claim: &mut Claim| claim.lend.work = Some((run_id(), name("test")));
    assert_eq!(codes(other), ["secret-not-due"]);
    assert_eq!(
        codes(|claim| claim.granted(|grant| grant.to = Borrower::Step(name("publish")))),
        ["secret-not-granted"]
    );
}

#[test]
fn attack_another_run_asks() {
    let other: RunId = id(51).into();
    assert_eq!(codes(|claim| claim.lend.work = Some((other, name("build")))), ["secret-not-due"]);
}

#[test]
fn attack_another_runner_asks() {
    assert_eq!(
        codes(|claim| claim.lend.runner = name("runner-2")),
        ["secret-not-due"],
        "with the other's nonce"
    );
    assert_eq!(codes(|claim| claim.lend.runner = name("runner-9")), ["secret-not-due"]);
}

#[test]
fn attack_a_nonce_is_invented_or_unknown() {
    assert_eq!(codes(|claim| claim.lend.nonce = id(99)), ["secret-not-due"]);
    assert_eq!(codes(|claim| claim.lend.work = None), ["secret-not-due"]);
}

#[test]
fn attack_a_claim_is_replayed_after_the_step_was_reported() {
    let mut claim = Claim::honest();
    let report = report(&claim.state, "runner-1", Work::Step(name("build")), "");
    happen(&mut claim.state, &Command::Report(Box::new(report)));
    assert_eq!(codes_of(&claim), ["secret-not-due"]);
}

#[test]
fn attack_a_claim_is_replayed_after_the_run_was_cancelled() {
    let mut claim = Claim::honest();
    let cancel = build::Cancel { run: run_id(), commit: commit(1), person: alice() };
    happen(&mut claim.state, &Command::Cancel(cancel));
    assert_eq!(codes_of(&claim), ["secret-not-due"]);
}

/// Bob grants his own project's secret to the step of another project.
#[test]
fn attack_a_secret_of_another_project_is_named() {
    let foreign = secret("bank/registry/token");
    let mut claim = Claim::honest();
    put(&mut claim.state, |put| {
        *put = SecretPut { secret: foreign.clone(), value: digest("x"), person: bob(), ..put.clone() }
    });
    claim.lend.names = [foreign.clone()].into();
    claim.lend.named = [foreign.clone()].into();
    let mut statement = grant(|grant| grant.secret = GrantedSecret::Build(foreign));
    (statement.person, statement.scope.project) = (bob().id(), name("bank"));
    claim.grant(statement);
    assert_eq!(codes_of(&claim), ["secret-other-project"]);
}

#[test]
fn attack_the_pipeline_of_the_commit_does_not_name_the_secret() {
    assert_eq!(codes(|claim| claim.lend.named = [].into()), ["secret-not-named"]);
    assert_eq!(codes(|claim| claim.lend.named = [secret("shop/other")].into()), ["secret-not-named"]);
}

#[test]
fn attack_the_run_is_on_another_ref() {
    assert_eq!(codes(|claim| claim.lend.at_ref = Some("refs/heads/evil".parse().unwrap())), ["secret-ref"]);
}

/// Uploaded commits, and commits of forks, are on no ref that a runner verifies.
#[test]
fn attack_the_run_is_on_no_verified_ref() {
    assert_eq!(codes(|claim| claim.lend.at_ref = None), ["secret-ref-unverified"]);
}

#[test]
fn attack_the_run_is_in_another_pool() {
    for pool in [Pool::Fork, Pool::Branch, Pool::Deploy] {
        assert_eq!(codes(|claim| claim.lend.pool = pool), ["secret-pool"], "{pool}");
        let other = |claim: &mut Claim| claim.granted(|grant| grant.pools = [pool].into());
        assert_eq!(codes(other), ["secret-pool"], "{pool}");
    }
}

/// A ref that became protected after the run had started in the pool of branches.
#[test]
fn attack_a_run_moves_into_a_better_pool() {
    let mut claim = Claim::honest();
    let fresh = owned();
    claim.state.build = fresh.build;
    claim.state.source = fresh.source;
    happen(&mut claim.state, &Command::Run(Box::new(build::Run { pool: Some(Pool::Branch), ..run(false) })));
    assert_eq!(codes_of(&claim), ["secret-pool"]);
}

#[test]
fn attack_the_vault_is_sealed() {
    assert_eq!(codes(|claim| claim.lend.is_open = false), ["vault-sealed"]);
}

#[test]
fn attack_a_claim_without_secrets_or_with_too_many() {
    assert_eq!(codes(|claim| claim.lend.names.clear()), ["secret-not-named"]);
    let many = |claim: &mut Claim| {
        claim.lend.names = (0..17).map(|n| secret(&format!("shop/s{n}"))).collect();
        claim.lend.named.clone_from(&claim.lend.names);
    };
    assert!(codes(many).contains(&"secret-not-named".to_owned()));
}

/// A claim for two secrets, of which one is granted, hands out none, and the line of the other says that it was withheld.
#[test]
fn attack_a_refused_secret_takes_the_others_with_it() {
    let mut claim = Claim::honest();
    let other = secret("shop/other");
    put(&mut claim.state, |put| {
        *put = SecretPut { secret: other.clone(), value: digest("x"), ..put.clone() }
    });
    claim.lend.names.insert(other.clone());
    claim.lend.named.insert(other);
    assert_eq!(codes_of(&claim), ["secret-not-granted"]);
    let decision = claim.decide();
    let reasons: Vec<_> = used(&decision).iter().flat_map(|used| used.reasons.clone()).collect();
    assert_eq!(reasons, [name("secret-not-granted"), name("secret-withheld")]);
    claim.grant(grant(|grant| grant.secret = GrantedSecret::Build(secret("shop/other"))));
    assert_eq!(codes_of(&claim), [""; 0]);
}
