//! The loan of secrets to a step.
//!
//! Invariant: nothing is lent but the newest version of a secret that the verified pipeline names for exactly the step that is
//! due on this runner, under a grant in force for the step, its ref, its pool and the hours; or, if the grant says so, leave to
//! read it in a store. All or nothing: if one secret of a claim is refused, none is handed out. A fact that is not known is a
//! refusal. A refusal tells of a secret's versions only where the step that is due has the secret.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evidence::entry::Actor;
use evidence::git::RefName;
use evidence::pool::Pool;
use evidence::receipt::Work;
use evidence::records::{Alert, AlertSort, Body, SecretUsed};
use evidence::secret_name::SecretName;
use evidence::statements::{self, Loan, LoanFault, Statement, StoreSource};
use evidence::{Digest, Id, Moment, Name};

use super::decision::{LentValue, LentVersion, ReadingDecision};
use super::state::{Rotation, Secret, State};
use crate::build::Due;
use crate::ids::RunId;
use crate::refusal::{Reason, Refusal};
use crate::{build, identity, statement};

/// A runner asks for the secrets of a step. The server has verified the claim, and has read the facts from blobs, which never
/// change: pipeline, request and statements.
#[derive(Clone, Debug)]
pub struct Lend {
    /// The runner that signed the claim.
    pub runner: Name,
    /// Nonce of the work that it does.
    pub nonce: Id,
    /// The run and step of that work, if the server knew them when the claim came.
    pub work: Option<(RunId, Name)>,
    /// The secrets that it asks for: at least one, at most [`NAMES_MAX`].
    pub names: BTreeSet<SecretName>,
    /// The secrets that the pipeline of the run's commit gives this step.
    pub named: BTreeSet<SecretName>,
    /// The ref that the request for the run names.
    pub at_ref: Option<RefName>,
    /// The pool that this ref leads to under the trust root.
    pub pool: Pool,
    /// Statements that may lend, each with verified signature.
    pub grants: Vec<LendingStatement>,
    /// Secrets that this runner has never been lent before. Only alerts rest on it.
    pub first: BTreeSet<SecretName>,
    /// Whether the vault has its root key.
    pub is_open: bool,
}

/// A statement that may lend a secret.
#[derive(Clone, Debug)]
pub struct LendingStatement {
    /// Digest of its payload, under which the state knows it.
    pub digest: Digest,
    /// Fingerprint of the key that signed it.
    pub key: String,
    /// The statement.
    pub statement: Arc<Statement>,
}

/// Everything that a decision about one secret reads.
struct Asked<'a> {
    lend: &'a Lend,
    due: Option<&'a Due>,
    /// The pool in which the run started, if runners have pools.
    started_in: Option<Pool>,
    identity: &'a identity::State,
    statement: &'a statement::State,
    moment: Moment,
}

/// Decides about all secrets of a claim.
pub(super) fn lend(
    identity: &identity::State,
    build: &build::State,
    statement: &statement::State,
    secret: &State,
    lend: &Lend,
    moment: Moment,
) -> ReadingDecision {
    let due = due(build, lend);
    let run = due.and_then(|due| build.run(due.run));
    let started_in = run.and_then(|run| run.started.pool);
    let asked = Asked { lend, due, started_in, identity, statement, moment };
    let decide = |name: &SecretName| {
        let known = secret.get(name);
        (name.clone(), (known, asked.decide(name, known)))
    };
    let decided: BTreeMap<_, _> = lend.names.iter().take(NAMES_MAX).map(decide).collect();
    let mut against: Vec<Reason> =
        decided.values().filter_map(|(_, one)| one.as_ref().err()).flatten().cloned().collect();
    if decided.is_empty() || lend.names.len() > NAMES_MAX {
        let what = format!("a claim names {} secrets", lend.names.len());
        against.push(Reason::new("secret-not-named", what, "ask for 1 to 16 that the step names"));
    }
    let refusal = Refusal::of(against);
    let mut lines = Vec::new();
    for (name, (known, one)) in &decided {
        lines.extend(asked.lines(name, *known, one, refusal.is_some()));
    }
    let versions = decided.into_iter().filter_map(|(name, (_, one))| Some((name, one.ok()?)));
    let lent = refusal.map_or_else(|| Ok(versions.collect()), Err);
    ReadingDecision { lent, lines }
}

/// The work that the claim is for, if it is still due on that runner.
fn due<'a>(build: &'a build::State, lend: &'a Lend) -> Option<&'a Due> {
    let (run, step) = lend.work.as_ref()?;
    let (run, work) = (build.run(*run)?, Work::Step(step.clone()));
    let own = |due: &&Due| due.nonce == lend.nonce && due.runner == lend.runner && due.work == work;
    run.due.iter().find(own).filter(|_| run.report(&work, &lend.runner).is_none())
}

impl Asked<'_> {
    fn decide(&self, name: &SecretName, known: Option<&Secret>) -> Result<LentValue, Vec<Reason>> {
        let mut reasons = Vec::new();
        let mut against =
            |code: &str, what: String, remedy: &str| reasons.push(Reason::new(code, what, remedy));
        let mut from = None;
        match self.due {
            None => {
                let what = format!("no step with this nonce is due on {}", self.lend.runner);
                against("secret-not-due", what, "ask while the step runs, for this step alone");
            }
            Some(due) if due.project != *name.project() => {
                let what = format!("{name} is of another project than the run, {}", due.project);
                against("secret-other-project", what, "put a secret of this project and name that");
            }
            Some(_) if !self.lend.named.contains(name) => {
                let what = format!("the pipeline of the commit does not give the step {name}");
                against("secret-not-named", what, "name it in `secrets` of the step");
            }
            Some(due) => {
                let (granted, ungranted) = self.granted(name, due);
                from = granted;
                ungranted.into_iter().for_each(|(code, what, remedy)| against(code, what, remedy));
            }
        }
        // The vault has no say in what is read elsewhere, and a version in it takes no part.
        let lent = match from {
            Some(from) => Some(LentValue::Elsewhere(from)),
            None => self.in_vault(name, known, &mut against),
        };
        match (lent, reasons.is_empty()) {
            (Some(lent), true) => Ok(lent),
            _ => Err(reasons),
        }
    }

    fn in_vault(
        &self,
        name: &SecretName,
        known: Option<&Secret>,
        against: &mut impl FnMut(&str, String, &str),
    ) -> Option<LentValue> {
        if !self.lend.is_open {
            let what = "the vault is sealed: the server has no root key".to_owned();
            against("vault-sealed", what, "give the server its root key and start it again");
        }
        // A runner whose step does not have the secret learns nothing of it, not even whether there is one.
        let is_of_step =
            self.due.is_some_and(|due| due.project == *name.project() && self.lend.named.contains(name));
        let lent = if is_of_step { version(name, known, self.moment, against) } else { None };
        lent.map(LentValue::Version)
    }

    /// The store from which grants lend the secret to the step, and why none lends it; without reasons one does.
    fn granted(&self, secret: &SecretName, due: &Due) -> (Option<StoreSource>, Ungranted) {
        let Work::Step(step) = &due.work else {
            return (None, vec![("secret-not-due", "only steps are lent secrets".to_owned(), "")]);
        };
        let (at_ref, pool, moment) = (self.lend.at_ref.as_ref(), self.lend.pool, self.moment);
        let loan = Loan { secret, project: &due.project, step, at_ref, pool, moment };
        let mut reasons = Vec::new();
        if self.started_in.is_some_and(|own| own != pool) {
            let what = format!("the run is not in pool {pool}, to which its ref leads now");
            reasons.push((LoanFault::OtherPool(pool, String::new()).code(), what, "run it again"));
        }
        let counting = self.lend.grants.iter().filter(|grant| self.void(grant).is_none());
        let faults = match statements::lend(counting.map(|grant| &*grant.statement), &loan) {
            Ok(terms) => return (terms.from, reasons),
            Err(faults) => faults,
        };
        reasons.extend(faults.iter().map(|fault| (fault.code(), fault.what(&loan), fault.remedy())));
        // People see why a grant that they know does not count.
        let void = self.lend.grants.iter().filter(|grant| grant.statement.lends(&loan).is_some());
        for why in void.filter_map(|grant| self.void(grant)) {
            let what = format!("a grant of {secret} to step {step} does not count: {why}");
            reasons.push((LoanFault::NotGranted.code(), what, LoanFault::NotGranted.remedy()));
        }
        (None, reasons)
    }

    /// Why a statement does not count, whatever it says.
    fn void(&self, grant: &LendingStatement) -> Option<&'static str> {
        let statement = &grant.statement;
        let project = &statement.scope.project;
        let Some(recorded) = self.statement.get(project, &grant.digest) else {
            return Some("it was withdrawn, or is not on record");
        };
        if self.moment < recorded.facts.not_before || recorded.facts.expires <= self.moment {
            return Some("it has ended, or begins later");
        }
        let person = recorded.facts.person;
        if person.id() != statement.person || recorded.facts.kind != statement.kind() {
            return Some("it is on record as another statement");
        }
        let holds = |role: &&str| {
            let role: Option<Name> = role.parse().ok();
            role.is_some_and(|role| self.identity.has_role(person, &role, project, None, self.moment))
        };
        if !recorded.facts.kind.rules().roles.iter().any(holds) {
            return Some("its signer does not hold the role for it in the whole project");
        }
        self.identity.is_revoked(&grant.key, self.moment).then_some("its key is revoked")
    }

    /// The lines of one secret. A secret that is withheld because of another one was not handed out, and its line says so.
    fn lines(
        &self,
        name: &SecretName,
        known: Option<&Secret>,
        decided: &Result<LentValue, Vec<Reason>>,
        is_refused: bool,
    ) -> Vec<Body> {
        let Lend { runner, work, .. } = self.lend;
        let (run, step) = work.clone().map(|(run, step)| (run.id(), step)).unzip();
        let mut reasons: BTreeSet<Name> =
            decided.as_ref().err().map(|reasons| codes(reasons)).unwrap_or_default();
        if is_refused && decided.is_ok() {
            reasons.extend("secret-withheld".parse());
        }
        let number = decided.as_ref().ok().and_then(LentValue::number);
        let from = decided.as_ref().ok().and_then(LentValue::from).cloned();
        let alert = |sort| {
            let (secret, who) = (name.clone(), Actor::Machine(runner.clone()));
            Body::from(Alert { sort, secret, number, who, run, step: step.clone(), place: None })
        };
        let is_outside = reasons.iter().any(|code| code.as_str() == OUTSIDE_HOURS);
        let alerts = [
            (is_outside, AlertSort::OutsideHours),
            (known.is_some_and(|known| known.honey), AlertSort::HoneyToken),
            (!is_refused && self.lend.first.contains(name), AlertSort::FirstUse),
        ];
        let alerts = alerts.into_iter().filter(|(is_so, _)| *is_so).map(|(_, sort)| alert(sort));
        let used = SecretUsed {
            secret: name.clone(),
            number,
            who: Actor::Machine(runner.clone()),
            run,
            step: step.clone(),
            place: None,
            release: None,
            allowed: !is_refused,
            reasons: reasons.clone(),
            reason: None,
            from,
        };
        std::iter::once(Body::from(used)).chain(alerts).collect()
    }
}

/// The newest version, if it may be lent. An older one never takes its place.
pub(super) fn version(
    name: &SecretName,
    known: Option<&Secret>,
    moment: Moment,
    against: &mut impl FnMut(&str, String, &str),
) -> Option<LentVersion> {
    let Some((secret, (number, newest))) = known.and_then(|known| Some((known, known.newest()?))) else {
        against("secret-unknown", format!("there is no secret {name}"), "put a version of it");
        return None;
    };
    if newest.destroyed {
        let what = format!("version {number} of {name}, the newest, was destroyed");
        against("secret-destroyed", what, "put a new version");
    }
    if newest.has_expired(moment) {
        let what = format!("version {number} of {name}, the newest, has expired");
        against("secret-expired", what, "put a new version");
    }
    if let Rotation::Due(since) = secret.rotation(moment) {
        let what = format!("{name} is due for rotation since {since}");
        against("secret-rotation-due", what, "put a new version");
    }
    Some(LentVersion { number, value: newest.value })
}

pub(super) fn codes(reasons: &[Reason]) -> BTreeSet<Name> {
    reasons.iter().filter_map(|reason| reason.code.parse().ok()).collect()
}

/// Reasons: code, sentence and remedy of each.
type Ungranted = Vec<(&'static str, String, &'static str)>;
/// Most secrets of one claim.
pub const NAMES_MAX: usize = 16;
const OUTSIDE_HOURS: &str = "secret-outside-hours";
