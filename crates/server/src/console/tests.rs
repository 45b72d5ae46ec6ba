//! Each page's model over a real ledger: the one of the corpus, which a release of the product made.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod delivery;
mod export;
mod posture;
mod record;

use std::path::Path;
use std::time::Instant;

use domain::{Event, State};
use evidence::entry::Header;
use evidence::machine::MachineSigner;
use evidence::{Moment, Place};
use ledger::{Ledger, Reader};
use rusqlite::Connection;
use tlog::{Checkpoint, NoteSigner, SignatureKind};
use tokio::sync::watch;

use super::ledger::{FileSort, entry, file, ledger};
use super::{
    PageCaches, Reading, compare, components, exposure, findings, overview, policies, release, run, service,
    situation, system, trust, waiting, words,
};
use crate::attendance::Attendance;
use crate::browser_sessions::BrowserSessions;
use crate::caller::Caller;
use crate::console_address::ConsoleAddress;
use crate::edge::Gatekeeper;
use crate::intake::Intake;
use crate::introducer::Introducer;
use crate::logs::Logs;
use crate::readers::Readers;
use crate::services::Services;
use crate::shared::Shared;
use crate::views::Views;
use crate::watchers::Watchers;

/// A server over a copy of the corpus's ledger.
struct Corpus {
    shared: Option<Shared>,
    writer: Option<std::thread::JoinHandle<()>>,
    dir: tempfile::TempDir,
}

impl Corpus {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../countersign/tests/corpus");
        copy(&corpus.join(domain::RULES.to_string()), dir.path());
        // The corpus holds no key, so the copy goes on under another one. Its witnessed checkpoint is the original one.
        let database = dir.path().join("ledger.db");
        let witnessed: String = {
            let rows = Connection::open(&database).unwrap();
            rows.query_row("SELECT note FROM witnessed", [], |row| row.get(0)).unwrap()
        };
        let end: Checkpoint = tlog::Note::parse(witnessed.as_bytes()).unwrap().text().parse().unwrap();
        let signer = || NoteSigner::from_seed("countersign/test", SignatureKind::Ed25519, &[1; 32]).unwrap();
        let ledger = Ledger::succeed(dir.path(), &end, signer()).unwrap();
        let rows = Connection::open(&database).unwrap();
        rows.execute("INSERT INTO witnessed (only_row, note) VALUES (1, ?1)", [witnessed]).unwrap();
        drop(rows);
        let (intake, writer) = Intake::start(dir.path(), ledger).unwrap();
        let gatekeeper = Gatekeeper::open(Readers::new(dir.path())).unwrap();
        let logs = Logs::open(dir.path(), gatekeeper.limits()).unwrap();
        let (key, url) = (MachineSigner::from_seed([1; 32]).unwrap(), "http://127.0.0.1:1".to_owned());
        let console = ConsoleAddress::new(&signer().key(), &[0; 16], 1, url.clone(), None).unwrap();
        let shared = Shared {
            intake,
            gatekeeper,
            origin: "countersign/test".to_owned(),
            introducer: Introducer::new(key, vec![url]).unwrap(),
            views: Views::open(dir.path()).unwrap(),
            uploads: crate::uploads::Uploads::of(dir.path()),
            vault: crate::vault_store::VaultStore::open(dir.path(), lab::id(1), None),
            taking_values: tokio::sync::Semaphore::new(1),
            logs,
            attendance: Attendance::new(Instant::now()),
            services: Services::default(),
            console,
            browsers: BrowserSessions::default(),
            watchers: Watchers::new(),
            pages: PageCaches::default(),
            certificates: None,
            stopping: watch::channel(false).1,
        };
        Self { shared: Some(shared), writer: Some(writer), dir }
    }

    fn shared(&self) -> &Shared {
        self.shared.as_ref().unwrap()
    }

    /// The state after so many entries; the views are of the same moment.
    fn state(&self, entries: u64) -> State {
        let reader = Reader::open(self.dir.path()).unwrap();
        self.shared().views.catch_up_to(&reader, entries);
        let mut state = State::default();
        for entry in reader.entries(0, entries).unwrap() {
            state.fold(&Header::decode(&entry.header).unwrap(), &entry.facts).unwrap();
        }
        state
    }

    /// Time of an entry.
    fn time(&self, number: u64) -> Moment {
        let reader = Reader::open(self.dir.path()).unwrap();
        Header::decode(&reader.entries(number, number + 1).unwrap()[0].header).unwrap().time
    }

    /// The run that an entry started.
    fn run(&self, number: u64) -> domain::RunId {
        let reader = Reader::open(self.dir.path()).unwrap();
        let entry = &reader.entries(number, number + 1).unwrap()[0];
        let header = Header::decode(&entry.header).unwrap();
        match Event::read(&header.kind, &entry.facts).unwrap() {
            Event::Started(started) => started.run,
            other => panic!("{other:?}"),
        }
    }

    fn at<T>(&self, now: Moment, read: impl FnOnce(&Reading<'_>) -> T) -> T {
        read(&Reading { shared: self.shared(), caller: &Caller::Anybody, now, session_ends: None })
    }
}

impl Drop for Corpus {
    fn drop(&mut self) {
        drop(self.shared.take());
        let _ = self.writer.take().map(std::thread::JoinHandle::join);
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy(&item.path(), &target);
        } else {
            std::fs::copy(item.path(), target).unwrap();
        }
    }
}

fn place(environment: &str) -> Place {
    format!("shop/ledger-api/{environment}").parse().unwrap()
}

/// Compares a model with its snapshot.
pub(super) fn shown(name: &str, model: &impl serde::Serialize) {
    texts(name, serde_json::to_string_pretty(model).unwrap());
}

fn texts(name: &str, text: String) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    // Free space is the machine's.
    settings.add_filter(r"\d+ GiB free", "N GiB free");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn the_overview_shows_what_waits_and_what_runs() {
    let corpus = Corpus::new();
    for (entries, name) in [(45, "running"), (64, "not-working"), (99, "held"), (103, "rolling-out")] {
        let state = corpus.state(entries);
        let now = corpus.time(entries - 1);
        shown(&format!("overview-{name}"), &corpus.at(now, |at| overview::of_state(at, &state).unwrap()));
    }
    let later = corpus.time(109).later_by(std::time::Duration::from_mins(38));
    let end = corpus.at(later, |at| overview::overview(at).unwrap());
    let count = corpus.at(later, |at| overview::waiting_count(at).unwrap());
    assert_eq!(end.waiting.len(), count, "the number is that of the page");
    shown("overview-frozen", &end);
}

#[test]
fn a_refusal_of_an_agent_is_told_whatever_ran_after_it() {
    let corpus = Corpus::new();
    let (state, now) = (corpus.state(110), corpus.time(109));
    let mut seen =
        corpus.at(now, |at| situation::Situation::clone(&situation::Situation::read(at, &state).unwrap()));
    let told = |seen: &situation::Situation, now| corpus.at(now, |at| waiting::refused(at, seen));
    assert!(told(&seen, now).is_empty());
    let view = seen.places.iter_mut().find(|view| view.releases.len() > 2).unwrap();
    (view.releases[2].stage, view.releases[2].detail) = (wire::ReleaseStage::Refused, None);
    view.releases[2].reasons = vec!["artifact-differs".to_owned()];
    let found = told(&seen, now);
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((one.badge.word.as_str(), one.detail.as_str()), ("refused by its agent", "artifact-differs"));
    assert!(one.title.ends_with(": the agent refused release 1"), "{}", one.title);
    let later = now.later_by(std::time::Duration::from_hours(24 * 31));
    assert!(told(&seen, later).is_empty(), "a month is enough");
}

#[test]
fn a_release_is_shown_at_each_stage() {
    let corpus = Corpus::new();
    for (entries, environment, number, name) in [
        (23, "dev", 0, "wanted"),
        (42, "production", 1, "running"),
        (64, "dev", 2, "not-working"),
        (94, "production", 2, "proposed"),
        (99, "production", 2, "held"),
        (103, "production", 2, "rolling-out"),
        (110, "production", 3, "rollback"),
        (110, "production", 2, "replaced"),
    ] {
        let state = corpus.state(entries);
        let page = corpus.at(corpus.time(entries - 1), |at| {
            release::of_state(at, &state, &place(environment), number).unwrap()
        });
        shown(&format!("release-{name}"), &page);
    }
}

#[test]
fn a_rollback_and_the_release_that_it_took_back_name_each_other() {
    let corpus = Corpus::new();
    let state = corpus.state(110);
    let page = |number| {
        corpus.at(corpus.time(109), |at| release::of_state(at, &state, &place("production"), number).unwrap())
    };
    let (back, taken) = (page(3), page(2));
    let told = back.notice.unwrap();
    assert!(told.title.starts_with("Release 1 runs again: Ada "), "{}", told.title);
    assert!(back.is_rollback && back.bundle.unwrap().name == "ledger-api-production-1.bundle");
    let leads_to = |facts: &[web::model::Fact], number: u64| {
        let href = format!("/releases/shop/ledger-api/production/{number}");
        facts.iter().any(|fact| fact.href.as_ref() == Some(&href))
    };
    assert!(leads_to(&told.facts, 1), "the evidence is that of the release it brings back");
    let told = taken.notice.unwrap();
    assert_eq!(told.title, "Ada rolled it back: rollback 3 started release 1 again");
    assert!(leads_to(&told.facts, 3) && told.state == web::model::State::Stop);
    assert_eq!(taken.badge.word, "rolled back");
    assert!(taken.timeline.iter().any(|moment| moment.title.starts_with("Rollback 3: Ada asked")));
    let verdict = taken.verdict.unwrap();
    assert_eq!(verdict.title, "The verdict of that time: nothing is against it");
    assert_eq!(verdict.state, web::model::State::Quiet);
    assert!(page(1).notice.is_none(), "the release that came back was not rolled back");
}

#[test]
fn a_run_is_shown_with_its_graph_and_runners() {
    let corpus = Corpus::new();
    for (entries, name) in [(15, "running"), (110, "passed")] {
        let state = corpus.state(entries);
        let id = corpus.run(7);
        let page = corpus.at(corpus.time(entries - 1), |at| run::of_state(at, &state, id).unwrap());
        shown(&format!("run-{name}"), &page);
    }
}

#[test]
fn the_ledger_is_searched_shown_and_exported() {
    let corpus = Corpus::new();
    corpus.state(110);
    let now = corpus.time(109);
    let found = |query: &str| corpus.at(now, |at| ledger(at, query).unwrap());
    shown("ledger-approvals", &found("kind=approval."));
    let numbers = |query: &str| found(query).rows.iter().map(|row| row.entry).collect::<Vec<_>>();
    let all: Vec<u64> = {
        let first = found("");
        let before = first.older.unwrap();
        let query = before.split_once('?').unwrap().1.to_owned();
        let second = found(&query);
        let third = second.older.map(|address| found(address.split_once('?').unwrap().1));
        let pages = [Some(first.rows), Some(second.rows), third.map(|page| page.rows)];
        pages.into_iter().flatten().flatten().map(|row| row.entry).collect()
    };
    assert_eq!(all, (0..110).rev().collect::<Vec<_>>(), "pages follow each other");
    assert_eq!(numbers("q=production+approved"), [99, 36]);
    assert_eq!(numbers("q=prod+reject&kind=approval."), [94]);
    assert!(numbers("q=nothing-has-this-word").is_empty());
    let one = found("kind=approval.").rows[0].entry;
    shown("ledger-entry", &corpus.at(now, |at| entry(at, one).unwrap()));
    assert!(corpus.at(now, |at| entry(at, 99_999).is_err()));
    let text =
        |sort| String::from_utf8(corpus.at(now, |at| file(at, "kind=approval.", sort).unwrap())).unwrap();
    let rows = found("kind=approval.").rows.len();
    assert_eq!(text(FileSort::Csv).lines().count(), 1 + rows);
    let lines: Vec<serde_json::Value> =
        text(FileSort::Ndjson).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["entry"]), (rows, &serde_json::json!(one)));
}

#[test]
fn a_service_and_the_trust_are_shown() {
    let corpus = Corpus::new();
    let now = corpus.time(109);
    corpus.state(110);
    let (project, name) = ("shop".parse().unwrap(), "ledger-api".parse().unwrap());
    shown("service", &corpus.at(now, |at| service::service(at, &project, &name).unwrap()));
    shown("trust", &corpus.at(now, |at| trust::trust(at).unwrap()));
    let other = "other".parse().unwrap();
    assert!(corpus.at(now, |at| service::service(at, &project, &other).is_err()));
}

#[test]
fn the_way_of_a_service_has_each_link_and_the_history_its_comparisons() {
    let corpus = Corpus::new();
    let (project, name) = ("shop".parse().unwrap(), "ledger-api".parse().unwrap());
    let at = |entries: u64| {
        let state = corpus.state(entries);
        corpus.at(corpus.time(entries - 1), |at| service::of_state(at, &state, &project, &name).unwrap())
    };
    let way = |page: &web::model::Sheet| -> Vec<String> {
        page.way.iter().map(|link| format!("{}: {}", link.title, link.badge.word)).collect()
    };
    // Entries come in order: views go forward alone.
    let building = at(15);
    assert_eq!(building.headline, "ledger-api does not run anywhere");
    let missing = |environment: &str| {
        [format!("gate of {environment}: not asked yet"), format!("{environment}: nothing runs")]
    };
    let expected: Vec<String> = ["dev", "staging", "production"].into_iter().flat_map(missing).collect();
    let [_, run, artifact, places @ ..] = &way(&building)[..] else { panic!("{building:?}") };
    assert!(run.ends_with(": running") && artifact == "artifact: not built yet", "{run} {artifact}");
    assert_eq!(places, expected);
    let held = at(99);
    assert_eq!(
        held.headline,
        "ledger-api is healthy in dev, staging and production; release 2 to production: blocked"
    );
    let gates: Vec<String> = way(&held).into_iter().filter(|link| link.starts_with("gate")).collect();
    assert_eq!(gates, ["gate of dev: passed", "gate of staging: passed", "gate of production: blocked"]);
    assert_eq!(held.badge.as_ref().map(|badge| badge.state), Some(web::model::State::Stop));
    let waits: Vec<&str> = held.lists[0].rows.iter().map(|row| row.title.as_str()).collect();
    assert_eq!(waits, ["ledger-api to production: release 2 is blocked"]);
    let end = at(110);
    let history = &end.tables[0];
    assert_eq!((history.rows.len(), history.more), (8, 0));
    let link = |nth: usize| history.rows[nth][2].href.clone().unwrap();
    assert!(link(0).starts_with("/compare?from=shop%2Fledger-api%2Fproduction%402&to="), "{}", link(0));
    for row in history.rows.iter().filter_map(|row| row[2].href.as_ref()) {
        let query = row.split_once('?').unwrap().1;
        let page = corpus.at(corpus.time(109), |at| compare::compare(at, query).unwrap());
        assert!(!page.tables.is_empty(), "the link leads to a comparison: {}", page.headline);
    }
    assert_eq!(history.rows.iter().filter(|row| row[2].href.is_none()).count(), 3, "the first of each place");
}

#[test]
fn the_system_shows_the_figures_of_monitoring() {
    let corpus = Corpus::new();
    corpus.state(110);
    let page = corpus.at(corpus.time(109), |at| system::system(at).unwrap());
    assert_eq!(page.headline, "The server accepts commands");
    let [capacity, figures] = &page.tables[..] else { unreachable!("capacity and figures") };
    let shown: Vec<_> = capacity.rows[0].iter().map(|cell| cell.text.as_str()).collect();
    assert_eq!(shown, ["every run", "2", "1", "0", "0"], "no runner has a pool, and none is busy");
    let value = |name: &str| {
        let row = figures.rows.iter().find(|row| row[3].text == format!("countersign_{name}"));
        row.map(|row| (row[1].text.clone(), row[2].text.clone()))
    };
    let entries = corpus.shared().intake.state().entries;
    assert_eq!(value("ledger_entries").unwrap().0, entries.to_string());
    assert_eq!(value("views_entries").unwrap().0, entries.to_string(), "the tables have caught up");
    assert_eq!(value("queue_first").unwrap(), ("0".to_owned(), "1024".to_owned()));
    assert_eq!(value("live_streams").unwrap(), ("0".to_owned(), "1024".to_owned()));
    assert!(value("runs_active").is_some());
    let known: Vec<_> = crate::figures::figures(corpus.shared()).unwrap();
    assert_eq!(known.len(), figures.rows.len(), "one source for both");
    let limits = &page.facts.iter().find(|(title, _)| title == "Limits in force").unwrap().1;
    assert!(
        limits.iter().any(|fact| (fact.name.as_str(), fact.value.as_str()) == ("Runs of a project", "32"))
    );
    let roles = &page.lists.iter().find(|list| list.title == "Roles").unwrap().rows;
    assert!(roles.iter().any(|row| row.title == "agent agent-1 of shop/ledger-api/dev"), "{roles:?}");
}

#[test]
fn policies_are_shown_with_what_each_rule_does() {
    let corpus = Corpus::new();
    corpus.state(110);
    let now = corpus.time(109);
    let all = corpus.at(now, |at| policies::policies(at).unwrap());
    assert_eq!(all.headline, "One policy is in force at 3 places");
    shown("policies", &all);
    shown("policy", &corpus.at(now, |at| policies::place(at, &place("production")).unwrap()));
    let dev = corpus.at(now, |at| policies::place(at, &place("dev")).unwrap());
    assert!(dev.sub.iter().any(|words| words.contains("as its text shows them")), "{:?}", dev.sub);
    assert!(dev.tables[0].rows.len() > 5, "{:?}", dev.tables);
    let unknown = corpus.at(now, |at| policies::place(at, &place("nowhere")).unwrap_err().to_string());
    assert!(unknown.contains("no statement names a policy for shop/ledger-api/nowhere"), "{unknown}");
}

#[test]
fn any_two_releases_of_a_service_are_compared() {
    let corpus = Corpus::new();
    corpus.state(110);
    let now = corpus.time(109);
    let page = |query: &str| corpus.at(now, |at| compare::compare(at, query));
    let two = |from: &str, to: &str| {
        let of = |name: &str| format!("shop%2Fledger-api%2F{}", name.replace('@', "%40"));
        page(&format!("from={}&to={}", of(from), of(to)))
    };
    shown("compare", &two("production@1", "production@2").unwrap());
    let back = two("production@2", "production@1").unwrap();
    let forth = two("production@1", "production@2").unwrap();
    assert_eq!(back.changes.len(), forth.changes.len());
    assert_eq!(back.headline, "Release 1 of production passes");
    assert!(back.sub[0].contains("from release 2 to release 1"), "{:?}", back.sub);
    assert!(back.sub.contains(&"from the newer release to the older one".to_owned()), "{:?}", back.sub);
    let same = two("dev@3", "dev@3").unwrap();
    assert_eq!(
        (same.headline.as_str(), same.changes.len()),
        ("It is the same release: 3 of shop/ledger-api/dev", 0)
    );
    // Both places run the same artifact; policy and configuration are those of their places.
    let across = two("dev@3", "staging@2").unwrap();
    assert!(across.sub[0].ends_with(", of the same artifact"), "{:?}", across.sub);
    let rollback = two("production@2", "production@3").unwrap();
    assert_eq!(rollback.tables[0].rows[0][2].notes, ["rollback to release 1"]);
    let count = corpus.at(now, |at| at.shared.pages.comparisons.len());
    assert_eq!(count, 4, "each pair is compared once; a rollback is compared by what it brought back");

    let beside = |to: &str| compare::counterpart(&format!("from=shop/ledger-api/dev@1&to={to}"));
    let line = |other: &str| {
        web::Counterpart::Checked(words::command(format!("countersign status shop/ledger-api/{other}")))
    };
    assert_eq!(beside("shop/ledger-api/dev@2"), line("dev 2 --compare 1"));
    assert_eq!(beside("shop/ledger-api/staging@2"), line("staging 2 --compare shop/ledger-api/dev@1"));
    assert!(matches!(beside(""), web::Counterpart::Unchecked(_)), "one release is compared with nothing");

    let form = page("").unwrap();
    assert_eq!((form.headline.as_str(), form.tables.len()), ("Choose two releases of one service", 0));
    let half = page("from=shop/ledger-api/dev@1&to=").unwrap();
    let fields = half.form.unwrap().fields;
    assert_eq!(half.headline, "Choose the release to compare with release 1 of shop/ledger-api/dev");
    assert!(fields[0].choices[1..].iter().any(|one| one.chosen), "{fields:?}");
    assert_eq!(fields[1].choices.len(), 1 + 8, "every release of the service, and none");

    let refused = |query: &str| page(query).unwrap_err().to_string();
    assert!(two("production@1", "production@9").unwrap_err().to_string().contains("there is no release 9"));
    assert!(refused("from=x").contains("`x` names no release"));
    assert!(refused("until=x").contains("`until` is no field of a comparison: name `from` and `to`"));
    let other = refused("from=shop/ledger-api/dev@1&to=shop/other/dev@1");
    assert!(other.contains("`shop/ledger-api` and `shop/other` are two services"), "{other}");
}

#[test]
fn a_release_without_evidence_says_why_it_cannot_be_compared() {
    let corpus = Corpus::new();
    corpus.state(110);
    let rows = Connection::open(corpus.dir.path().join("views.db")).unwrap();
    let lost = "UPDATE release SET bundle = NULL, stage = 'superseded' WHERE place = 'shop/ledger-api/dev' AND release = 1";
    assert_eq!(rows.execute(lost, []).unwrap(), 1);
    let query = "from=shop/ledger-api/dev@1&to=shop/ledger-api/dev@3";
    let page = corpus.at(corpus.time(109), |at| compare::compare(at, query).unwrap());
    assert_eq!(
        page.headline,
        "Release 1 of shop/ledger-api/dev has no evidence to compare: no gate let it pass, and it is not pending; its state \
         is: replaced before it ran"
    );
    assert!(page.form.is_some() && page.changes.is_empty() && page.tables.is_empty(), "{page:?}");
}

#[test]
fn the_findings_of_what_runs_and_waits_are_shown() {
    let corpus = Corpus::new();
    let page = |entries: u64| {
        let state = corpus.state(entries);
        corpus.at(corpus.time(entries - 1), |at| findings::of_state(at, &state, "").unwrap())
    };
    assert_eq!(page(99).tables.iter().map(|table| table.rows.len()).collect::<Vec<_>>(), [3, 1]);
    shown("findings", &page(110));
    let made_of = corpus.at(corpus.time(109), |at| components::components(at, "q=serde").unwrap());
    assert_eq!(made_of.headline, "No component that runs or waits matches `serde`.");
    assert_eq!(made_of.sub[1], "3 places without a list of components");
}

/// A page reads a bounded number of bundles, however many places run something; those that are known cost nothing.
#[test]
fn evidence_beyond_the_bound_is_said_to_be_unread() {
    let corpus = Corpus::new();
    let (state, now) = (corpus.state(110), corpus.time(109));
    let unread = |most: usize| -> Vec<bool> {
        corpus.at(now, |at| {
            let situation = situation::Situation::read(at, &state).unwrap();
            let places: Vec<_> = situation.places.iter().collect();
            let found = exposure::within(at, &state, &places, most).unwrap();
            found.iter().filter(|one| !one.waits).map(|one| one.unread).collect()
        })
    };
    assert_eq!(unread(0), [true, true, true]);
    assert_eq!(unread(1), [false, true, true]);
    assert_eq!(unread(0), [false, true, true]);
    assert_eq!(unread(2), [false, false, false]);
}

#[test]
fn attack_a_page_shows_nothing_of_a_project_that_its_reader_may_not_read() {
    let corpus = Corpus::new();
    let (first, now) = (corpus.run(7), corpus.time(109));
    let caller = Caller::Agent("agent".parse().unwrap(), ["elsewhere".parse().unwrap()].into());
    let at = Reading { shared: corpus.shared(), caller: &caller, now, session_ends: None };
    let page = overview::overview(&at).unwrap();
    assert!(page.board.services.is_empty() && page.runs.is_empty() && page.ending.is_empty(), "{page:?}");
    let about = |waiting: &web::model::Waiting| {
        waiting.title.contains("ledger-api") || waiting.title.contains("shop")
    };
    assert!(!page.waiting.iter().any(about), "{:?}", page.waiting);
    for refused in [
        release::release(&at, &place("production"), 1).unwrap_err().to_string(),
        release::release(&at, &place("production"), 99).unwrap_err().to_string(),
        run::run(&at, first).unwrap_err().to_string(),
        service::service(&at, &"shop".parse().unwrap(), &"ledger-api".parse().unwrap())
            .unwrap_err()
            .to_string(),
        compare::compare(&at, "from=shop/ledger-api/dev@1").unwrap_err().to_string(),
        policies::place(&at, &place("production")).unwrap_err().to_string(),
    ] {
        assert!(refused.contains("you hold no role in project `shop`"), "{refused}");
    }
    let found = ledger(&at, "").unwrap();
    assert!(
        found.rows.iter().all(|row| !row.title.contains("shop") && !row.detail.contains("shop")),
        "{found:?}"
    );
    assert!(entry(&at, 7).unwrap_err().to_string().contains("you hold no role"));
    let sheet = system::system(&at).unwrap();
    let text = serde_json::to_string(&sheet).unwrap();
    assert!(!text.contains("shop") && !text.contains("runs_active"), "counts of other projects: {text}");
    let sheet = policies::policies(&at).unwrap();
    assert_eq!(sheet.headline, "No policy is in force at a place that you may read");
    assert!(!serde_json::to_string(&sheet).unwrap().contains("shop"), "{sheet:?}");
    let sheet = trust::trust(&at).unwrap();
    assert!(!serde_json::to_string(&sheet).unwrap().contains("shop"), "{sheet:?}");
    let sheet = findings::findings(&at, "").unwrap();
    assert!(!serde_json::to_string(&sheet).unwrap().contains("shop"), "{sheet:?}");
    assert!(sheet.headline.starts_with("Nothing runs yet"), "{sheet:?}");
    let sheet = components::components(&at, "").unwrap();
    assert!(!serde_json::to_string(&sheet).unwrap().contains("shop"), "{sheet:?}");
}
