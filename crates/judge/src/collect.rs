//! Collects the evidence of a pending release, and the order of a run, from state and blobs.
//!
//! Invariant: the result is a pure function of both, so that replay collects the same evidence again. Collecting
//! verifies nothing; `check` does.

use std::collections::{BTreeMap, BTreeSet};

use domain::approval::Approval;
use domain::artifact::Artifact;
use domain::release::Open;
use domain::source::Source;
use domain::statement::RecordedStatement;
use domain::{Event, PersonId, RunId, State};
use evidence::Place;
use evidence::approval::Signed;
use evidence::bundle::{Bundle, Checks, Lanes};
use evidence::dsse::Envelope;
use evidence::enrolment::{Enrolment, Purpose};
use evidence::entry::Header;
use evidence::plan::Plan;
use evidence::policy_files::PolicyFiles;
use evidence::receipt::Receipt;
use evidence::request::Request;
use evidence::run_order::{CheckOrder, GRANTS_MAX, RunOrder};
use evidence::source_pack::{Range, SourcePack};
use evidence::statements::Statement;
use evidence::status::StatusFile;
use evidence::tree_list::TreeList;
use evidence::trust_root::TrustRoot;
use evidence::{Bytes, Digest, Id, Moment, Name};

use crate::admit::enrolment_envelope_at;
use crate::collect_observed::{Newest, entries_of_observation};
use crate::lanes::{DOCUMENTS_BYTES_MAX, needed_documents, statements_that_apply};
use crate::people::is_named;
use crate::records::ended;
use crate::seen_sizes::seen_sizes;
use crate::size::LargeEvidence;
use crate::store::{Store, Unavailable, envelope, envelopes, in_order};

/// A bundle without its proofs, and a list of the proofs that it needs.
#[derive(Clone, Debug)]
pub struct Collected {
    /// The bundle; `logged`, `ancestors`, `earlier` and `checkpoint` are empty.
    pub bundle: Bundle,
    /// Numbers of the entries to prove.
    pub entries: Vec<u64>,
    /// Sizes of the checkpoints to prove as ancestors.
    pub ancestors: Vec<u64>,
    /// If keys are revoked: the root whose witnesses bound the times of the entries.
    pub bounded: Option<TrustRoot>,
    /// Whether documents are missing because all of them are too large for a bundle.
    pub large: Option<LargeEvidence>,
}

/// Collects the evidence of the pending release at a place.
///
/// # Errors
/// `Unavailable` when no release is pending, or bytes of the ledger are unavailable.
pub fn collect(
    state: &State,
    store: &dyn Store,
    place: &Place,
    moment: Moment,
) -> Result<Collected, Unavailable> {
    let nothing = |what: &str| Unavailable(format!("{what} at {place}"));
    let (open, artifact, source) = pending(state, place)?;
    let soaked = soaked(state, place);
    let pack = SourcePack::decode(&store.blob(&source.facts.pack)?).map_err(Unavailable::of)?;
    let environment = state.gate.environment(place).ok_or_else(|| nothing("no environment is set"))?;
    let status = state.identity.status().ok_or_else(|| nothing("no status is in force"))?;
    let root = state.identity.root().ok_or_else(|| nothing("no trust root is in force"))?;

    let approvals = approvals(state, place, open, moment);
    let checked = checked_before(state, place, open);
    let mut entries = recorded(open, artifact, &approvals, checked);
    entries.extend(statements(state, place, moment).map(|known| known.entry).chain(soaked.map(|(_, it)| it)));

    let promoted = open.promoted.iter().map(|(promoted, _)| promoted.request);
    let mut requests: Vec<_> = promoted.chain([source.facts.request]).collect();
    let mut needed: BTreeSet<Digest> = artifact.facts.receipts.iter().copied().collect();
    needed.extend([source.facts.pack, open.facts.plan].into_iter().chain(soaked.map(|(report, _)| report)));
    needed.extend(checked.iter().flat_map(|checks| &checks.reported).map(|reported| reported.envelope));
    needed.extend(approvals.iter().map(|approval| approval.facts.envelope));
    requests.extend(agreements(store, &entries)?);
    needed.extend(&requests);
    let given = envelopes(store, approvals.iter().map(|approval| &approval.facts.envelope))?;
    let requests = envelopes(store, &requests)?;
    let roots = in_order(store, state.identity.roots())?;
    let receipts = envelopes(store, &artifact.facts.receipts)?;
    let policy = PolicyFiles::decode(&store.blob(&environment.facts.policy)?).map_err(Unavailable::of)?;
    let checks = checked.map(|checks| checks_of(store, checks)).transpose()?;
    let (mut lanes, tests, large) = lanes(store, place, &receipts, checks, &policy, &roots)?;
    let stated = envelopes(store, statements(state, place, moment).map(|known| &known.facts.envelope))?;
    let plan = Plan::decode(&store.blob(&open.facts.plan)?).map_err(Unavailable::of)?;
    lanes.statements = statements_that_apply(open.facts.artifact, &lanes.documents, tests, &plan, stated);
    let reports = reports(state, store, place, open)?;
    let environments = environments(state, store, place)?;
    let read: Vec<_> = roots.iter().filter_map(|root| TrustRoot::read(root).ok()).collect();
    let newest = Newest { state, store, place, policy: &policy, root: read.last() };
    newest.about(&mut lanes, open.facts.artifact, &environments, &reports)?;
    entries.extend(lanes.observations.iter().flat_map(|known| entries_of_observation(state, place, known)));
    let entries = kept(store, &entries, &needed, &lanes)?;
    let signers = signers(&requests, &given, &lanes.statements);
    let enrolments = enrolments(state, store, moment, &pack, &open.facts.base, &signers)?;
    let bundle = Bundle {
        v: 1,
        installation: root.installation,
        project: place.project.clone(),
        service: place.service.clone(),
        environment: place.environment.clone(),
        release: open.facts.release,
        manifest: Bytes(store.blob(&open.facts.artifact)?),
        plan,
        roots,
        status: StatusFile::decode(&store.blob(&status.2)?).map_err(Unavailable::of)?,
        enrolments,
        environments,
        requests,
        source: pack,
        tree: TreeList::decode(&store.blob(&artifact.facts.tree)?).map_err(Unavailable::of)?,
        configuration: Bytes(store.blob(&environment.facts.configuration)?),
        windows: environment.facts.windows.map(|windows| store.blob(&windows).map(Bytes)).transpose()?,
        receipts,
        provenance: envelope(store, &open.facts.provenance)?,
        reports,
        approvals: given,
        lanes,
        policy,
        logged: Vec::new(),
        ancestors: Vec::new(),
        earlier: Vec::new(),
        checkpoint: String::new(),
    };
    let ancestors = seen_sizes(&bundle, &read);
    let bounded = bounded(state, read.last(), moment, soaked.is_some());
    Ok(Collected { bundle, entries, ancestors, bounded, large })
}

/// The root whose witnesses bound the times of entries. A former key counts for what was seen before its end, so that time has
/// to be proven as with a revoked key; and so has the time since when an artifact soaks.
fn bounded(state: &State, newest: Option<&TrustRoot>, moment: Moment, is_soaked: bool) -> Option<TrustRoot> {
    let ends = newest.is_some_and(|root| ended(&root.runners, moment).next().is_some());
    newest.filter(|_| ends || is_soaked || state.identity.revokes(moment)).cloned()
}

/// The last report of the environment before, and its entry, if the artifact has to run there for a time.
fn soaked(state: &State, place: &Place) -> Option<(Digest, u64)> {
    let facts = &state.gate.environment(place)?.facts;
    facts.soak_ms?;
    let before = Place { environment: facts.after.clone()?, ..place.clone() };
    state.release.at(&before)?.reported
}

/// Approvals of a release. The approval of a person who is no longer enrolled is not evidence.
fn approvals<'a>(state: &'a State, place: &'a Place, open: &Open, moment: Moment) -> Vec<&'a Approval> {
    let enrolled = |given: &&Approval| state.identity.person(given.facts.person, moment).is_some();
    state.approval.of(place, open.facts.release).filter(enrolled).collect()
}

/// Numbers of the entries that record a pending release, its build, approvals and promotion, and checks of it.
fn recorded(
    open: &Open,
    artifact: &Artifact,
    approvals: &[&Approval],
    checked: Option<&domain::check::Checks>,
) -> BTreeSet<u64> {
    let mut entries: BTreeSet<u64> = artifact.entries.iter().copied().collect();
    entries.insert(open.entry);
    entries.extend(approvals.iter().map(|approval| approval.entry));
    entries.extend(open.promoted.iter().map(|(_, entry)| *entry));
    entries.extend(checked.iter().flat_map(|checks| &checks.entries));
    entries
}

/// The pending release of a place, with its artifact and source.
fn pending<'a>(state: &'a State, place: &Place) -> Result<(&'a Open, &'a Artifact, &'a Source), Unavailable> {
    let nothing = |what: &str| Unavailable(format!("{what} at {place}"));
    let standing = state.release.at(place).ok_or_else(|| nothing("there is no release"))?;
    let open = standing.open.as_ref().ok_or_else(|| nothing("no release is pending"))?;
    let artifact = state.artifact.get(open.facts.run, &open.facts.artifact);
    let artifact = artifact.ok_or_else(|| nothing("no artifact is known"))?;
    let source = state.source.of(open.facts.run).ok_or_else(|| nothing("no source is known"))?;
    Ok((open, artifact, source))
}

/// Collects the run order of a run: the statements of the requester, the signer and the people who agreed, as far as
/// they are still enrolled. `None` if the run has ended, or no status is in force.
///
/// # Errors
/// `Unavailable` when bytes of the ledger are unavailable.
pub fn run_order(
    state: &State,
    store: &dyn Store,
    run: RunId,
    moment: Moment,
) -> Result<Option<RunOrder>, Unavailable> {
    let (Some(source), Some(status)) = (state.source.of(run), state.identity.status()) else {
        return Ok(None);
    };
    let checks = check_orders(state, store, run)?;
    let mut requests = vec![source.facts.request];
    match state.build.run(run) {
        Some(progress) if progress.agreed.is_empty() => {}
        Some(progress) => requests.extend(agreements(store, &progress.entries.iter().copied().collect())?),
        None if checks.is_empty() => return Ok(None),
        // The run has ended, and a release of its artifacts is checked.
        None => requests.extend(agreements(store, &entries_of(state, run))?),
    }
    let mut requests = envelopes(store, &requests)?;
    let by = |envelope: &Envelope| Request::read(envelope).ok().map(|request| PersonId::from(request.person));
    let mut people: BTreeSet<PersonId> = requests.iter().filter_map(by).collect();
    people.insert(source.facts.signer);
    let grants = lending(state, store, run, moment)?;
    people.extend(grants.iter().map(|(signer, _)| *signer));
    people.retain(|person| state.identity.person(*person, moment).is_some());
    requests.retain(|envelope| by(envelope).is_some_and(|person| people.contains(&person)));
    let mut enrolments = people
        .into_iter()
        .filter_map(|person| state.identity.enrolled(person))
        .map(|person| enrolment_envelope_at(store, person.entry).map(|(envelope, _)| envelope))
        .collect::<Result<Vec<_>, _>>()?;
    enrolments.sort_by_key(Envelope::payload_digest);
    Ok(Some(RunOrder {
        v: 1,
        roots: in_order(store, state.identity.roots())?,
        status: StatusFile::decode(&store.blob(&status.2)?).map_err(Unavailable::of)?,
        enrolments,
        requests,
        checks,
        grants: grants.into_iter().map(|(_, envelope)| envelope).collect(),
        trigger: None,
    }))
}

/// Statements in force that lend secrets to steps of a run, with their signers, who are all still enrolled. Runners judge them.
fn lending(
    state: &State,
    store: &dyn Store,
    run: RunId,
    moment: Moment,
) -> Result<Vec<(PersonId, Envelope)>, Unavailable> {
    let Some(started) = state.build.run(run).map(|progress| &progress.started) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    if !started.steps.values().any(|plan| plan.apart) {
        return Ok(found);
    }
    for known in state.statement.lending(&started.project, moment) {
        let envelope = envelope(store, &known.facts.envelope)?;
        let statement = Statement::read(&envelope).map_err(Unavailable::of)?;
        let is_of = statement.body.borrower().is_some_and(|step| started.steps.contains_key(step));
        if is_of && state.identity.person(known.facts.person, moment).is_some() {
            found.push((known.facts.person, envelope));
        }
        if found.len() == GRANTS_MAX {
            break;
        }
    }
    Ok(found)
}

/// Numbers of the entries that record the build of an artifact of a run that is checked.
fn entries_of(state: &State, run: RunId) -> BTreeSet<u64> {
    let checked = state.check.places().filter(|(_, checks)| checks.run == run);
    let built = checked.filter_map(|(_, checks)| state.artifact.get(run, &checks.artifact));
    built.flat_map(|artifact| artifact.entries.iter().copied()).collect()
}

/// The evidence of the releases of a run that are still to be checked.
fn check_orders(state: &State, store: &dyn Store, run: RunId) -> Result<Vec<CheckOrder>, Unavailable> {
    let due = state.check.places().filter(|(_, checks)| checks.run == run && !checks.is_finished());
    let order = |(place, checks): (&Place, &domain::check::Checks)| {
        let environment = state.gate.environment(place).map(|environment| &environment.facts);
        let environment = environment.ok_or_else(|| Unavailable(format!("{place} is not set")))?;
        Ok(CheckOrder {
            report: envelope(store, &checks.report)?,
            environment: envelope(store, &environment.envelope)?,
            configuration: Bytes(store.blob(&environment.configuration)?),
        })
    };
    due.map(order).collect()
}

/// The checks of the release that runs this artifact in the environment before.
fn checked_before<'a>(state: &'a State, place: &Place, open: &Open) -> Option<&'a domain::check::Checks> {
    let environment = state.gate.environment(place)?.facts.after.clone()?;
    let checks = state.check.at(&Place { environment, ..place.clone() })?;
    let is_of = checks.artifact == open.facts.artifact
        && checks.due.iter().all(|due| due.commit == open.facts.commit);
    (is_of && !checks.reported.is_empty()).then_some(checks)
}

fn checks_of(store: &dyn Store, checks: &domain::check::Checks) -> Result<Checks, Unavailable> {
    Ok(Checks {
        report: envelope(store, &checks.report)?,
        receipts: envelopes(store, checks.reported.iter().map(|reported| &reported.envelope))?,
    })
}

/// Digests of the requests by which people agreed at approval nodes.
fn agreements(store: &dyn Store, entries: &BTreeSet<u64>) -> Result<Vec<Digest>, Unavailable> {
    let mut found = Vec::new();
    for number in entries {
        let entry = store.entry(*number)?;
        let header = Header::decode(&entry.header).map_err(Unavailable::of)?;
        if header.kind == "build.agreed"
            && let Event::Agreed(agreed) = Event::read(&header.kind, &entry.facts).map_err(Unavailable::of)?
        {
            found.push(agreed.request);
        }
    }
    Ok(found)
}

/// The documents that the policy reads, none if they are too large together, and the digests of all documents of tests.
fn lanes(
    store: &dyn Store,
    place: &Place,
    receipts: &[Envelope],
    checks: Option<Checks>,
    policy: &PolicyFiles,
    roots: &[Envelope],
) -> Result<(Lanes, BTreeSet<Digest>, Option<LargeEvidence>), Unavailable> {
    let root = roots.last().ok_or_else(|| Unavailable("no trust root is in force".into()))?;
    let root = TrustRoot::read(root).map_err(Unavailable::of)?;
    let opened = |receipts: &[Envelope]| -> Vec<_> {
        receipts.iter().filter_map(|receipt| Receipt::open(receipt, &root).ok()).collect()
    };
    let receipts = opened(receipts);
    let of_checks = checks.as_ref().map(|checks| opened(&checks.receipts)).unwrap_or_default();
    let all = receipts.iter().chain(&of_checks);
    let tests = evidence::statements::results(all.flat_map(|receipt| receipt.reports.values()));
    let needed = needed_documents(policy, root.mode, place, &receipts, &of_checks);
    let mut lanes = Lanes { checks, ..Lanes::default() };
    let mut bytes = 0;
    for digest in needed {
        let document = store.blob(&digest)?;
        bytes += document.len();
        if bytes > DOCUMENTS_BYTES_MAX {
            let lanes = Lanes { documents: BTreeMap::new(), ..lanes };
            return Ok((lanes, tests, Some(LargeEvidence::documents(bytes))));
        }
        lanes.documents.insert(digest, Bytes(document));
    }
    Ok((lanes, tests, None))
}

/// The entries that name any of the needed digests, or a statement or observation of these lanes.
fn kept(
    store: &dyn Store,
    entries: &BTreeSet<u64>,
    needed: &BTreeSet<Digest>,
    lanes: &Lanes,
) -> Result<Vec<u64>, Unavailable> {
    let own = |envelope: &Envelope| Ok(Digest::of(&envelope.encode().map_err(Unavailable::of)?));
    let stated = lanes.statements.iter().chain(&lanes.observations);
    let stated: BTreeSet<Digest> = stated.map(own).collect::<Result<_, Unavailable>>()?;
    let mut kept = Vec::new();
    for number in entries {
        let header = Header::decode(&store.entry(*number)?.header).map_err(Unavailable::of)?;
        if header.blobs.iter().any(|blob| needed.contains(blob) || stated.contains(blob)) {
            kept.push(*number);
        }
    }
    Ok(kept)
}

/// Statements in force at a place. The statement of a person who is no longer enrolled is not evidence.
fn statements<'a>(
    state: &'a State,
    place: &'a Place,
    moment: Moment,
) -> impl Iterator<Item = &'a RecordedStatement> {
    let enrolled =
        move |known: &&RecordedStatement| state.identity.person(known.facts.person, moment).is_some();
    state.statement.at(place, moment).filter(enrolled)
}

/// The people who signed these requests, approvals and statements.
fn signers(requests: &[Envelope], approvals: &[Envelope], statements: &[Envelope]) -> BTreeSet<Id> {
    let asked = requests.iter().filter_map(|envelope| Request::read(envelope).ok());
    let said = approvals.iter().filter_map(|envelope| Signed::read(envelope).ok());
    let stated = statements.iter().filter_map(|envelope| Statement::read(envelope).ok());
    let people = asked.map(|request| request.person).chain(said.map(|signed| signed.said.person));
    people.chain(stated.map(|statement| statement.person)).collect()
}

/// Enrolments of all people whom the evidence names: by id, by key, or by a name or address in a commit.
fn enrolments(
    state: &State,
    store: &dyn Store,
    moment: Moment,
    pack: &SourcePack,
    base: &evidence::CommitId,
    signers: &BTreeSet<Id>,
) -> Result<Vec<Envelope>, Unavailable> {
    let checked = pack.check().map_err(Unavailable::of)?;
    let range = match checked.range(base) {
        Range::Complete(range) => range,
        Range::NoAncestor | Range::Shallow(_) => BTreeSet::from([checked.id.clone()]),
    };
    let commits: Vec<_> =
        range.iter().chain([&checked.id]).filter_map(|id| checked.commits.get(id)).collect();
    let named = commits.iter().flat_map(|commit| commit.people().chain(&commit.signed_off));
    let named: BTreeMap<_, _> = named.map(|named| ((&named.email, &named.name), named)).collect();
    let signatures: Vec<_> = commits.iter().filter_map(|commit| commit.signature.as_ref()?.blob()).collect();
    let keys: Vec<_> = signatures.iter().filter_map(|blob| evidence::ssh::embedded_key(blob)).collect();
    let mut found = BTreeMap::new();
    for (_, person) in state.identity.people(moment) {
        let (envelope, enrolment): (Envelope, Enrolment) = enrolment_envelope_at(store, person.entry)?;
        let needed = signers.contains(&enrolment.person)
            || named.values().any(|named| is_named(&enrolment, named))
            || enrolment.keys_for(Purpose::Commit).any(|key| keys.contains(key));
        if needed {
            found.insert(envelope.payload_digest(), envelope);
        }
    }
    Ok(found.into_values().collect())
}

/// The environment statements of the place directly before, if there is one, and of this place, in this order.
fn environments(state: &State, store: &dyn Store, place: &Place) -> Result<Vec<Envelope>, Unavailable> {
    let mut found = Vec::new();
    let mut at: Option<Name> = Some(place.environment.clone());
    while let Some(environment) = at.take() {
        let set = state.gate.environment(&Place { environment, ..place.clone() });
        let set = set.ok_or_else(|| Unavailable(format!("an environment before {place} is not set")))?;
        found.insert(0, envelope(store, &set.facts.envelope)?);
        // Only the place directly before has to have run the artifact.
        at = set.facts.after.clone().filter(|_| found.len() < 2);
    }
    Ok(found)
}

/// The last reports of this place's agent and of the environment before, as far as they exist.
fn reports(
    state: &State,
    store: &dyn Store,
    place: &Place,
    open: &Open,
) -> Result<Vec<Envelope>, Unavailable> {
    let after = state.gate.environment(place).and_then(|set| set.facts.after.clone());
    let before = after.map(|environment| Place { environment, ..place.clone() });
    let own = open.facts.replaces.and(Some(place.clone()));
    let mut digests = Vec::new();
    for place in before.into_iter().chain(own) {
        digests.extend(
            state.release.at(&place).and_then(|standing| standing.reported).map(|(report, _)| report),
        );
    }
    envelopes(store, &digests)
}
