//! Each page's model over a real ledger: the one of the corpus, which a release of the product made.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod comparison;
mod delivery;
mod entries;
mod export;
mod exposed;
mod overview;
mod place;
mod posture;
mod readers;
mod record;
mod releases;
mod service;
mod system;
mod watched;

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

use super::{PageCaches, Reading};
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
            secret_uses: crate::secret_uses::SecretUses::default(),
            console,
            browsers: BrowserSessions::default(),
            watchers: Watchers::new(),
            pages: PageCaches::default(),
            advisories: None,
            alert_rules: review::alerts::AlertRules::default(),
            rescanning: std::sync::Arc::default(),
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
