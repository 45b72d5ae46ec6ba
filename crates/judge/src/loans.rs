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
use evidence::statements::{Loan, LoanFault, LoanTerms, Reach, Statement, StoreSource, lend};
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
    /// Where values are that no vault has.
    pub from: BTreeMap<SecretName, StoreSource>,
    /// Destinations, `HOST:PORT`, to which the step is bound; `None` if it holds no secret and gets no outputs of a step that
    /// held one.
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
    let LendingRun { project, at_ref, pool, moment } = run;
    let secrets_of =
        |step: &Name| pipeline.steps.get(step).map(|step| step.secrets_in(project)).unwrap_or_default();
    let counting = || grants.iter().filter(|grant| grant.void.is_empty()).map(|grant| &grant.statement);
    let asked = secrets_of(step);
    let mut reasons = Reasons::default();
    let (mut reach, mut places): (Option<Reach>, _) = (None, BTreeMap::new());
    let secrets: BTreeSet<&SecretName> = asked.values().collect();
    for secret in secrets {
        let loan = Loan { secret, project, step, at_ref, pool, moment };
        match lend(counting(), &loan) {
            Ok(LoanTerms { reach: own, from }) => {
                places.extend(from.map(|from| (secret.clone(), from)));
                reach = within(reach, own);
            }
            Err(faults) => against(grants, &loan, &faults, &mut reasons),
        }
    }
    if !reasons.against.is_empty() {
        return Err(reasons);
    }
    // A step can leave its secrets in a form that nobody finds. So those that get its outputs are bound as it is.
    for step in pipeline.givers(step) {
        for secret in secrets_of(step).values() {
            let loan = Loan { secret, project, step, at_ref, pool, moment };
            reach = within(reach, lend(counting(), &loan).unwrap_or_default().reach);
        }
    }
    Ok(Lent { secrets: asked, from: places, reach })
}

/// The destinations that both name: a step that holds two secrets could take one to where only the other may go.
fn within(others: Option<Reach>, own: Reach) -> Option<Reach> {
    Some(others.map_or(own.clone(), |others| others.intersection(&own).cloned().collect()))
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

#[cfg(test)]
mod tests {
    use evidence::Id;
    use evidence::statements::{Body, Borrower, GrantedSecret, Scope, SecretGrant};

    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1_000).unwrap()
    }

    /// A grant of `shop/SECRET` to a step, with what the step may reach.
    fn grant(secret: &str, step: &str, network: &[&str]) -> ProvenGrant {
        let secret: GrantedSecret = format!("shop/{secret}").parse().unwrap();
        let statement = Statement {
            installation: Id::from_random([1; 16]),
            person: Id::from_random([2; 16]),
            scope: Scope { project: name("shop"), service: None, environment: None },
            subjects: vec![secret.subject()],
            not_before: at(0),
            expires: at(100),
            root: 1,
            checkpoint: String::new(),
            reason: "x".into(),
            nonce: Id::from_random([3; 16]),
            via: "command-line".into(),
            body: Body::Grant(SecretGrant {
                secret,
                to: Borrower::Step(name(step)),
                refs: ["refs/heads/main".parse().unwrap()].into(),
                pools: [Pool::Protected].into(),
                network: network.iter().map(|to| (*to).to_owned()).collect(),
                hours: None,
                from: None,
            }),
        };
        ProvenGrant { statement, by: "Bob".into(), void: Vec::new() }
    }

    const PIPELINE: &str = "
version: 1
steps:
  publish: { run: x, secrets: { token: { secret: token } }, outputs: [out] }
  sign: { run: x, needs: [publish], secrets: { key: { secret: key } }, outputs: [out] }
  tell: { run: x, needs: [sign], outputs: [told], network: [evil.example] }
  late: { run: x, needs: [tell], network: [evil.example] }
  close: { run: x, needs: [publish], network: [evil.example] }
  lint: { run: x, outputs: [lint] }
  after: { run: x, needs: [lint], network: [good.example] }
  quiet: { run: x, needs: [lint], secrets: { token: { secret: token } } }
  more: { run: x, needs: [quiet], network: [good.example] }
";

    fn reach(step: &str, grants: &[ProvenGrant], seconds: u64) -> Option<Vec<String>> {
        let (pipeline, project) = (Pipeline::parse(PIPELINE.as_bytes()).unwrap(), name("shop"));
        let main: RefName = "refs/heads/main".parse().unwrap();
        let run =
            LendingRun { project: &project, at_ref: Some(&main), pool: Pool::Protected, moment: at(seconds) };
        let lent = lent(grants, &name(step), &pipeline, run).unwrap();
        lent.reach.map(|reach| reach.into_iter().collect())
    }

    /// A value leaves by an output, in a form that nobody finds, and by the network of the step that gets the output.
    #[test]
    fn attack_a_step_that_sends_on_what_a_step_with_a_secret_left() {
        let [a, b, c] = ["a.example:443", "b.example:443", "c.example:443"];
        let grants =
            [grant("token", "publish", &[a, b]), grant("key", "sign", &[b, c]), grant("token", "quiet", &[])];
        let reach = |step: &str| reach(step, &grants, 10);
        let some = |all: &[&str]| Some(all.iter().map(|to| (*to).to_owned()).collect::<Vec<_>>());
        assert_eq!(reach("publish"), some(&[a, b]), "its own grant");
        assert_eq!(reach("close"), some(&[a, b]), "a step that gets its outputs reaches no more");
        assert_eq!(reach("sign"), some(&[b]), "it could send the other step's secret");
        assert_eq!(reach("tell"), some(&[b]));
        assert_eq!(reach("late"), some(&[b]), "by others, too");
        assert_eq!(reach("after"), None, "nothing with a secret is before it");
        assert_eq!(reach("more"), None, "a step without outputs leaves nothing");
    }

    #[test]
    fn attack_a_grant_that_has_ended_or_is_withheld_bounds_nothing_less() {
        let none = Some(Vec::new());
        assert_eq!(reach("close", &[], 10), none, "the server sends no grant");
        assert_eq!(
            reach("close", &[grant("token", "publish", &["a.example:443"])], 100),
            none,
            "it has ended"
        );
        let mut void = grant("token", "publish", &["a.example:443"]);
        void.void.push("it was withdrawn");
        assert_eq!(reach("close", &[void], 10), none);
    }
}
