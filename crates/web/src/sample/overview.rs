//! The overview: four services, three things that wait.

use super::invented::{DAY, HOUR, MINUTE, ago, ahead, badge, command, fact, words};
use crate::model::{Behind, Board, Cell, Ending, Fact, Overview, RunLine, ServiceRow, State, Waiting};

/// An overview of an installation in use.
#[must_use]
pub fn overview() -> Overview {
    Overview {
        headline: "Three things wait for a person. Nothing in production is unhealthy.".to_owned(),
        waiting: waiting(),
        refused: refused(),
        board: board(),
        runs: runs(),
        ending: ending(),
        health: health(),
    }
}

/// An overview of a new installation.
#[must_use]
pub fn quiet_overview() -> Overview {
    Overview {
        headline: "Nothing waits. No service is deployed yet.".to_owned(),
        waiting: Vec::new(),
        refused: Vec::new(),
        board: Board { environments: words(&["dev", "staging", "production"]), services: Vec::new() },
        runs: Vec::new(),
        ending: Vec::new(),
        health: health(),
    }
}

fn refused() -> Vec<Waiting> {
    vec![Waiting {
        badge: badge(State::Stop, "refused by its agent"),
        title: "worker to production: the agent refused release 6".to_owned(),
        detail: "artifact-differs: the bytes are not those that the gate judged".to_owned(),
        since: Some(ago(2 * DAY)),
        href: "/releases/acme/worker/production/6".to_owned(),
        command: Some(command("countersign logs acme/worker/production", None)),
    }]
}

fn waiting() -> Vec<Waiting> {
    vec![
        Waiting {
            badge: badge(State::Stop, "blocked"),
            title: "api to production: release 42 is blocked".to_owned(),
            detail: "2 of 11 checks fail: a critical vulnerability in openssl-src 300.2.1 is fixed in 300.5.3, and a fix for regex is 40 days old."
                .to_owned(),
            since: Some(ago(38 * MINUTE)),
            href: "/releases/acme/api/production/42".to_owned(),
            command: Some(command("git commit --all && countersign run", Some("Alice mends it, or Carol waives it"))),
        },
        Waiting {
            badge: badge(State::Wait, "waits for 1"),
            title: "web to production: release 118 needs one approval".to_owned(),
            detail: "14 commits by Alice, Bob and a bot. Every check passes.".to_owned(),
            since: Some(ago(2 * HOUR)),
            href: "/releases/acme/web/production/118".to_owned(),
            command: Some(command("countersign approve acme/web/production --reason WHY", Some("Carol or Dave"))),
        },
        Waiting {
            badge: badge(State::Frozen, "frozen"),
            title: "ledger-export is frozen in production".to_owned(),
            detail: "Carol froze it until 18:00 UTC: “quarter close”. Release 9 is ready behind it.".to_owned(),
            since: Some(ago(5 * HOUR)),
            href: "/releases/acme/ledger-export/production/9".to_owned(),
            command: Some(command("countersign unfreeze acme/ledger-export/production", Some("a release manager"))),
        },
    ]
}

fn board() -> Board {
    let api = [
        cell(State::Pass, "healthy", "retry settlement on timeout", 44, 6 * MINUTE, &[]),
        cell(State::Pass, "healthy", "idempotent refunds", 42, 25 * HOUR, &[]),
        behind(
            cell(State::Pass, "healthy", "rotate webhook secret", 41, 9 * DAY, &["Carol"]),
            42,
            State::Stop,
            "blocked",
        ),
    ];
    let web = [
        cell(State::Pass, "healthy", "new receipt page", 121, 22 * MINUTE, &[]),
        cell(State::Pass, "healthy", "address form", 118, 5 * HOUR, &[]),
        behind(
            cell(State::Pass, "healthy", "fix rounding in totals", 117, 3 * DAY, &["Dave"]),
            118,
            State::Wait,
            "waits for 1",
        ),
    ];
    let export = [
        cell(State::Pass, "healthy", "monthly archive", 9, 2 * DAY, &[]),
        cell(State::Pass, "healthy", "monthly archive", 9, 2 * DAY, &[]),
        behind(cell(State::Frozen, "frozen", "csv export", 7, 41 * DAY, &["Carol"]), 9, State::Pass, "ready"),
    ];
    let notifier = [
        cell(State::Pass, "healthy", "batch e-mails", 31, HOUR, &[]),
        cell(State::Busy, "rolling out", "sms fallback", 30, 2 * MINUTE, &[]),
        cell(State::Stop, "rolled back", "queue by region", 28, 4 * HOUR, &["Carol", "Dave"]),
    ];
    let worker = [Some(cell(State::Quiet, "stopped", "first version", 1, 3 * DAY, &[])), None, None];
    Board {
        environments: words(&["dev", "staging", "production"]),
        services: vec![
            row("api", Some("payments, PCI DSS"), api.map(Some)),
            row("web", Some("checkout"), web.map(Some)),
            row("ledger-export", Some("reporting, SOX"), export.map(Some)),
            row("notifier", None, notifier.map(Some)),
            row("worker", None, worker),
        ],
    }
}

fn row(service: &str, note: Option<&str>, cells: [Option<Cell>; 3]) -> ServiceRow {
    ServiceRow {
        project: "acme".to_owned(),
        service: service.to_owned(),
        note: note.map(str::to_owned),
        href: format!("/services/acme/{service}"),
        cells: cells.into_iter().collect(),
    }
}

fn cell(state: State, word: &str, subject: &str, release: u64, age: i64, by: &[&str]) -> Cell {
    Cell {
        badge: badge(state, word),
        subject: Some(subject.to_owned()),
        release: Some(release),
        named: Some(format!("release {release}")),
        commit: Some("4f9c21e07b5d".to_owned()),
        since: Some(ago(age)),
        by: words(by),
        href: format!("/releases/acme/{release}"),
        behind: None,
    }
}

fn behind(cell: Cell, release: u64, state: State, word: &str) -> Cell {
    let href = format!("/releases/acme/{release}");
    Cell { behind: Some(Behind { release, badge: badge(state, word), href }), ..cell }
}

fn runs() -> Vec<RunLine> {
    let line = |state, word: &str, title: &str, detail: &str, age: i64| RunLine {
        badge: badge(state, word),
        title: title.to_owned(),
        detail: detail.to_owned(),
        since: Some(ago(age)),
        href: "/runs/4f9c21e0".to_owned(),
    };
    vec![
        line(
            State::Busy,
            "running",
            "webhooks carry a sequence number",
            "api, by Bob, 2 of 6 steps on 2 runners",
            MINUTE,
        ),
        line(
            State::Wait,
            "waits",
            "monthly statement as a table",
            "ledger-export, by Alice, waits for a free runner",
            3 * MINUTE,
        ),
        line(
            State::Pass,
            "passed",
            "retry settlement on timeout",
            "api, by Alice, 3 min 12 s on 2 runners",
            12 * MINUTE,
        ),
        line(
            State::Stop,
            "failed",
            "try the new queue",
            "notifier, by Bob, step test failed on runner-1",
            HOUR,
        ),
        line(State::Quiet, "cancelled", "upgrade the linker", "api, by a bot", 26 * HOUR),
    ]
}

fn ending() -> Vec<Ending> {
    let one = |what: &str, end: i64, line: Option<&str>| Ending {
        what: what.to_owned(),
        end: ahead(end),
        href: None,
        command: line.map(|line| command(line, Some("a release manager"))),
    };
    vec![
        one("waiver of CVE-2026-1188", 2 * DAY, Some("countersign waive 7d31 --until DATE --reason WHY")),
        one("status of the installation", 11 * DAY, None),
        one("enrolment of Bob", 26 * DAY, None),
    ]
}

fn health() -> Vec<Fact> {
    let stated = |name: &str, value: &str, state| Fact { state: Some(state), ..fact(name, value) };
    vec![
        stated("Server", "up for 12 d", State::Pass),
        stated("Runners", "4 of 4", State::Pass),
        stated("Agents", "9 of 9", State::Pass),
        stated("Witnesses", "2 of 3, w3 silent for 4 h", State::Wait),
        stated("Disk", "38 % of 200 GiB", State::Pass),
        Fact {
            whole: Some("2026-12-29T04:50:06.048Z".to_owned()),
            ..stated("Status", "until 2026-12-29", State::Pass)
        },
    ]
}
