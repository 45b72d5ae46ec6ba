//! The server's owner against those who read evidence: every forgery is refused by name.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use agent::Begun;
use evidence::Digest;
use evidence::bundle::Bundle;
use evidence::receipt::Work;
use evidence::report::{AgentReport, ReleaseOutcome};
use evidence::trust_root::TrustRoot;
use lab::forgery::advances::AdvanceOffer;
use lab::forgery::{self, READERS};
use lab::parts::{PIPELINE_APART, old_artifact};
use lab::{Lab, assemble, at, by_agent, name, said};
use serde_json::json;

#[test]
fn what_is_honest_passes_everywhere() {
    let lab = Lab::default();
    let (bundle, leaves) = assemble(&lab, &lab.honest());
    for reader in READERS {
        assert_eq!(said(&lab, reader, &bundle, &leaves, at(0)), Vec::<String>::new(), "{reader:?}");
    }
    assert_eq!(Bundle::decode(&bundle.encode().unwrap()).unwrap(), bundle);
}

/// The request for the run names a ref, and each runner's own fetch found the commit there.
#[test]
fn a_run_on_a_ref_that_all_runners_verified_passes_everywhere() {
    let lab = Lab::default();
    let mut parts = lab.honest();
    forgery::verified(&lab, &mut parts);
    let (bundle, leaves) = assemble(&lab, &parts);
    for reader in READERS {
        assert_eq!(said(&lab, reader, &bundle, &leaves, at(0)), Vec::<String>::new(), "{reader:?}");
    }
}

/// A lost key, or a backup without entries that readers have seen: holders sign where the old origin ends.
#[test]
fn a_new_origin_passes_everywhere() {
    for end in [12, 5] {
        let lab = Lab::default();
        let mut parts = lab.honest();
        for lost in usize::try_from(end).unwrap()..parts.head.past.len() {
            parts.head.past[lost] = tlog::leaf_hash(format!("after the backup {lost}").as_bytes());
        }
        forgery::new_origin(&lab, &mut parts, end);
        let (bundle, leaves) = assemble(&lab, &parts);
        for reader in READERS {
            let said = said(&lab, reader, &bundle, &leaves, at(0));
            assert_eq!(said, Vec::<String>::new(), "{reader:?}, after {end}");
        }
    }
}

/// Staging keeps running the artifact, whatever was tried there since.
#[test]
fn what_the_environment_before_still_runs_may_go_on() {
    let lab = Lab::default();
    let other = Digest::of(b"another artifact, which came to nothing");
    for (artifact, outcome) in [
        (Some(other), ReleaseOutcome::Refused),
        (Some(other), ReleaseOutcome::Returned),
        (None, ReleaseOutcome::Refused),
    ] {
        let mut parts = lab.honest();
        let mut report = AgentReport::read(&parts.reports[0]).unwrap();
        (report.release, report.outcome) = (4, outcome);
        report.artifact = artifact.unwrap_or(report.artifact);
        parts.reports[0] = lab.report(&report, &lab.staging);
        lab.approve(&mut parts);
        let (bundle, leaves) = assemble(&lab, &parts);
        for reader in READERS {
            let said = said(&lab, reader, &bundle, &leaves, at(0));
            assert_eq!(said, Vec::<String>::new(), "{reader:?}, {outcome:?}");
        }
    }
}

/// The report says which release the running artifact is of.
fn still(report: &mut AgentReport, release: u64) {
    let plan = report.plan;
    if let Some(running) = &mut report.running {
        (running.release, running.plan) = (Some(release), Some(plan));
    }
}

/// Checks of the release in staging, also if its agent refused or left a later release since.
#[test]
fn what_was_checked_passes_everywhere() {
    let lab = Lab { release: lab::parts::RELEASE_CHECKS, ..Lab::default() };
    let honest = lab.honest();
    for later in [None, Some(ReleaseOutcome::Refused), Some(ReleaseOutcome::Returned)] {
        let mut parts = honest.clone();
        if let Some(outcome) = later {
            let mut report = AgentReport::read(&parts.reports[0]).unwrap();
            (report.release, report.outcome) = (4, outcome);
            report.artifact = Digest::of(b"another artifact, which came to nothing");
            still(&mut report, 3);
            parts.reports[0] = lab.report(&report, &lab.staging);
            lab.approve(&mut parts);
        }
        let (bundle, leaves) = assemble(&lab, &parts);
        assert_eq!(bundle.lanes.checks.as_ref().unwrap().receipts.len(), 4);
        for reader in READERS {
            let said = said(&lab, reader, &bundle, &leaves, at(0));
            assert_eq!(said, Vec::<String>::new(), "{reader:?}, {later:?}");
        }
        assert_eq!(Bundle::decode(&bundle.encode().unwrap()).unwrap(), bundle);
    }
}

/// Statements that fill a bundle are named as such, with their remedy.
#[test]
fn statements_that_make_evidence_too_large_are_named() {
    let (lab, parts) = forgery::KINDS[0].stated(|_| ());
    let (mut bundle, _) = assemble(&lab, &parts);
    let one = bundle.lanes.statements[0].clone();
    bundle.lanes.statements = vec![one; 2_000];
    let large = judge::LargeEvidence::of(&bundle, evidence::bundle::BYTES_MAX + 1).unwrap();
    assert!(large.what.contains("the largest parts are statements about findings ("), "{}", large.what);
    assert!(large.remedy.contains("statements-per-place"), "{}", large.remedy);
}

/// Three witnesses, quorum two: one that is silent or lies changes nothing.
#[test]
fn one_witness_that_is_down_or_lies_changes_nothing() {
    for cosigned in [
        vec![(0, -30), (1, -30)],
        vec![(1, -30), (2, -30)],
        vec![(0, -30), (1, -30), (2, 86_400)],
        vec![(0, -864_000), (1, -30), (2, -30)],
    ] {
        let lab = Lab::default();
        let mut parts = lab.honest();
        parts.head.cosigned.clone_from(&cosigned);
        let (bundle, leaves) = assemble(&lab, &parts);
        for reader in READERS {
            let said = said(&lab, reader, &bundle, &leaves, at(0));
            assert_eq!(said, Vec::<String>::new(), "{reader:?}, {cosigned:?}");
        }
    }
}

/// A revoked key counts for signatures that witnesses saw before: at least one of each quorum is honest.
#[test]
fn what_was_seen_before_a_revocation_still_counts() {
    let lab = Lab::default();
    let keys = [
        lab.bob.approve.key.fingerprint().to_owned(),
        lab.ada.commits.key.fingerprint().to_owned(),
        lab.ada.sign_in.key.fingerprint().to_owned(),
        lab.runners[0].public().id().to_string(),
    ];
    let seen = vec![(0, -7_200), (1, -7_200)];
    // All at once, one after the other, and by a lying witness beside two honest ones.
    let heads = [
        vec![(10, seen.clone())],
        vec![(6, vec![(0, -9_000), (2, -9_000)]), (8, seen.clone()), (10, seen)],
        vec![(10, vec![(0, -7_200), (1, -7_200), (2, 86_400)])],
    ];
    for (key, earlier) in keys.iter().flat_map(|key| heads.iter().map(move |heads| (key, heads))) {
        let mut parts = lab.honest();
        forgery::revoke(&lab, &mut parts, key);
        parts.head.earlier.clone_from(earlier);
        let (bundle, leaves) = assemble(&lab, &parts);
        for reader in READERS {
            let said = said(&lab, reader, &bundle, &leaves, at(0));
            assert_eq!(said, Vec::<String>::new(), "{reader:?}, {key}, {earlier:?}");
        }
        assert_eq!(Bundle::decode(&bundle.encode().unwrap()).unwrap(), bundle);
    }
}

/// The key of a machine that was renewed: receipts that witnesses saw before the end of the former key, or before that end has
/// come.
#[test]
fn what_was_seen_before_the_end_of_a_former_key_counts() {
    let seen = vec![(10, vec![(0, -7_200), (1, -7_200)])];
    let still: fn(&mut TrustRoot) = |root| {
        forgery::renew(root);
        root.runners[1].former.as_mut().unwrap().until = at(60);
    };
    for (unusual, earlier) in [(forgery::renew as fn(&mut TrustRoot), seen), (still, Vec::new())] {
        let lab = Lab { unusual, ..Lab::default() };
        let mut parts = lab.honest();
        parts.head.earlier = earlier;
        let (bundle, leaves) = assemble(&lab, &parts);
        for reader in READERS {
            assert_eq!(said(&lab, reader, &bundle, &leaves, at(0)), Vec::<String>::new(), "{reader:?}");
        }
    }
}

/// The server, agents, `approve`, `verify` and replay judge by this one function, each at its own time.
#[test]
fn a_statement_counts_until_just_before_its_end_and_from_then_on_nowhere() {
    for kind in forgery::KINDS {
        let open = vec![kind.open];
        for (moment, expected) in [(0, vec![]), (59, vec![]), (60, open.clone()), (61, open)] {
            let (lab, mut parts) = kind.stated(|statement| statement.expires = at(60));
            // `verify` judges at the time that witnesses saw, the others by their own clock.
            parts.head.cosigned = vec![(0, moment), (1, moment)];
            let (bundle, leaves) = assemble(&lab, &parts);
            for reader in READERS {
                let said = said(&lab, reader, &bundle, &leaves, at(moment));
                // The agent alone knows what failed at its place.
                let is_known = lab.barred.is_none() || reader == READERS[0];
                let expected = if is_known { expected.clone() } else { Vec::new() };
                assert_eq!(said, expected, "{reader:?} after {moment} seconds");
            }
        }
    }
}

#[test]
fn every_forgery_is_refused_by_name() {
    let rows = forgery::all();
    assert!(rows.len() >= 25);
    let mut wrong = Vec::new();
    for row in &rows {
        let made = row.forged();
        for reader in READERS {
            let codes = made.by(reader);
            let right = match row.expected(reader) {
                Some(code) => codes.iter().any(|said| said == code),
                None => codes.is_empty(),
            };
            if !right {
                wrong.push(format!("{} / {reader:?}: {codes:?}, not {:?}", row.name, row.expected(reader)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// A genuine rollback of this place ends the probe of the release that it rolls back, and no other probe.
#[test]
fn a_probe_ends_with_a_return_of_its_own_place() {
    let lab = Lab::default();
    let (memory, order) = (lab.agent(), lab.order());
    let under_way = Digest::of(b"under way");
    assert!(memory.is_stopped_by(&order, &under_way, at(0)));
    // From the release in progress to the running one: this ends the release in progress, and no other.
    let mut back = lab.order();
    back.artifact = old_artifact();
    let arguments =
        json!({ "place": "shop/api/production", "from": under_way, "to": old_artifact(), "ends": true });
    back.request = lab.request(&lab.bob, "rollback", arguments, 74).1;
    assert!(memory.is_stopped_by(&back, &under_way, at(0)));
    assert!(!memory.is_stopped_by(&back, &Digest::of(b"another"), at(0)));
    let known = memory.clone().judge_return(&back, None, at(0)).apply.unwrap();
    assert_eq!(known.artifact, old_artifact());
    for row in forgery::all() {
        let made = row.forged();
        let Some(order) = made.order.clone() else { continue };
        let codes = made.by_agent();
        // Such a stop needs no earlier release to return to, and may be seen twice.
        let stops = codes == ["never-run"] || codes == ["return-used"];
        assert_eq!(
            made.memory.is_stopped_by(&order, &under_way, at(row.later())),
            stops,
            "{}: {codes:?}",
            row.name
        );
    }
}

/// Work that people asked for is done: steps before, at and behind a node, and the artifact at the end.
#[test]
fn a_runner_does_what_people_asked_for() {
    let honest = forgery::runs::in_team().asked();
    let step = |step: &str| Work::Step(name(step));
    for work in [step("build"), step("test"), step("last"), Work::Artifact(name("api"))] {
        assert_eq!(honest.clone().with(work.clone()).by_runner(), Vec::<String>::new(), "{work:?}");
    }
    // A step before the node needs no agreement.
    let mut early = honest.with(step("build"));
    early.order.requests.pop();
    assert_eq!(early.by_runner(), Vec::<String>::new());
    let checked = forgery::checking::with_checks().asked_to_check();
    assert_eq!(checked.by_runner(), Vec::<String>::new(), "a release that its agent has brought up");
    // In solo mode one person is enough.
    assert_eq!(forgery::runs::alone().by_runner(), Vec::<String>::new());
}

#[test]
fn a_runner_does_nothing_that_nobody_asked_for() {
    let mut wrong = Vec::new();
    for row in forgery::all_work() {
        let codes = row.forged().by_runner();
        if !codes.iter().any(|said| said == row.code) {
            wrong.push(format!("{}: {codes:?}, not {}", row.name, row.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a person asked for is done once, and nothing else.
#[test]
fn an_agent_does_with_a_rollout_what_people_asked_for() {
    assert_eq!(AdvanceOffer::honest(&Lab::default()).by_agent(), Vec::<String>::new());
    let mut wrong = Vec::new();
    for row in forgery::advances::all() {
        let codes = row.forged().by_agent();
        if !codes.iter().any(|said| said == row.code) {
            wrong.push(format!("{}: {codes:?}, not {}", row.name, row.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// After a crash between noting the number and the report, the same release does not count as an old one.
#[test]
fn what_was_begun_is_done_again_after_a_crash() {
    let lab = Lab::default();
    let (bundle, leaves) = assemble(&lab, &lab.honest());
    let mut memory = lab.agent();
    memory.seen_release = 7;
    assert_eq!(by_agent(&mut memory.clone(), &bundle, &leaves, at(0)), ["release-not-newer"]);
    memory.begun = Some(Begun { release: 7, artifact: bundle.artifact(), after: 6 });
    assert_eq!(by_agent(&mut memory.clone(), &bundle, &leaves, at(0)), Vec::<String>::new());
    let other = Digest::of(b"another artifact");
    memory.begun = Some(Begun { release: 7, artifact: other, after: 6 });
    assert_eq!(by_agent(&mut memory, &bundle, &leaves, at(0)), ["release-not-newer"]);
}

/// The page that people read must be this table. `UPDATE_THREATS=1` writes it.
#[test]
fn the_page_of_forgeries_is_this_table() {
    let mut page = HEAD.to_owned();
    for row in forgery::all() {
        let by =
            READERS.map(|reader| row.expected(reader).map_or("-".to_owned(), |code| format!("`{code}`")));
        page += &format!("| {} | {} |\n", row.name, by.join(" | "));
    }
    page += RUNS;
    for row in forgery::all_work() {
        page += &format!("| {} | `{}` |\n", row.name, row.code);
    }
    page += ADVANCES;
    for row in forgery::advances::all() {
        page += &format!("| {} | `{}` |\n", row.name, row.code);
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/hostile-server.md");
    if std::env::var_os("UPDATE_THREATS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), page, "UPDATE_THREATS=1 writes the page anew");
}

const HEAD: &str = "# Attacks by the owner of the server

The attacker has every key of the server (ledger, provenance), its database and both networks; if the row says so, also stolen
runners. Everything around a forgery is as consistent as these keys allow: the ledger names it, witnesses cosigned it, approvers
were shown the same. Each column has the code with which a reader refuses, and `-` if the reader cannot detect the forgery. The
readers are the agent of the place, a person with `countersign approve`, anybody with `countersign verify` and a trust root, and
the same with `--state`. The rows are in `crates/lab/src/forgery`. The test `every_forgery_is_refused_by_name` runs them, and
`people_who_are_shown_forgeries_are_told_so` runs them against the programs with a server that lies. `cargo x mutants` runs them
against the judge without each of its conditions: for every condition, some row is then accepted.

| forgery | agent | approve | verify | verify --state |
|---|---|---|---|---|
";

const RUNS: &str = "
## Work that a server gives to its runners

A runner does a piece of work only if people asked for it, and checks that under its own pin. The rows are in
`crates/lab/src/forgery/runs.rs`. The test `a_runner_does_nothing_that_nobody_asked_for` runs them, and `cargo x mutants` runs them
without each condition.

A step or check that was done under an order is not done again under it: a flaky test that failed is not asked again until it
passes. Whether the server asks again, with another order or other inputs, or after a restart of the runner, the answer is the
receipt that was stored before it was sent first: `attack_a_step_that_was_done_is_not_done_again_for_another_answer`,
`attack_a_check_that_was_done_is_not_done_again_for_another_answer`, `attack_an_answer_that_was_removed_is_not_replaced_by_another_one`.
Work that never began, because its order was refused, has no such receipt.

| forgery | runner |
|---|---|
";

const ADVANCES: &str = "
## Orders about a rollout under way

An agent begins the next step of a rollout, pauses it or lets it go on only if a person asked for it, and once. The rows are in
`crates/lab/src/forgery/advances.rs`. The test `an_agent_does_with_a_rollout_what_people_asked_for` runs them, and `cargo x mutants`
runs them without each condition. To withhold such an order is to keep the rollout where it is, and no more.

| forgery | agent |
|---|---|
";

/// One runner did the step with the secret, the other one everything else: that passes everywhere.
#[test]
fn a_step_with_a_secret_has_one_receipt() {
    let reversed: fn(&mut TrustRoot) = |root| root.runners.reverse();
    for unusual in [Lab::default().unusual, reversed] {
        let lab = Lab { pipeline: PIPELINE_APART, unusual, ..Lab::default() };
        let parts = lab.honest();
        assert_eq!(parts.receipts.len(), 5, "two runners build, and assemble; one of them gets the secret");
        let (bundle, leaves) = assemble(&lab, &parts);
        for reader in READERS {
            let said = said(&lab, reader, &bundle, &leaves, at(0));
            assert_eq!(said, Vec::<String>::new(), "{reader:?}");
        }
    }
    let chosen = forgery::lent::lent();
    assert_eq!(chosen.by_runner(), [""; 0]);
    let lent = chosen.lent().unwrap();
    let secrets: Vec<_> = lent.secrets.iter().map(|(own, secret)| format!("{own} {secret}")).collect();
    assert_eq!(secrets, ["token shop/registry/token"]);
    assert_eq!(lent.reach.unwrap().into_iter().collect::<Vec<_>>(), ["registry.example:443"]);
    assert_eq!(
        chosen.with(Work::Step(name("last"))).by_runner(),
        [""; 0],
        "what needs it is for the same runner"
    );
}
