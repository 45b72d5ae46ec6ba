//! The page over releases of the lab: what runs with a waiver and without, and what waits.

use std::sync::Arc;

use evidence::Moment;
use judge::VerificationContext;
use lab::{assemble, forgery};
use review::contents::Contents;
use review::standing::Counting;
use web::model::{Sheet, State};
use wire::{NamedPerson, StatementContent, StatementState, StatementView};

use super::filter::Filter;
use super::{page, settled};
use crate::console::budgets::Budgets;
use crate::console::exposure::Exposure;
use crate::console::idle::is_idle;
use crate::console::tests::shown;

/// A release with a waiver that settles a finding of it.
struct Release {
    contents: Arc<Option<Contents>>,
    counting: Arc<Counting>,
    now: Moment,
}

fn release() -> Release {
    let (lab, parts) = forgery::KINDS[0].stated(|_| ());
    let (bundle, _) = assemble(&lab, &parts);
    let seen = VerificationContext { root: 1, ..VerificationContext::default() };
    let checked = judge::check(&bundle, &lab.anchors(), &seen).unwrap();
    let counting = Arc::new(Counting::of(&bundle.lanes.statements[0]).unwrap());
    let mut contents = Contents::of(&checked);
    contents.owner = Some("team shop".to_owned());
    for found in contents.findings.iter_mut().flatten() {
        found.owner = Some("team shop".to_owned());
        found.finding.fixed = Some("1.2.3".to_owned());
    }
    Release { contents: Arc::new(Some(contents)), counting, now: checked.now }
}

impl Release {
    fn at(&self, place: &str, number: u64, waits: bool, is_settled: bool) -> Exposure {
        let counting = if is_settled { vec![Arc::clone(&self.counting)] } else { Vec::new() };
        Exposure::new(place.parse().unwrap(), (number, waits), Arc::clone(&self.contents), &counting)
    }

    fn statement(&self) -> StatementView {
        let statement = &self.counting.statement;
        StatementView {
            statement: self.counting.digest,
            kind: statement.kind().as_str().to_owned(),
            by: NamedPerson { person: statement.person.into(), name: Some("Bob".to_owned()) },
            content: Some(StatementContent {
                scope: statement.scope.clone(),
                summary: statement.body.summary(),
                reason: statement.reason.clone(),
            }),
            begins: statement.not_before,
            until: statement.expires,
            envelope: self.counting.digest,
            state: StatementState::InForce,
        }
    }

    fn page(&self, all: &[Exposure], statements: &[StatementView]) -> Sheet {
        let budget = policy::Budget {
            most: [("critical".to_owned(), 0), ("high".to_owned(), 5)].into(),
            effect: policy::Effect::Warn,
        };
        let limited = "shop/web/production".parse().unwrap();
        let budgets = [(limited, Arc::new(Some(budget)))].into();
        page(all, &Filter::default(), &budgets, &settled::all(statements.iter(), self.now), self.now)
    }
}

#[test]
fn a_finding_that_runs_and_blocks_is_told_once_with_its_places_owner_and_next_command() {
    let release = release();
    let mut waits = release.at("shop/api/production", 5, true, false);
    let id = waits.findings().next().unwrap().0.id;
    waits.may_waive = Some(vec!["Bob".to_owned()]);
    waits.uncovered.insert(id, "Bob's waiver does not cover it: it is for finding 1".to_owned());
    waits.blocks.insert(id, ["finding-critical".to_owned()].into());
    let all = [
        release.at("shop/api/staging", 5, false, true),
        release.at("shop/web/production", 2, false, false),
        waits,
    ];
    let sheet = release.page(&all, &[release.statement()]);
    shown("findings-of-the-lab", &sheet);
    assert!(sheet.sub.contains(&"1 place over budget".to_owned()), "{:?}", sheet.sub);
    let rows: Vec<_> = sheet.lists[0].rows.iter().filter(|row| row.title.starts_with("sql at")).collect();
    let [row] = rows.as_slice() else { unreachable!("{:#?}", sheet.lists[0]) };
    assert_eq!(row.badge.as_ref().unwrap().word, "blocks");
    assert!(row.notes.iter().any(|note| note.starts_with("Bob's waiver does not cover it")), "{row:?}");
    let [mend, waive] = row.commands.as_slice() else { unreachable!("{row:#?}") };
    assert_eq!(mend.note.as_deref(), Some("team shop mends it, or Bob waives it"));
    let short = &id.hex()[..12];
    let line = format!("countersign waive {short} --place shop/api/production --until DATE --reason WHY");
    assert_eq!(waive.line, line);
}

#[test]
fn a_settled_finding_is_not_counted_and_its_waiver_says_where_it_counts() {
    let release = release();
    let all = [release.at("shop/api/production", 5, false, true)];
    let sheet = release.page(&all, &[release.statement()]);
    assert!(sheet.headline.starts_with("The one place that runs something is not exposed"), "{sheet:?}");
    let waivers = &sheet.lists[1].rows;
    assert_eq!(waivers.len(), 1);
    assert!(
        waivers[0].notes.contains(
            &"settles something at api in production: sign it again if it is still needed".to_owned()
        ),
        "{waivers:?}"
    );
    let row = sheet.lists[0].rows.iter().find(|row| row.title.starts_with("sql at")).unwrap();
    assert_eq!((row.badge.as_ref().unwrap().word.as_str(), row.commands.len()), ("waived", 0));
    assert_eq!(row.time.as_ref().unwrap().text, release.counting.statement.expires.to_string());
    let open = [release.at("shop/api/production", 5, false, false)];
    let sheet = release.page(&open, &[release.statement()]);
    assert_eq!(sheet.badge.unwrap().state, State::Stop);
    let waiver = &sheet.lists[1].rows[0];
    assert!(waiver.notes.contains(&review::ending::LET_IT_END.to_owned()), "{waiver:?}");
}

#[test]
fn somebody_is_asked_about_every_release_that_runs() {
    let release = release();
    let asked = |owner: Option<&str>, author: Option<&str>| {
        let mut contents = release.contents.as_ref().clone().unwrap();
        contents.owner = owner.map(str::to_owned);
        contents.findings.iter_mut().flatten().for_each(|found| found.owner = None);
        let place = "shop/api/production".parse().unwrap();
        let mut runs = Exposure::new(place, (5, false), Arc::new(Some(contents)), &[]);
        runs.author = author.map(str::to_owned);
        let sheet = release.page(&[runs], &[]);
        sheet.tables[0].rows[0][5].text.clone()
    };
    assert_eq!(asked(Some("team shop"), Some("alice")), "team shop");
    assert_eq!(asked(None, Some("alice")), "alice");
    assert_eq!(asked(None, None), "nobody owns this");
}

#[test]
fn attack_a_statement_is_not_called_idle_while_evidence_is_unread() {
    let release = release();
    let stated = release.statement();
    let open = release.at("shop/api/production", 5, false, false);
    let settled = release.at("shop/api/staging", 5, false, true);
    let unread = Exposure::unread("shop/api/dev".parse().unwrap(), (5, false));
    assert!(is_idle(&stated, std::slice::from_ref(&open)));
    assert!(!is_idle(&stated, &[open.clone(), unread]) && !is_idle(&stated, &[open.clone(), settled]));
    let later = StatementView { state: StatementState::Later, ..stated };
    assert!(!is_idle(&later, &[open]), "it may settle something once it begins");
}

#[test]
fn evidence_that_cannot_be_read_is_said_and_never_counts_as_clear() {
    let place: evidence::Place = "shop/api/production".parse().unwrap();
    let unread = Exposure::new(place, (3, false), Arc::new(None), &[]);
    let sheet = page(&[unread], &Filter::default(), &Budgets::new(), &[], Moment::from_millis(0).unwrap());
    assert_eq!(sheet.badge.unwrap().word, "not scanned");
    assert_eq!(sheet.tables[0].rows[0][1].text, "its evidence cannot be read");
    assert!(
        page(&[], &Filter::default(), &Budgets::new(), &[], Moment::from_millis(0).unwrap())
            .headline
            .starts_with("Nothing runs yet")
    );
}

/// A page has at most 150 KB with its assets, which have 52, and with charts and form.
#[test]
fn a_page_of_an_installation_full_of_findings_stays_small() {
    let release = release();
    let long = "a sentence of a tool that says what is wrong and why ".repeat(8);
    let contents = |nth: usize| {
        let mut contents = Option::clone(&release.contents).unwrap();
        let one = contents.found()[0].clone();
        let finding = |n: usize| {
            let mut found = one.clone();
            found.id = evidence::Digest::of(format!("{nth} {n}").as_bytes());
            found.finding.message.clone_from(&long);
            found.finding.rule = format!("GHSA-{n}-{}", "x".repeat(40));
            found
        };
        contents.findings = Some((0..20).map(finding).collect());
        Arc::new(Some(contents))
    };
    let all: Vec<Exposure> = (0..120)
        .map(|nth| {
            let place = format!("project/service-with-a-long-name-{nth}/production").parse().unwrap();
            let mut exposure = Exposure::new(place, (4_711, nth % 2 == 0), contents(nth), &[]);
            if exposure.waits {
                let ids: Vec<_> = exposure.findings().map(|(found, _)| found.id).collect();
                exposure.blocks =
                    ids.into_iter().map(|id| (id, ["finding-critical".to_owned()].into())).collect();
            }
            exposure
        })
        .collect();
    let statements: Vec<StatementView> = (0..100)
        .map(|nth| {
            let statement = evidence::Digest::of(format!("{nth}").as_bytes());
            StatementView { statement, ..release.statement() }
        })
        .collect();
    let sheet = release.page(&all, &statements);
    assert_eq!((sheet.tables[0].rows.len(), sheet.tables[0].more), (20, 40));
    assert_eq!((sheet.lists[0].rows.len(), sheet.lists[0].more), (16, 120 * 20 - 16));
    assert_eq!((sheet.lists[1].rows.len(), sheet.lists[1].more), (10, 90));
    let time = crate::console::reading::time(release.now);
    let frame = web::Frame {
        title: "Findings".to_owned(),
        path: "/findings".to_owned(),
        json: Some("/findings.json".to_owned()),
        installation: "countersign/test".to_owned(),
        mode: "team".to_owned(),
        entries: 1_000_000,
        witnesses: "witnessed by 3 of 3".to_owned(),
        waiting: 60,
        reader: "Alice".to_owned(),
        session_ends: None,
        now: time,
        counterpart: web::Counterpart::Ledger(crate::console::words::command(
            "countersign audit verify --data DIR",
        )),
    };
    let bytes = web::pages::sheet(&frame, &sheet).len();
    assert!(bytes < 90_000, "{bytes} bytes");
}
