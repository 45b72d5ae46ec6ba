//! A dry run of a policy over past decisions: against the judge itself, and where it cannot know the verdict.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "test code")]

use std::collections::BTreeMap;

use domain::RULES;
use domain::gate::{GateOutcome, Judged};
use evidence::Digest;
use evidence::bundle::Bundle;
use evidence::document::findings::{Class, Severity};
use evidence::entry::Entry;
use evidence::policy_files::PolicyFiles;
use judge::{
    Anchors, Comparison, DryRun, DryRunError, Judgement, NotCarried, PastDecision, Store, Trial, Unavailable,
    VerificationContext, check, judge, judge_checked,
};
use lab::documents::{self, LabDocument, SCAN};
use lab::forgery::parity::{in_staging, runs_by};
use lab::parts::PIPELINE_REPORTS;
use lab::{Lab, assemble, at, forgery, lax_policy};
use policy::Gate;

/// Blobs in memory; some may be lost.
#[derive(Default)]
struct Blobs(BTreeMap<Digest, Vec<u8>>);

impl Store for Blobs {
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, Unavailable> {
        self.0.get(digest).cloned().ok_or_else(|| Unavailable(format!("blob {digest} is missing")))
    }

    fn entry(&self, number: u64) -> Result<Entry, Unavailable> {
        Err(Unavailable(format!("entry {number} is missing")))
    }
}

impl Blobs {
    fn put(&mut self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        self.0.insert(digest, bytes);
        digest
    }

    /// Judges a bundle, and records the decision as the server does.
    fn decide(&mut self, bundle: &Bundle, anchors: &Anchors, seen: &VerificationContext) -> PastDecision {
        let judgement = judge(bundle, anchors, seen);
        self.put(bundle.policy.encode().unwrap());
        if judgement.input.is_some() {
            self.put(judgement.bytes.clone());
        }
        let judged = Judged {
            place: bundle.place(),
            release: bundle.release,
            generation: 1,
            outcome: judgement.outcome,
            reasons: judgement.codes(),
            warnings: judgement.warned(),
            policy: bundle.policy.digest().unwrap(),
            engine: judgement.engine.clone(),
            at: 100,
            moment: at(0),
            bundle: Some(self.put(bundle.encode().unwrap())),
            input: judgement.input,
            verdict: self.put(judgement.encode().unwrap()),
        };
        let context = Some(Box::new((anchors.clone(), seen.clone())));
        PastDecision { entry: 101, rules: RULES, judged, context }
    }
}

/// An installation whose pipeline has reports.
fn reporting() -> Lab {
    Lab { pipeline: PIPELINE_REPORTS, ..Lab::default() }
}

fn gate(policy: &PolicyFiles) -> Gate {
    Gate::compile(&policy::Bundle::new(policy.files.clone()).unwrap()).unwrap()
}

fn seen() -> VerificationContext {
    VerificationContext { root: 1, now: Some(at(0)), ..VerificationContext::default() }
}

/// A decision about this release, and the store with its bytes.
fn decided(lab: &Lab, bundle: &Bundle) -> (Blobs, PastDecision) {
    let mut blobs = Blobs::default();
    let past = blobs.decide(bundle, &lab.anchors(), &seen());
    (blobs, past)
}

fn trial(blobs: &Blobs, past: &PastDecision, policy: &PolicyFiles) -> Trial {
    DryRun::new(blobs, gate(policy)).again(past)
}

fn compared(blobs: &Blobs, past: &PastDecision, policy: &PolicyFiles) -> Comparison {
    match trial(blobs, past, policy) {
        Trial::Compared(comparison) => comparison,
        other => panic!("{other:?}"),
    }
}

/// The same files with a rule at the end of the gate's file.
fn with(policy: &PolicyFiles, rule: &str) -> PolicyFiles {
    let mut policy = policy.clone();
    let file = policy.files.values_mut().find(|text| text.contains("package countersign.gate")).unwrap();
    file.push_str(rule);
    policy
}

/// Differences between a recorded decision and a judgement, computed here once more.
fn differences(past: &PastDecision, now: &Judgement) -> Comparison {
    let missing = |all: &[String], of: &[String]| all.iter().filter(|it| !of.contains(it)).cloned().collect();
    let judged = &past.judged;
    Comparison {
        outcome: now.outcome,
        come: missing(&now.codes(), &judged.reasons),
        go: missing(&judged.reasons, &now.codes()),
        warnings_come: missing(&now.warned(), &judged.warnings),
        warnings_go: missing(&judged.warnings, &now.warned()),
    }
}

const DENIES: &str = "
deny contains {\"code\": \"never-signed\", \"what\": \"x\", \"remedy\": \"y\"} if not input.source.signer
deny contains {\"code\": \"one-approval\", \"what\": \"x\", \"remedy\": \"y\"} if count([vote | some vote in input.approvals; vote.counts]) == 1
warn contains {\"code\": \"of-shop\", \"what\": \"x\", \"remedy\": \"y\"} if input.place.project == \"shop\"
";

/// Every forgery of the table, tried with a policy that reads the same: the result is that of a full check of the evidence, whose
/// gate was exchanged.
#[test]
fn a_policy_that_reads_the_same_decides_as_the_judge_itself() {
    let (mut tried, mut changed) = (0, 0);
    for row in forgery::all() {
        let made = row.forged();
        let Ok(policy) = policy::Bundle::new(made.bundle.policy.files.clone()) else { continue };
        if Gate::compile(&policy).is_err() {
            continue;
        }
        let policy = with(&made.bundle.policy, DENIES);
        let (blobs, past) = decided(&made.lab, &made.bundle);
        let (anchors, seen) = (made.lab.anchors(), seen());
        let expected = match check(&made.bundle, &anchors, &seen) {
            Ok(mut checked) => {
                checked.gate = Ok(gate(&policy));
                judge_checked(&checked)
            }
            Err(_) => judge(&made.bundle, &anchors, &seen),
        };
        let expected = differences(&past, &expected);
        assert_eq!(compared(&blobs, &past, &policy), expected, "{}", row.name);
        tried += 1;
        changed += u32::from(expected.outcome != past.judged.outcome);
    }
    assert!(tried > 200 && changed > 20, "{tried} tried, {changed} changed");
}

/// The recorded decision of a release by one policy, and the decision about the same release had another policy been in force.
fn both(parts: impl Fn(&Lab) -> lab::Parts, then: &PolicyFiles, now: &PolicyFiles) -> (Trial, Comparison) {
    let of = |policy: &PolicyFiles| {
        let lab = Lab { policy: policy.clone(), ..reporting() };
        let bundle = assemble(&lab, &parts(&lab)).0;
        (lab, bundle)
    };
    let (lab, bundle) = of(then);
    let (blobs, past) = decided(&lab, &bundle);
    let (other, as_if) = of(now);
    let as_if = judge(&as_if, &other.anchors(), &seen());
    (trial(&blobs, &past, now), differences(&past, &as_if))
}

/// A release whose scanner found something critical.
fn critical(lab: &Lab) -> lab::Parts {
    let found = documents::findings(&[("injection", Class::Code, Severity::Critical)]);
    let mut parts = lab.honest();
    parts.documents.insert(SCAN.to_owned(), LabDocument::of(&found));
    let run = lab.run(&parts).idempotency();
    parts.receipts = lab.receipts(&parts, run, |_| {});
    lab.approve(&mut parts);
    parts
}

#[test]
fn a_policy_that_reads_less_decides_as_if_it_had_been_in_force() {
    let then = Lab::default().policy;
    let nothing = with(&lax_policy(), DENIES);
    let counts = with(
        &nothing,
        "reads contains {\"kind\": \"findings\", \"content\": false}\ndeny contains {\"code\": \"found\", \"what\": \"x\", \"remedy\": \"y\"} if input.findings\n",
    );
    let missing =
        with(&nothing, "reads contains {\"kind\": \"tests\", \"format\": \"other\", \"runners\": 2}\n");
    for (name, now) in [("nothing", &nothing), ("counts", &counts), ("missing", &missing)] {
        for parts in [Lab::honest as fn(&Lab) -> lab::Parts, critical] {
            let (Trial::Compared(found), expected) = both(parts, &then, now) else { panic!("{name}") };
            assert_eq!(found, expected, "{name}");
        }
    }
    let (Trial::Compared(found), _) = both(critical, &then, &missing) else { panic!("not compared") };
    assert!(found.come.contains("report-missing") && found.go.contains("finding-critical"), "{found:?}");
    assert!(found.come.contains("one-approval"), "an approval counts as it did: {found:?}");
    // The other way round nobody knows what the scanner found.
    let (Trial::Unknown(DryRunError::NotCarried(NotCarried::Document(_))), _) =
        both(critical, &nothing, &then)
    else {
        panic!("it was decided without documents");
    };
    // Counts come from receipts, which every evidence carries.
    let (Trial::Compared(found), expected) = both(critical, &nothing, &counts) else { panic!("counts") };
    assert_eq!(found, expected);
}

#[test]
fn what_is_not_carried_is_unknown_and_never_a_pass() {
    let nothing = lax_policy();
    let reads = |element: &str| with(&nothing, &format!("reads contains {element}\n"));
    let of = |now: &PolicyFiles| both(Lab::honest, &nothing, now).0;
    let observation = of(&reads("{\"observation\": \"rollout-verdict\"}"));
    assert!(
        matches!(
            observation,
            Trial::Unknown(DryRunError::NotCarried(NotCarried::Observations("rollout-verdict")))
        ),
        "{observation:?}"
    );
    let parity = reads("{\"parity\": true}");
    // Without a plan that the agent before reported there is nothing that evidence could carry.
    let (Trial::Compared(found), expected) = both(Lab::honest, &nothing, &parity) else { panic!("no plan") };
    assert_eq!(found, expected);
    let reported = |lab: &Lab| {
        let mut parts = lab.honest();
        let plan = in_staging(&parts.source, |_| ());
        runs_by(lab, &mut parts, &plan);
        parts
    };
    let plan = both(reported, &nothing, &parity).0;
    assert!(matches!(plan, Trial::Unknown(DryRunError::NotCarried(NotCarried::Plan))), "{plan:?}");
    // A set of reads that cannot be evaluated is a policy that could not decide.
    let Trial::Compared(found) = of(&reads("{\"kind\": \"nonsense\"}")) else { panic!("not compared") };
    assert_eq!(found.outcome, GateOutcome::Undecided);
    assert!(found.come.contains("policy-undecided"), "{found:?}");
}

#[test]
fn a_policy_that_never_ends_is_undecided() {
    let lab = reporting();
    let (blobs, past) = decided(&lab, &assemble(&lab, &lab.honest()).0);
    assert_eq!(past.judged.outcome, GateOutcome::Pass, "{:?}", past.judged.reasons);
    let endless = "\ndeny contains {\"code\": \"never\", \"what\": \"x\", \"remedy\": \"y\"} if {\n\tsome a in numbers.range(1, 3000)\n\tsome b in numbers.range(1, 3000)\n\ta * b == 0\n}\n";
    let found = compared(&blobs, &past, &with(&lab.policy, endless));
    assert_eq!(found.outcome, GateOutcome::Undecided);
    assert_eq!(found.come, ["policy-undecided".to_owned()].into());
}

#[test]
fn a_decision_whose_bytes_are_lost_is_unknown() {
    let lab = reporting();
    let bundle = assemble(&lab, &critical(&lab)).0;
    let stricter = with(&lab.policy, DENIES);
    let (whole, past) = decided(&lab, &bundle);
    assert_eq!(past.judged.outcome, GateOutcome::Fail);
    let lost = |digest: Digest, policy: &PolicyFiles| {
        let mut blobs = Blobs(whole.0.clone());
        blobs.0.remove(&digest).unwrap();
        matches!(trial(&blobs, &past, policy), Trial::Unknown(DryRunError::Gone(_)))
    };
    let judged = &past.judged;
    for digest in [judged.input.unwrap(), judged.policy, judged.verdict] {
        assert!(lost(digest, &stricter), "{digest}");
    }
    // The evidence is read only if the policy reads something else.
    assert!(!lost(judged.bundle.unwrap(), &stricter) && lost(judged.bundle.unwrap(), &lax_policy()));
}

#[test]
fn decisions_of_older_rules_count_by_their_input_alone() {
    let lab = reporting();
    let (blobs, mut past) = decided(&lab, &assemble(&lab, &lab.honest()).0);
    past.rules = RULES - 1;
    past.context = None;
    assert_eq!(compared(&blobs, &past, &with(&lab.policy, DENIES)).outcome, GateOutcome::Fail);
    let other = trial(&blobs, &past, &lax_policy());
    assert!(matches!(other, Trial::Unknown(DryRunError::OtherRules(_))), "{other:?}");
}

#[test]
fn a_decision_without_evidence_stays_and_a_changed_one_is_unknown() {
    let lab = reporting();
    let bundle = assemble(&lab, &critical(&lab)).0;
    let (mut blobs, past) = decided(&lab, &bundle);
    let mut without = past.clone();
    (without.judged.input, without.judged.bundle) = (None, None);
    assert!(matches!(trial(&blobs, &without, &lax_policy()), Trial::NotAsked));
    // A verdict that its own policy does not give was changed, or was made by another engine.
    let mut judgement: Judgement = serde_json::from_slice(&blobs.0[&past.judged.verdict]).unwrap();
    judgement.reasons.clear();
    let mut changed = past.clone();
    changed.judged.verdict = blobs.put(judgement.encode().unwrap());
    let found = trial(&blobs, &changed, &with(&lab.policy, DENIES));
    assert!(matches!(found, Trial::Unknown(DryRunError::OtherVerdict)), "{found:?}");
    // Evidence that does not give the recorded input is not judged by a policy that reads something else.
    let mut changed = past;
    changed.judged.input = Some(blobs.put(br#"{"mode":"team"}"#.to_vec()));
    let found = trial(&blobs, &changed, &lax_policy());
    assert!(matches!(found, Trial::Unknown(DryRunError::OtherInput)), "{found:?}");
}
