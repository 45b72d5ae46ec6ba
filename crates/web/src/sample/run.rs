//! A run, a log of it, and a page that does not exist.

use super::invented::{COMMIT, HOUR, ago, badge, command, fact, words};
use crate::model::{
    Fact, Graph, Link, Log, LogLine, LogLink, Node, Opening, Output, Problem, Run, RunnerColumn, Search,
    State, TestLine,
};

/// A run of which a step failed on one runner.
#[must_use]
pub fn run() -> Run {
    Run {
        id: "4f9c21e0".to_owned(),
        project: "acme".to_owned(),
        subject: "webhooks carry a sequence number".to_owned(),
        badge: badge(State::Stop, "failed"),
        sub: words(&["requested by Bob 1 h ago", "took 3 min 12 s"]),
        commit: COMMIT.to_owned(),
        why: Some("Step test failed on runner-2; runner-1 passed it".to_owned()),
        next: vec![
            command("countersign logs 4f9c test --runner runner-2", None),
            command("countersign run", Some("Bob, after a repair")),
        ],
        graph: Graph { nodes: nodes(), start: Some(ago(HOUR)), end: None },
        runners: vec![column("runner-1", false), column("runner-2", true)],
        tests: vec![
            TestLine {
                report: "test, nextest.xml".to_owned(),
                badge: badge(State::Stop, "1 failed"),
                failed: words(&["webhooks::order::keeps_sequence_after_retry"]),
            },
            TestLine {
                report: "lint, clippy.sarif".to_owned(),
                badge: badge(State::Pass, "0 findings"),
                failed: Vec::new(),
            },
        ],
        artifacts: vec![
            Fact { whole: Some(super::invented::ARTIFACT.to_owned()), ..fact("api", "sha256:9b1e…40c2") },
            fact("size", "14 MiB"),
        ],
        logs: logs(),
        releases: vec![Link {
            title: "dev".to_owned(),
            badge: badge(State::Quiet, "not proposed"),
            lines: words(&["the run failed"]),
            href: None,
            current: false,
        }],
    }
}

fn nodes() -> Vec<Node> {
    let node = |name: &str,
                kind: &str,
                needs: &[&str],
                state,
                word: &str,
                span: Option<(u64, Option<u64>)>,
                critical| Node {
        name: name.to_owned(),
        kind: kind.to_owned(),
        needs: words(needs),
        badge: badge(state, word),
        from_ms: span.map(|(from, _)| from),
        until_ms: span.and_then(|(_, until)| until),
        critical,
        href: Some(format!("/runs/4f9c21e0/logs/{name}")),
    };
    let minute = 60_000;
    vec![
        node("fetch", "step", &[], State::Pass, "passed", Some((0, Some(4 * minute))), true),
        node("lint", "step", &["fetch"], State::Pass, "passed", Some((4 * minute, Some(11 * minute))), false),
        node("build", "step", &["fetch"], State::Pass, "passed", Some((4 * minute, Some(26 * minute))), true),
        node("test", "step", &["build"], State::Stop, "failed", Some((26 * minute, Some(47 * minute))), true),
        node("bench", "step", &["build"], State::Busy, "running", Some((26 * minute, None)), false),
        node("api", "artifact", &["test"], State::Quiet, "not made", None, false),
        node("release-note", "approval", &["test"], State::Wait, "1 approval", None, false),
    ]
}

fn column(name: &str, fails: bool) -> RunnerColumn {
    let output = |work: &str, ms, equal, network: &str, memory: &str| Output {
        work: work.to_owned(),
        badge: badge(State::Pass, "passed"),
        took_ms: Some(ms),
        equal,
        facts: vec![fact("memory", memory), fact("network", network), fact("sandbox", "full")],
        log: Some(format!("/runs/4f9c21e0/logs/{work}/{name}")),
    };
    let test = output("test", 1_260_000, Some(!fails), "none", "1.2 GiB");
    let test = if fails { Output { badge: badge(State::Stop, "exit code 101"), ..test } } else { test };
    RunnerColumn {
        name: name.to_owned(),
        works: vec![
            Some(output("fetch", 240_000, Some(true), "static.crates.io", "212 MiB")),
            Some(output("build", 1_320_000, Some(true), "none", "2.4 GiB")),
            Some(test),
            (!fails).then(|| output("bench", 2_040_000, None, "none", "880 MiB")),
        ],
    }
}

fn logs() -> Vec<LogLink> {
    let link = |work: &str, runner: &str, state, word: &str| LogLink {
        work: work.to_owned(),
        runner: runner.to_owned(),
        href: format!("/runs/4f9c21e0/logs/{work}/{runner}"),
        badge: badge(state, word),
    };
    vec![
        link("test", "runner-2", State::Stop, "failed"),
        link("test", "runner-1", State::Quiet, "complete"),
        link("bench", "runner-1", State::Busy, "live"),
    ]
}

/// A piece of a log with colours, a group, and a line that tries to clear the screen.
#[must_use]
pub fn log() -> Log {
    let text = [
        "::group::Fetch",
        "\u{1b}[1m\u{1b}[32m   Compiling\u{1b}[0m serde v1.0.229",
        "\u{1b}[1m\u{1b}[32m   Compiling\u{1b}[0m webhooks v0.4.1 (/work/webhooks)",
        "::endgroup::",
        "\u{1b}[1m\u{1b}[33mwarning\u{1b}[0m\u{1b}[1m: unused variable: `attempt`\u{1b}[0m",
        "  \u{1b}[34m-->\u{1b}[0m webhooks/src/order.rs:88:9",
        "    Starting 1,413 tests across 12 binaries",
        "        \u{1b}[32mPASS\u{1b}[0m [   0.031s] webhooks::order sequence_starts_at_one",
        "        \u{1b}[31;1mFAIL\u{1b}[0m [   2.204s] webhooks::order keeps_sequence_after_retry",
        "\u{1b}[31mthread 'keeps_sequence_after_retry' panicked at webhooks/tests/order.rs:41:5:\u{1b}[0m",
        "assertion `left == right` failed",
        "  left: [1, 2, 4]",
        " right: [1, 2, 3]",
        "\u{1b}[2J\u{1b}[Hall tests passed",
    ];
    let lines = text.iter().zip(2_001..).map(|(text, number)| LogLine {
        number,
        text: (*text).to_owned(),
        time: Some(ago(i64::try_from(4_000 - number).unwrap_or(0))),
    });
    let href = "/runs/4f9c21e0/logs/test/runner-2";
    Log {
        project: "acme".to_owned(),
        run: "4f9c21e0".to_owned(),
        run_href: "/runs/4f9c21e0".to_owned(),
        work: "test".to_owned(),
        runner: "runner-2".to_owned(),
        badge: badge(State::Stop, "failed"),
        href: href.to_owned(),
        raw: format!("{href}/raw"),
        bytes: 108_003_328,
        lines_total: Some(1_204_331),
        lines: lines.collect(),
        earlier: Some(format!("{href}?line=1001")),
        later: Some(format!("{href}?line=3001")),
        newest: Some(format!("{href}?line=1204000")),
        search: None,
        others: vec![LogLink {
            work: "test".to_owned(),
            runner: "runner-1".to_owned(),
            href: "/runs/4f9c21e0/logs/test/runner-1".to_owned(),
            badge: badge(State::Quiet, "complete"),
        }],
    }
}

/// The lines of the same log that hold a word.
#[must_use]
pub fn searched_log() -> Log {
    let all = log();
    let lines: Vec<_> = all.lines.iter().filter(|line| line.text.contains("sequence")).cloned().collect();
    let search = Search { query: "sequence".to_owned(), found: lines.len() as u64, complete: true };
    Log { lines, search: Some(search), earlier: None, later: None, ..all }
}

/// A log that is still written.
#[must_use]
pub fn live_log() -> Log {
    Log { badge: badge(State::Busy, "live"), newest: None, lines_total: Some(2_014), bytes: 180_224, ..log() }
}

/// A link that a person opened.
#[must_use]
pub fn opening() -> Opening {
    Opening {
        reader: "Dave".to_owned(),
        page: "/releases/acme/api/production/42".to_owned(),
        action: "/open".to_owned(),
        ticket: "c2FtcGxl".to_owned(),
        hours: 8,
    }
}

/// A page that does not exist.
#[must_use]
pub fn problem() -> Problem {
    Problem {
        status: 404,
        title: "This release does not exist".to_owned(),
        detail: "acme/api/production has releases 1 to 42. The address names release 420.".to_owned(),
        commands: vec![command("countersign status acme/api/production", None)],
        onward: Some(("/".to_owned(), "Overview".to_owned())),
    }
}
