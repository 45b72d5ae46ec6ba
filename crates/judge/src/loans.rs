//! Loans: whether the grants of a run order lend the secrets that a step names, as the runner sees it before it asks for a value.
//!
//! Invariant: nothing is lent on the server's word. Each grant is signed by a person of the pinned root who may lend in this project
//! today, and the ref is the one that this runner verified itself. A server that withholds or adds a grant can only make a refusal.
//! Whether change authors sign grants is not asked here: an owner of a secret may read it anyway.

use std::collections::{BTreeMap, BTreeSet};

use evidence::dsse::Envelope;
use evidence::enrolment::Purpose;
use evidence::git::RefName;
use evidence::pipeline::Pipeline;
use evidence::pool::Pool;
use evidence::run_order::{GRANTS_MAX, RunOrder};
use evidence::secret_name::SecretName;
use evidence::statements::{Loan, LoanFault, Reach, Statement, lend};
use evidence::status::Status;
use evidence::trust_root::TrustRoot;
use evidence::{Moment, Name};

use crate::people::{People, roles};
use crate::reasons::{Reasons, one_reason};
use crate::records::NOWHERE;

/// The secrets that people lent to a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lent {
    /// Secrets by the names under which the step gets them.
    pub secrets: BTreeMap<Name, SecretName>,
    /// Destinations, `HOST:PORT`, to which the step is bound while it holds them; `None` if it holds none.
    pub reach: Option<Reach>,
}

/// A run as grants are about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LendingRun<'a> {
    pub project: &'a Name,
    pub at_ref: Option<&'a RefName>,
    pub pool: Pool,
    pub moment: Moment,
}

/// A grant of a run order.
#[derive(Clone, Debug)]
pub(crate) struct ProvenGrant {
    statement: Statement,
    by: String,
    /// Reasons why it does not count; empty if it does.
    void: Vec<&'static str>,
}

/// Proves the grants of an order.
pub(crate) fn prove(
    order: &RunOrder,
    project: &Name,
    root: &TrustRoot,
    status: &Status,
    people: &People,
) -> Result<Vec<ProvenGrant>, Reasons> {
    if order.grants.len() > GRANTS_MAX {
        return Err(unsound(format!("more than {GRANTS_MAX} grants are here")));
    }
    if !order.grants.is_sorted_by(|a, b| a.payload_digest() < b.payload_digest()) {
        return Err(unsound("grants are not sorted, or one stands twice"));
    }
    order.grants.iter().map(|envelope| proven(envelope, project, root, status, people)).collect()
}

fn proven(
    envelope: &Envelope,
    project: &Name,
    root: &TrustRoot,
    status: &Status,
    people: &People,
) -> Result<ProvenGrant, Reasons> {
    let statement = Statement::read(envelope).map_err(|error| unsound(error.to_string()))?;
    if statement.installation != root.installation {
        return Err(unsound("a grant is of another installation"));
    }
    let person = people.by_id(statement.person);
    let person = person.ok_or_else(|| unsound(format!("person {} is not enrolled", statement.person)))?;
    let keys: Vec<_> = person.keys_for(Purpose::Approve).collect();
    let key = statement.verify(envelope, &keys).map_err(|error| unsound(error.to_string()))?;
    if statement.body.borrower().is_none() || statement.scope.project != *project {
        let what = format!("a statement by {} lends nothing to a step of {project}", person.name);
        return Err(one_reason("statement-stray", what, AGAIN));
    }
    let held = roles(person, project, None);
    let has_role = held.iter().any(|role| statement.kind().rules().roles.contains(&role.as_str()));
    let faults = [
        (status.withdrawn.contains(&envelope.payload_digest()), "it was withdrawn"),
        (!people.keys(person, Purpose::Approve, &NOWHERE).contains(&key), "its key is revoked"),
        (!has_role, "its signer does not hold the role for it in the whole project"),
        (statement.root > root.version, "it names a trust root that is still to come"),
    ];
    let void = faults.into_iter().filter_map(|(is_so, what)| is_so.then_some(what)).collect();
    Ok(ProvenGrant { by: person.name.clone(), statement, void })
}

/// Decides about every secret that a step names.
pub(crate) fn lent(
    grants: &[ProvenGrant],
    step: &Name,
    pipeline: &Pipeline,
    run: LendingRun<'_>,
) -> Result<Lent, Reasons> {
    let asked = pipeline.steps.get(step).map(|step| step.secrets_in(run.project)).unwrap_or_default();
    let mut reasons = Reasons::default();
    let mut reach: Option<Reach> = None;
    let secrets: BTreeSet<&SecretName> = asked.values().collect();
    for secret in secrets {
        let LendingRun { project, at_ref, pool, moment } = run;
        let loan = Loan { secret, project, step, at_ref, pool, moment };
        let counting = grants.iter().filter(|grant| grant.void.is_empty()).map(|grant| &grant.statement);
        match lend(counting, &loan) {
            // A step that holds two secrets could take one to where only the other may go.
            Ok(own) => {
                reach =
                    Some(reach.map_or(own.clone(), |others| others.intersection(&own).cloned().collect()));
            }
            Err(faults) => against(grants, &loan, &faults, &mut reasons),
        }
    }
    if reasons.against.is_empty() { Ok(Lent { secrets: asked, reach }) } else { Err(reasons) }
}

/// Names every reason why a secret is not lent, also of grants that do not count.
fn against(grants: &[ProvenGrant], loan: &Loan<'_>, faults: &[LoanFault], reasons: &mut Reasons) {
    for fault in faults {
        reasons.against(fault.code(), fault.what(loan), fault.remedy());
    }
    let void = grants.iter().filter(|grant| grant.statement.lends(loan).is_some());
    for (grant, what) in void.flat_map(|grant| grant.void.iter().map(move |what| (grant, what))) {
        let what = format!(
            "a grant of {} to step {} by {} does not count: {what}",
            loan.secret, loan.step, grant.by
        );
        reasons.against(LoanFault::NotGranted.code(), what, LoanFault::NotGranted.remedy());
    }
}

fn unsound(what: impl Into<String>) -> Reasons {
    one_reason("statement-unsound", what, AGAIN)
}

const AGAIN: &str = "have the secret granted again: `countersign secret grant`";
