//! What a person reads of a gate, from evidence of the lab.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use domain::gate::GateOutcome;
use judge::VerificationContext;
use lab::forgery::{self, ForgedEvidence};
use serde_json::json;

use super::{Explained, RuleVerdict, fact};

fn explained(row: &str) -> Explained {
    let rows = forgery::all();
    let ForgedEvidence { bundle, lab, .. } = rows.iter().find(|known| known.name == row).unwrap().forged();
    let seen = VerificationContext { root: 1, ..VerificationContext::default() };
    let checked = judge::check(&bundle, &lab.anchors(), &seen).unwrap();
    Explained::of(&checked, &judge::judge_checked(&checked))
}

#[test]
fn each_rule_has_its_verdict_facts_remedy_and_owner() {
    let gate = explained("a secret that one runner alone found");
    assert_eq!((gate.outcome, gate.complete), (GateOutcome::Fail, true));
    assert_eq!(gate.owner.as_deref(), Some("team shop"));
    let title = gate.title();
    assert!(title.starts_with("One of ") && title.ends_with(" rules that can block does"), "{title}");
    let rule = |code: &str| gate.rules.iter().find(|rule| rule.code == code).unwrap();
    let secret = rule("secret-found");
    assert_eq!(gate.rules[0].code, "secret-found", "what stops it comes first");
    assert_eq!(secret.verdict, RuleVerdict::Block);
    let [reason] = secret.reasons.as_slice() else { unreachable!("{secret:?}") };
    assert_eq!(reason.owner.as_deref(), Some("team shop"));
    assert!(reason.finding.is_some() && reason.remedy.starts_with("revoke the secret"), "{reason:?}");
    let read = secret.facts.iter().find(|fact| fact.field == "findings[].class").unwrap();
    assert_eq!(read.value, "code, secret, supply", "all that the rule looked at");
    for (code, verdict) in [
        ("rejected", RuleVerdict::Pass),
        ("tests-failed", RuleVerdict::Pass),
        ("coverage-low", RuleVerdict::Off),
        ("browser-only", RuleVerdict::Pass),
    ] {
        assert_eq!(rule(code).verdict, verdict, "{code}");
    }
    assert!(gate.besides.is_empty() && gate.unclear.is_empty(), "{gate:?}");
    let text = gate.text();
    for line in [
        "the gate does not let it pass",
        "\n  block secret-found\n    read: ",
        "\n    read: findings[].class: code, secret, supply\n",
        "\n    not in the input: before.findings[].at, before.findings[].class, ",
        "      owner: team shop",
        "\n  pass rejected\n    read: rejections[]: none\n",
        "\n  off coverage-low\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn a_rule_that_no_policy_switches_off_is_told_apart() {
    for (row, code) in [
        ("a freeze that is overlooked", "frozen"),
        ("a policy whose demands depend on the evidence", "policy-undecided"),
    ] {
        let gate = explained(row);
        let besides = gate.besides.iter().chain(&gate.unclear).any(|reason| reason.code == code);
        assert!(besides && gate.rules.iter().all(|rule| rule.code != code), "{code}: {gate:?}");
        if !gate.unclear.is_empty() {
            assert!(gate.rules.iter().all(|rule| rule.verdict != RuleVerdict::Pass), "{gate:?}");
        }
    }
}

#[test]
fn facts_are_short() {
    let input = json!({
        "mode": "team",
        "findings": [{"severity": "high"}, {"severity": "low"}, {"severity": "high", "fix_days": null}],
        "components": (0..90).map(|n| json!({"name": format!("p{n}"), "days": n, "pinned": n != 3})).collect::<Vec<_>>(),
        "reports": [],
        "tests": {"failing": [], "passed": 3},
        "runners": [{"name": "runner-1"}, {"name": "runner-2"}, {"n": 1}],
        "hostile": ["\u{1b}[2J", "x".repeat(500)],
        "before": null,
    });
    for (field, shown) in [
        ("mode", "team"),
        ("findings[].severity", "high (2), low"),
        ("findings[].fix_days", "unknown"),
        ("findings[].nothing", "not in the input"),
        ("components[].days", "0 to 89 (90)"),
        ("components[].pinned", "no, yes (89)"),
        ("components[].name", "p0, p1, p10, p11, p12, and 85 more"),
        ("reports[].days", "none"),
        ("runners[].subject", "runner-1, runner-2"),
        ("runners", "runner-1, runner-2, without a name"),
        ("tests.failing", "none"),
        ("tests.passed", "3"),
        ("before.findings[].class", "not in the input"),
        ("", "not in the input"),
    ] {
        assert_eq!(fact(&input, field), shown, "{field}");
    }
    let hostile = fact(&input, "hostile");
    assert!(!hostile.contains('\u{1b}') && hostile.chars().count() < 100, "{hostile}");
}
