//! Releases: one that is blocked, one that waits for an approval, and one that was not judged yet.

use super::invented::{ARTIFACT, COMMIT, DAY, HOUR, MINUTE, ago, ahead, badge, command, fact, words};
use crate::model::{
    Approval, Approvals, Badge, Change, ChangeLine, ChangeSign, EvidenceFile, Fact, Link, Moment, Notice,
    Reason, Release, Rule, State, Time, Verdict, Waived,
};

/// A release that two checks block.
#[must_use]
pub fn release() -> Release {
    Release {
        place: ["acme", "api", "production"].map(str::to_owned),
        is_rollback: false,
        number: Some(42),
        subject: "idempotent refunds".to_owned(),
        badge: badge(State::Stop, "blocked"),
        since: Some(ago(38 * MINUTE)),
        sub: words(&["requested by Alice 38 min ago", "replaces release 41"]),
        commit: COMMIT.to_owned(),
        artifact: ARTIFACT.to_owned(),
        way: way(42, badge(State::Stop, "blocked"), "2 rules block"),
        notice: None,
        verdict: Some(verdict()),
        next: vec![command("countersign run", Some("Alice, after both updates"))],
        changes: changes(),
        approvals: Approvals {
            needed: Some("1 of 1 approval counts".to_owned()),
            votes: vec![
                vote(
                    "Carol, release manager",
                    State::Pass,
                    "counts",
                    "read the difference, tried refunds in staging; CHG-2291",
                ),
                vote("Bob, developer", State::Quiet, "own change", "looks good"),
            ],
            may: Some(words(&["Dave"])),
            command: None,
        },
        evidence: evidence(),
        bundle: Some(EvidenceFile {
            href: "/releases/acme/api/production/42/evidence".to_owned(),
            name: "api-production-42.bundle".to_owned(),
            verify: command("countersign verify api-production-42.bundle", None),
        }),
        timeline: timeline(),
    }
}

/// A release whose checks pass, and that waits for one person.
#[must_use]
pub fn held_release() -> Release {
    let rules = verdict().rules.into_iter().map(|rule| Rule { badge: badge(State::Pass, "passes"), ..rule });
    Release {
        place: ["acme", "web", "production"].map(str::to_owned),
        subject: "address form".to_owned(),
        number: Some(118),
        badge: badge(State::Wait, "waits for 1"),
        way: way(118, badge(State::Wait, "waits for 1"), "0 of 1 approval"),
        verdict: Some(Verdict {
            state: State::Wait,
            title: "One person has to approve".to_owned(),
            detail: "Every check passes. Judged by the server 2 h ago; the agent judges again.".to_owned(),
            waivers: Vec::new(),
            reasons: Vec::new(),
            warnings: verdict().warnings,
            rules: rules.collect(),
            passed: verdict().passed,
        }),
        next: vec![command("countersign approve acme/web/production --reason WHY", Some("Carol or Dave"))],
        approvals: Approvals {
            needed: Some("0 of 1 approval counts".to_owned()),
            votes: Vec::new(),
            may: Some(words(&["Carol", "Dave"])),
            command: Some(command("countersign approve acme/web/production --reason WHY", None)),
        },
        ..release()
    }
}

/// A release that runs.
#[must_use]
pub fn running_release() -> Release {
    let held = held_release();
    let verdict = held.verdict.map(|verdict| Verdict {
        state: State::Pass,
        title: "Every check passes, with one waiver".to_owned(),
        waivers: vec![Waived {
            title: "Carol waived high regex 1.9.1 at Cargo.lock".to_owned(),
            reason: "no input from outside reaches it; CHG-2270".to_owned(),
            until: Some(ahead(9 * DAY)),
        }],
        detail: "Judged by the agent of production 3 d ago, before it changed anything.".to_owned(),
        warnings: Vec::new(),
        ..verdict
    });
    Release {
        number: Some(117),
        subject: "fix rounding in totals".to_owned(),
        badge: badge(State::Pass, "healthy"),
        sub: words(&["requested by Bob 3 d ago", "replaced release 114", "runs since 3 d"]),
        way: way(117, badge(State::Pass, "healthy"), "since 3 d"),
        verdict,
        next: vec![command(
            "countersign rollback acme/web/production",
            Some("a release manager, if it misbehaves"),
        )],
        approvals: Approvals {
            needed: Some("1 of 1 approval counts".to_owned()),
            may: None,
            ..release().approvals
        },
        ..held
    }
}

/// A release that ran and was rolled back.
#[must_use]
pub fn returned_release() -> Release {
    let ran = running_release();
    Release {
        badge: badge(State::Stop, "rolled back"),
        way: way(117, badge(State::Stop, "rolled back"), "rollback 118"),
        notice: Some(Notice {
            state: State::Stop,
            title: "Bob rolled it back: release 114 came back".to_owned(),
            detail: "totals are wrong by one cent; CHG-2299".to_owned(),
            time: Some(ago(2 * HOUR)),
            facts: vec![Fact { href: Some("/rollback".to_owned()), ..fact("Rollback", "rollback 118") }],
        }),
        verdict: ran.verdict.clone().map(|verdict| Verdict {
            state: State::Quiet,
            title: "The verdict of that time: every check passes".to_owned(),
            ..verdict
        }),
        next: vec![command(
            "countersign run --again 4f9c21e07b",
            Some("if you want it all the same: brings back the content that was rolled back"),
        )],
        ..ran
    }
}

/// A rollback, which no gate judges.
#[must_use]
pub fn rollback() -> Release {
    let link = |name: &str, value: &str| Fact { href: Some("/running".to_owned()), ..fact(name, value) };
    Release {
        is_rollback: true,
        number: Some(118),
        badge: badge(State::Pass, "runs"),
        sub: words(&["asked for by Bob"]),
        notice: Some(Notice {
            state: State::Pass,
            title: "Release 114 runs again: Bob rolled back release 117".to_owned(),
            detail: "totals are wrong by one cent; CHG-2299".to_owned(),
            time: Some(ago(2 * HOUR)),
            facts: vec![link("Brought back", "release 114"), link("Took back", "release 117")],
        }),
        verdict: None,
        next: vec![command("countersign logs acme/web/production", None)],
        changes: Vec::new(),
        approvals: Approvals { needed: None, votes: Vec::new(), may: None, command: None },
        ..running_release()
    }
}

/// A release whose plan and verdict are still to come.
#[must_use]
pub fn young_release() -> Release {
    Release {
        number: None,
        badge: badge(State::Busy, "planning"),
        way: way(43, badge(State::Busy, "planning"), "no verdict yet"),
        verdict: None,
        next: Vec::new(),
        changes: Vec::new(),
        approvals: Approvals { needed: None, votes: Vec::new(), may: Some(Vec::new()), command: None },
        bundle: None,
        timeline: Vec::new(),
        ..release()
    }
}

fn way(number: u64, last: Badge, why: &str) -> Vec<Link> {
    let here = format!("release {number}");
    let stop = |title: &str, state, word: &str, lines: &[&str]| Link {
        title: title.to_owned(),
        badge: badge(state, word),
        lines: words(lines),
        href: Some(format!("/{}", title.split(' ').next().unwrap_or_default())),
        current: false,
    };
    vec![
        stop("commit", State::Pass, "signed", &["4f9c21e07b", "by Alice"]),
        stop("run 512", State::Pass, "passed", &["2 runners agree", "3 min 12 s"]),
        stop("artifact", State::Pass, "equal", &["sha256:9b1e…40c2", "212 components"]),
        stop("dev", State::Pass, "healthy", &[&here, "since 1 d"]),
        stop("staging", State::Pass, "healthy", &[&here, "since 25 h"]),
        Link {
            badge: last,
            lines: words(&[&here, why]),
            current: true,
            ..stop("production", State::Stop, "", &[])
        },
    ]
}

fn verdict() -> Verdict {
    let reason = |code: &str, what: &str, remedy: &str, owner: Option<&str>, facts: &[&str]| Reason {
        code: code.to_owned(),
        what: what.to_owned(),
        remedy: remedy.to_owned(),
        owner: owner.map(str::to_owned),
        unowned: owner
            .is_none()
            .then(|| format!("Nobody is named as owner in the commit; its author is {AUTHOR}")),
        facts: words(facts),
        commands: Vec::new(),
    };
    let rule = |code: &str, state, word: &str, facts: &[(&str, &str)]| Rule {
        code: code.to_owned(),
        badge: badge(state, word),
        facts: facts.iter().map(|(name, value)| fact(name, value)).collect(),
    };
    Verdict {
        state: State::Stop,
        title: "Two of eleven rules that can block do".to_owned(),
        detail:
            "Judged by the server 38 min ago; the agent of production judges again before anything changes."
                .to_owned(),
        waivers: Vec::new(),
        reasons: vec![
            Reason {
                commands: vec![
                    command("cargo update -p openssl-src --precise 300.5.3", None),
                    command(
                        "countersign waive 7d31 --until DATE --reason WHY",
                        Some("accepts it until a date; anybody but Alice and Bob"),
                    ),
                ],
                ..reason(
                    "finding-critical",
                    "A critical vulnerability in openssl-src reaches production",
                    "Update it to 300.5.3, which is 12 days old, and run again.",
                    Some("Alice (payments)"),
                    &KNOWN,
                )
            },
            Reason {
                commands: vec![command("cargo update -p regex", None)],
                ..reason(
                    "fix-overdue",
                    "A fix for regex 1.9.1 is 40 days old",
                    "Update regex to 1.9.6, and run again.",
                    Some("Alice (payments)"),
                    &["high", "at most 30 days"],
                )
            },
        ],
        warnings: vec![reason(
            "coverage-low",
            "Coverage of changed lines is 61 %",
            "Add tests for refunds.",
            None,
            &["at least 70 %"],
        )],
        rules: vec![
            rule("finding-critical", State::Stop, "blocks", &[("critical", "1"), ("allowed", "0")]),
            rule("fix-overdue", State::Stop, "blocks", &[("oldest fix", "40 days"), ("at most", "30 days")]),
            rule("coverage-low", State::Wait, "warns", &[("changed lines", "61 %"), ("at least", "70 %")]),
            rule("secret-found", State::Pass, "passes", &[("secrets", "0")]),
            rule("ticket-missing", State::Quiet, "off", &[]),
        ],
        passed: words(&PASSED),
    }
}

fn changes() -> Vec<Change> {
    let line = |sign, text: &str| ChangeLine { sign, text: text.to_owned() };
    let change = |state, title: &str, detail: &str, lines: Vec<ChangeLine>, more| Change {
        state,
        title: title.to_owned(),
        detail: detail.to_owned(),
        lines,
        more,
    };
    vec![
        change(
            State::Wait,
            "Pipeline: step test reaches one more host",
            "A second reviewer is needed; Dave reviewed it.",
            vec![line(ChangeSign::Added, "network: pypi.org:443")],
            0,
        ),
        change(
            State::Pass,
            "14 commits, 31 files, all signed",
            "Alice 9, Bob 4, renovate-bot 1 (owner: Bob)",
            Vec::new(),
            0,
        ),
        change(
            State::Pass,
            "Dependencies: 1 added, 1 removed, 9 upgraded",
            "",
            vec![
                line(ChangeSign::Added, "idempotency 0.4.1"),
                line(ChangeSign::Removed, "once_cell 1.19.0"),
                line(ChangeSign::Changed, "serde 1.0.228 to 1.0.229"),
            ],
            8,
        ),
        change(
            State::Pass,
            "Deployment plan",
            "",
            vec![line(ChangeSign::Removed, "RETRIES=3"), line(ChangeSign::Added, "RETRIES=5")],
            0,
        ),
    ]
}

fn vote(person: &str, state: State, word: &str, reason: &str) -> Approval {
    Approval {
        person: person.to_owned(),
        badge: badge(state, word),
        reason: reason.to_owned(),
        until: Some(ahead(6 * DAY)),
    }
}

fn evidence() -> Vec<Fact> {
    vec![
        fact("Provenance", "SLSA 1.2, 2 runners"),
        fact("Receipts", "8"),
        fact("Components", "212"),
        fact("Tests", "1,412 passed"),
        fact("Scans", "4 reports"),
        Fact { whole: Some(ARTIFACT.to_owned()), ..fact("Policy", "sha256:7c0d…9a91") },
        Fact { href: Some("/ledger/48188".to_owned()), ..fact("Ledger", "entry 48,188") },
    ]
}

fn timeline() -> Vec<Moment> {
    let moment = |title: &str, detail: &str, time: Time, entry| Moment {
        title: title.to_owned(),
        detail: detail.to_owned(),
        time,
        entry,
    };
    vec![
        moment("The gate blocked it: 2 of 11 checks", "policy 7c0d…91", ago(38 * MINUTE), 48_188),
        moment(
            "Carol approved",
            "“read the difference, tried refunds in staging”, CHG-2291",
            ago(HOUR),
            48_171,
        ),
        moment("Bob approved; it does not count", "Bob is an author of the change", ago(2 * HOUR), 48_166),
        moment("Release 42 runs in staging", "healthy after 2 min 10 s", ago(25 * HOUR), 48_020),
    ]
}

const PASSED: [&str; 3] =
    ["Two runners built the same artifact.", "No scanner found a secret.", "Every commit is signed."];

const KNOWN: [&str; 4] = [
    "openssl-src 300.2.1",
    "RUSTSEC-2026-0031, CVE-2026-1188",
    "CVSS 9.1, known to be exploited",
    "api, reqwest, native-tls",
];

/// The author of the commit.
const AUTHOR: &str = "Alice";
