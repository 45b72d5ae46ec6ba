//! Records of evidence of the lab, and the sentence of every state.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeMap;

use domain::Event;
use domain::gate::GateOutcome;
use domain::release::Reported;
use evidence::approval::Decision;
use evidence::report::{AgentReport, ReleaseOutcome};
use evidence::{Digest, Place};
use judge::VerificationContext;
use lab::{Lab, assemble, at, id, name};
use wire::{LastOutcome, ReleaseKind, ReleaseStage, ReleaseView, Replacement};

use super::agreement::agrees;
use super::words::{missing, sentence};
use super::{Known, Record, Sources, Standing, Step, Told, Why};

fn view(place: &Place, stage: ReleaseStage) -> ReleaseView {
    ReleaseView {
        place: place.clone(),
        kind: ReleaseKind::Release,
        release: Some(7),
        run: id(9).into(),
        artifact: Digest::of(b"artifact"),
        commit: "a".repeat(40).parse().unwrap(),
        stage,
        outcome: None,
        reasons: Vec::new(),
        warnings: Vec::new(),
        detail: None,
        bundle: None,
        began: 20,
        entry: 30,
        time: at(60),
        by: None,
        by_rollback: None,
        replaced: false,
    }
}

#[test]
fn a_record_tells_what_the_evidence_proves_and_what_the_server_says() {
    let lab = Lab::default();
    let (bundle, _) = assemble(&lab, &lab.honest());
    let seen = VerificationContext { root: 1, ..VerificationContext::default() };
    let checked = judge::check(&bundle, &lab.anchors(), &seen).unwrap();
    let judgement = judge::judge_checked(&checked);
    let view = ReleaseView {
        release: Some(bundle.release),
        artifact: bundle.artifact(),
        bundle: Some(Digest::of(b"bundle")),
        ..view(&bundle.place(), ReleaseStage::Running)
    };
    let report = AgentReport {
        detail: "it answered".to_owned(),
        ..lab::parts::report("production", bundle.release, bundle.artifact(), &bundle.source.commit)
    };
    let record = |by: &evidence::machine::MachineSigner| {
        let signed = lab.report(&report, by);
        let envelope = signed.payload_digest();
        let reported = Reported {
            place: bundle.place(),
            release: bundle.release,
            agent: name("agent"),
            outcome: ReleaseOutcome::Running,
            running: report.running.clone(),
            reasons: Vec::new(),
            highest: None,
            envelope,
            part: None,
        };
        Record::of(Sources {
            view: &view,
            standing: Standing { is_current: true, replacement: None },
            evidence: Some((&checked, &judgement)),
            broken: None,
            bundle: view.bundle,
            told: &[Told { entry: 4_000, time: at(60), event: Event::AgentReported(reported) }],
            envelopes: &BTreeMap::from([(envelope, signed)]),
            named: &|_| None,
        })
    };
    let honest = record(&lab.production);
    let gates = honest.gates.as_ref().unwrap();
    assert_eq!(gates.outcome, GateOutcome::Pass);
    assert!(!gates.rules.is_empty() && !gates.checks.is_empty(), "{gates:?}");
    assert_eq!(gates.barriers[0].kind, "environment", "it ran in the environment before");
    assert!(
        !honest.who.approvers.is_empty() && honest.who.requester.is_some() && honest.who.signer.is_some()
    );
    assert_eq!(honest.who.agent, Some(name("agent")));
    assert!(honest.why.iter().any(|why| why.act == "approve" && why.counts), "{:?}", honest.why);
    assert!(honest.from.pipeline.is_some() && honest.from.runners.len() > 1, "{:?}", honest.from);
    assert!(honest.steps.is_sorted_by_key(|step| step.entry));
    let (last, before) = honest.steps.split_last().unwrap();
    assert!(before.iter().all(|step| step.known == Known::Proven) && !before.is_empty());
    assert_eq!((last.known, last.detail.as_str()), (Known::Signed, "it answered"));
    reads_like_a_page(&honest.text());

    // A report by another key is only the server's word, and so are its texts.
    let forged = record(&evidence::machine::MachineSigner::from_seed([99; 32]).unwrap());
    let last = forged.steps.last().unwrap();
    assert_eq!((last.known, last.detail.as_str()), (Known::Told, ""));
    assert!(forged.text().contains("[told by the server]"), "{}", forged.text());
}

#[test]
fn attack_evidence_that_does_not_hold_is_named_and_proves_nothing() {
    let view = view(&"shop/api/production".parse().unwrap(), ReleaseStage::Running);
    let record = Record::of(Sources {
        view: &view,
        standing: Standing::default(),
        evidence: None,
        broken: Some("receipts-differ: two receipts name other bytes"),
        bundle: Some(Digest::of(b"bundle")),
        told: &[],
        envelopes: &BTreeMap::new(),
        named: &|_| None,
    });
    let said = "Its evidence does not hold: receipts-differ: two receipts name other bytes. Each step is the server's word.";
    assert_eq!(record.missing.as_deref(), Some(said));
    assert!(record.text().contains(said) && record.proof.is_none() && record.gates.is_none(), "{record:?}");
}

fn reads_like_a_page(text: &str) {
    for part in [
        "runs since ",
        "who   written by ",
        "\nwhat  commit ",
        "\nwhy   approve by ",
        "\nfrom  project shop, run ",
        "\npast  the gate lets it pass, as of ",
        "\nwhen  ",
        "[signed by the agent]",
        "\nproof ",
        "check it: countersign evidence shop/api/production ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.lines().count() < 50, "it fits a screen: {text}");
}

#[test]
fn every_state_of_a_release_is_a_sentence() {
    let place: Place = "shop/api/production".parse().unwrap();
    let ran = |is_current, replacement| Standing { is_current, replacement };
    let by = |kind| Some(Replacement { kind, release: 9, time: at(90) });
    let said = |stage, change: &dyn Fn(&mut ReleaseView), standing| {
        let mut view = view(&place, stage);
        change(&mut view);
        sentence(&view, standing)
    };
    let (plain, ended) = (|_: &mut ReleaseView| (), ran(false, None));
    let back = |view: &mut ReleaseView| view.kind = ReleaseKind::Rollback;
    for (stage, standing, end) in [
        (ReleaseStage::Running, ran(true, None), "runs since "),
        (ReleaseStage::Running, ended, ", and runs no longer"),
        (ReleaseStage::Running, ran(false, by(ReleaseKind::Rollback)), ", when rollback 9 took it back"),
        (ReleaseStage::Running, ran(false, by(ReleaseKind::Release)), ", when release 9 took its place"),
        (ReleaseStage::Wanted, ended, "is being planned"),
        (ReleaseStage::Proposed, ended, "is pending: it waits for people or for its gate"),
        (ReleaseStage::Judging, ended, "is pending: its gate is judging it"),
        (ReleaseStage::Held, ended, "is pending: its gate did not let it pass"),
        (ReleaseStage::Due, ended, "passed its gate and is due at its agent"),
        (ReleaseStage::Returned, ended, ", so the release before it was started again"),
        (ReleaseStage::Failed, ended, ", and nothing ran afterwards"),
        (ReleaseStage::Refused, ended, ", and never ran"),
        (ReleaseStage::Unplannable, ended, "never ran: no plan for it could be derived"),
        (ReleaseStage::Superseded, ended, "never ran: a later run replaced it"),
        (ReleaseStage::RolledBack, ended, "never ran: its artifact was rolled back meanwhile"),
        (ReleaseStage::Dropped, ended, "was dropped and never ran"),
    ] {
        let said = said(stage, &plain, standing);
        assert!(said.starts_with("Release 7 of shop/api/production ") && said.contains(end), "{said}");
    }
    let undecided = |view: &mut ReleaseView| view.outcome = Some(LastOutcome::Undecided);
    assert!(said(ReleaseStage::Held, &undecided, ended).ends_with("its gate could not decide"));
    let by_rollback = |view: &mut ReleaseView| view.by_rollback = Some(8);
    assert!(said(ReleaseStage::Superseded, &by_rollback, ended).ends_with("rollback 8 ended it"));
    assert!(
        said(ReleaseStage::Running, &back, ran(true, None))
            .contains("Rollback 7 of shop/api/production is done")
    );
    assert!(
        said(ReleaseStage::Running, &back, ended).ends_with("a later release or rollback has replaced it")
    );
    assert!(said(ReleaseStage::Due, &back, ended).ends_with("is due at its agent"));
    let numberless = |view: &mut ReleaseView| view.release = None;
    assert!(
        said(ReleaseStage::Wanted, &numberless, ended).starts_with("An artifact for shop/api/production")
    );
}

#[test]
fn a_release_without_evidence_says_why() {
    let place: Place = "shop/api/production".parse().unwrap();
    for (stage, kind, why) in [
        (ReleaseStage::Unplannable, ReleaseKind::Release, "it has no plan, so no gate judged it"),
        (ReleaseStage::Proposed, ReleaseKind::Release, "its evidence cannot be collected now"),
        (ReleaseStage::Superseded, ReleaseKind::Release, "no gate judged it"),
        (ReleaseStage::Running, ReleaseKind::Rollback, "no gate judges a rollback"),
    ] {
        let view = ReleaseView { kind, ..view(&place, stage) };
        assert!(missing(&view, None).contains(why), "{stage}");
        let record = Record::of(Sources {
            view: &view,
            standing: Standing::default(),
            evidence: None,
            broken: None,
            bundle: None,
            told: &[],
            envelopes: &BTreeMap::new(),
            named: &|_| None,
        });
        assert!(record.proof.is_none() && record.text().contains(why), "{}", record.text());
    }
}

/// A record without evidence.
fn bare() -> Record {
    Record::of(Sources {
        view: &view(&"shop/api/production".parse().unwrap(), ReleaseStage::Running),
        standing: Standing::default(),
        evidence: None,
        broken: None,
        bundle: None,
        told: &[],
        envelopes: &BTreeMap::new(),
        named: &|_| None,
    })
}

#[test]
fn attack_no_text_of_a_stranger_cuts_off_or_invents_what_a_record_says() {
    let mut record = bare();
    record.who.authors = ["Mallory; commit signed by Alice; approved by Bob".to_owned()].into();
    record.what.subject = Some("fix\", 0 commits after 000000000000".to_owned());
    record.why = vec![Why {
        act: "approve".to_owned(),
        person: "Mallory".to_owned(),
        reason: "all is well ".repeat(40),
        ticket: None,
        until: None,
        counts: false,
    }];
    let step = |entry, kind: &str, known| Step {
        entry,
        time: at(60),
        kind: kind.to_owned(),
        title: "x".repeat(400),
        detail: "y".repeat(400),
        known,
    };
    record.steps = vec![
        step(1, "release.reported", Known::Told),
        step(2, "build.reported", Known::Proven),
        step(3, "build.reported", Known::Proven),
        step(4, "build.reported", Known::Told),
        step(5, "build.reported", Known::Told),
    ];
    let text = record.text();
    for part in [
        "who   written by \"Mallory; commit signed by Alice; approved by Bob\"\n",
        ": \"fix', 0 commits after 000000000000\"\n",
        "approve by Mallory, does not count: all is well",
        "  1 [told by the server]: xxx",
        "  2 to 3: 2 results of runners",
        "  4 to 5 [told by the server]: 2 results of runners",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    record.who.authors = ["\"; approved by Bob ".repeat(40)].into();
    let text = record.text();
    let written = text.lines().find(|line| line.contains("written by")).unwrap();
    assert_eq!((written.matches('"').count(), written.ends_with("…\"")), (2, true), "{written}");
}

#[test]
fn attack_facts_that_nobody_signed_are_only_told() {
    let lab = Lab::default();
    let (bundle, _) = assemble(&lab, &lab.honest());
    let seen = VerificationContext { root: 1, ..VerificationContext::default() };
    let checked = judge::check(&bundle, &lab.anchors(), &seen).unwrap();
    let given = |person: &lab::Person, decision| {
        Event::Given(domain::approval::Given {
            place: bundle.place(),
            release: bundle.release,
            person: person.id.into(),
            decision,
            artifact: bundle.artifact(),
            plan: checked.plan.digest,
            expires: at(600),
            envelope: Digest::of(b"envelope"),
        })
    };
    let voted = &checked.approvals.votes[0];
    let people = [&lab.ada, &lab.bob, &lab.officers[0], &lab.mallory];
    for person in people {
        for decision in [Decision::Approve, Decision::Reject] {
            let id = checked.people.enrolled.by_id(person.id);
            let is_vote =
                id.is_some_and(|known| known.subject == voted.subject) && decision == voted.decision;
            assert_eq!(agrees(&given(person, decision), &checked), is_vote, "{}", person.label);
        }
    }
    let results = |runner: &str, passed| {
        let (_, receipt) = &checked.build.receipts[0];
        Event::Reported(domain::build::Reported {
            run: id(9).into(),
            work: receipt.work.clone(),
            runner: name(runner),
            receipt: Digest::of(b"receipt"),
            envelope: Digest::of(b"envelope"),
            passed,
            log: receipt.log,
            tree: receipt.tree,
            artifact: None,
            documents: Default::default(),
        })
    };
    let runner = checked.build.receipts[0].1.runner.as_str();
    assert!(agrees(&results(runner, true), &checked));
    assert!(!agrees(&results(runner, false), &checked) && !agrees(&results("runner-99", true), &checked));
}
