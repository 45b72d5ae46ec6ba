//! The table of pages: one row for each address, with the function that makes its page.
//!
//! Invariant: HTML and JSON of an address come from the same model.

use domain::RunId;
use evidence::{Name, Place};
use serde::Serialize;
use web::{Counterpart, Frame, pages};

use super::frame::{Heading, frame};
use super::reading::{Reading, malformed, nothing};
use super::words::command;
use super::{
    alerts, calendar, compare, components, delivery, drift, findings, ledger, located, log, overview, parity,
    place, policies, posture, previews, record, release, rollout, run, secrets, service, system, trust,
};
use crate::http::logged_work::LoggedWork;
use crate::http::problem::Failure;

/// The form in which a page is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A document for a browser.
    Html,
    /// The model.
    Json,
}

/// An address that was asked for.
#[derive(Clone, Debug)]
pub struct PageAddress {
    /// The path without `.json`.
    path: String,
    /// The query, without its question mark.
    query: String,
    /// The words that the path's pattern leaves open, in order.
    words: Vec<String>,
}

/// A page of the console.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Pattern of its path.
    pub path: &'static str,
    /// Path of its JSON, which follows from `path` where the path ends with an open word.
    pub json: Option<&'static str>,
    /// Makes it.
    pub make: fn(&Reading<'_>, &PageAddress, Form) -> Result<String, Failure>,
}

/// All pages.
pub const PAGES: &[Page] = &[
    Page { path: "/", json: Some("/overview.json"), make: overview_page },
    Page { path: "/releases/{project}/{service}/{environment}/{number}", json: None, make: release_page },
    Page {
        path: "/releases/{project}/{service}/{environment}/{number}/record",
        json: Some("/releases/{project}/{service}/{environment}/{number}/record.json"),
        make: record_page,
    },
    Page {
        path: "/releases/{project}/{service}/{environment}/{number}/rollout",
        json: Some("/releases/{project}/{service}/{environment}/{number}/rollout.json"),
        make: rollout_page,
    },
    Page { path: "/runs/{run}", json: None, make: run_page },
    Page { path: "/runs/{run}/logs/{kind}/{name}/{runner}", json: None, make: log_page },
    Page { path: "/compare", json: Some("/compare.json"), make: compare_page },
    Page { path: "/design", json: None, make: design_page },
    Page { path: "/ledger", json: Some("/ledger.json"), make: ledger_page },
    Page { path: "/ledger/{entry}", json: None, make: entry_page },
    Page { path: "/places/{project}/{service}/{environment}", json: None, make: place_page },
    Page { path: "/policies", json: Some("/policies.json"), make: policies_page },
    Page { path: "/policies/{project}/{service}/{environment}", json: None, make: policy_page },
    Page { path: "/services/{project}/{service}", json: None, make: service_page },
    Page { path: "/findings", json: Some("/findings.json"), make: findings_page },
    Page { path: "/components", json: Some("/components.json"), make: components_page },
    Page { path: "/where", json: Some("/where.json"), make: where_page },
    Page { path: "/alerts", json: Some("/alerts.json"), make: alerts_page },
    Page { path: "/posture", json: Some("/posture.json"), make: posture_page },
    Page { path: "/delivery", json: Some("/delivery.json"), make: delivery_page },
    Page { path: "/drift", json: Some("/drift.json"), make: drift_page },
    Page { path: "/parity", json: Some("/parity.json"), make: parity_page },
    Page { path: "/previews", json: Some("/previews.json"), make: previews_page },
    Page { path: "/secrets", json: Some("/secrets.json"), make: secrets_page },
    Page { path: "/calendar", json: Some("/calendar.json"), make: calendar_page },
    Page { path: "/system", json: Some("/system.json"), make: system_page },
    Page { path: "/trust", json: Some("/trust.json"), make: trust_page },
];

fn overview_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let page = overview::overview(at)?;
    made(at, address, form, ("Overview".to_owned(), by_server("countersign status")), &page, pages::overview)
}

fn release_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let (place, number) = address.release()?;
    let page = release::release(at, &place, number)?;
    let heading = (format!("{place} {number}"), checked(format!("countersign status {place} {number}")));
    made(at, address, form, heading, &page, pages::release)
}

fn record_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let (place, number) = address.release()?;
    let page = record::record(at, &place, number)?;
    let heading =
        (format!("Record of {place} {number}"), checked(format!("countersign record {place} {number}")));
    made(at, address, form, heading, &*page, |frame, record| pages::sheet(frame, &record::sheet(record)))
}

fn rollout_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let (place, number) = address.release()?;
    let page = rollout::rollout(at, &place, number)?;
    let counterpart = match page.poll_ms {
        Some(_) => by_server(format!("countersign rollout show {place}")),
        None => checked(format!("countersign status {place} {number}")),
    };
    made(at, address, form, (format!("Rollout of {place} {number}"), counterpart), &page, pages::sheet)
}

fn run_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let [run] = address.open_words()?;
    let run: RunId = run.parse().map_err(malformed)?;
    let page = run::run(at, run)?;
    made(
        at,
        address,
        form,
        (format!("Run {run}"), by_server(format!("countersign logs {run}"))),
        &page,
        pages::run,
    )
}

fn log_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let [run, kind, work, runner] = address.open_words()?;
    let logged = LoggedWork::read(run, kind, work, runner)?;
    let page = log::log(at, &logged, &address.query)?;
    let heading = (
        format!("{work} on {runner}"),
        by_server(format!("countersign logs {run} {work} --runner {runner}")),
    );
    made(at, address, form, heading, &page, pages::log)
}

/// The page of components shows invented values, so it has no JSON.
fn design_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    if form == Form::Json {
        return Err(nothing("the page of components has no JSON".to_owned()));
    }
    let (title, counterpart) = ("Design".to_owned(), by_server("countersign status"));
    let heading = Heading { title, path: address.shown(), json: None, counterpart };
    Ok(pages::design(&frame(at, heading)?))
}

fn ledger_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let page = ledger::ledger(at, &address.query)?;
    let heading = ("Ledger".to_owned(), of_ledger());
    made(at, address, form, heading, &page, pages::ledger)
}

fn entry_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let [entry] = address.open_words()?;
    let number = entry.parse::<u64>().ok().filter(|parsed| parsed.to_string() == *entry);
    let number = number.ok_or_else(|| malformed("an entry has a number, such as `48171`"))?;
    let page = ledger::entry(at, number)?;
    let heading = (format!("Entry {number}"), of_ledger());
    made(at, address, form, heading, &page, pages::entry)
}

fn service_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let [project, service] = address.open_words()?;
    let page = service::service(at, &name(project)?, &name(service)?)?;
    let heading = (format!("{project}/{service}"), by_server("countersign status"));
    made(at, address, form, heading, &page, pages::sheet)
}

fn compare_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let page = compare::compare(at, &address.query)?;
    let heading = ("Compare".to_owned(), compare::counterpart(&address.query));
    made(at, address, form, heading, &page, pages::sheet)
}

fn drift_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let page = drift::drift(at)?;
    made(at, address, form, ("Drift".to_owned(), by_server("countersign status")), &page, pages::sheet)
}

fn parity_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let page = parity::parity(at, &address.query)?;
    let heading = ("Parity".to_owned(), parity::counterpart(&address.query));
    made(at, address, form, heading, &page, pages::sheet)
}

fn previews_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let page = previews::previews(at)?;
    let heading = ("Previews".to_owned(), by_server("countersign preview list"));
    made(at, address, form, heading, &page, pages::sheet)
}

fn findings_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let page = findings::findings(at, &address.query)?;
    made(at, address, form, ("Findings".to_owned(), of_ledger()), &page, pages::sheet)
}

fn components_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let page = components::components(at, &address.query)?;
    made(at, address, form, ("Components".to_owned(), of_ledger()), &page, pages::sheet)
}

fn where_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let page = located::located(at, &address.query)?;
    made(at, address, form, ("Where".to_owned(), by_server("countersign where WHAT")), &page, pages::sheet)
}

fn alerts_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let page = alerts::alerts(at, &address.query)?;
    made(at, address, form, ("Alerts".to_owned(), by_server("countersign alerts")), &page, pages::sheet)
}

fn posture_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let page = posture::posture(at)?;
    made(at, address, form, ("Posture".to_owned(), of_ledger()), &page, pages::sheet)
}

fn delivery_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let page = delivery::delivery(at, &address.query)?;
    made(at, address, form, ("Delivery".to_owned(), of_ledger()), &page, pages::sheet)
}

fn policies_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let page = policies::policies(at)?;
    let heading = ("Policies".to_owned(), of_ledger());
    made(at, address, form, heading, &page, pages::sheet)
}

fn place_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let [project, service, environment] = address.open_words()?;
    let place = Place { project: name(project)?, service: name(service)?, environment: name(environment)? };
    let page = place::place(at, &place)?;
    let heading = (place.to_string(), checked(format!("countersign status {place}")));
    made(at, address, form, heading, &page, pages::sheet)
}

fn policy_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let [project, service, environment] = address.open_words()?;
    let place = Place { project: name(project)?, service: name(service)?, environment: name(environment)? };
    let page = policies::place(at, &place)?;
    let heading = (format!("Policy of {place}"), of_ledger());
    made(at, address, form, heading, &page, pages::sheet)
}

fn secrets_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let page = secrets::secrets(at)?;
    made(at, address, form, ("Secrets".to_owned(), by_server("countersign secret list")), &page, pages::sheet)
}

fn calendar_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let page = calendar::calendar(at)?;
    let heading = ("Calendar".to_owned(), checked("countersign calendar show".to_owned()));
    made(at, address, form, heading, &page, pages::sheet)
}

fn system_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let page = system::system(at)?;
    made(at, address, form, ("System".to_owned(), by_server("countersign status")), &page, pages::sheet)
}

fn trust_page(at: &Reading<'_>, address: &PageAddress, form: Form) -> Result<String, Failure> {
    let page = trust::trust(at)?;
    made(at, address, form, ("Trust".to_owned(), of_ledger()), &page, pages::sheet)
}

/// A command that shows the same and checks its evidence.
fn checked(line: String) -> Counterpart {
    Counterpart::Checked(command(line))
}

/// A command that asks the server, too.
fn by_server(line: impl Into<String>) -> Counterpart {
    Counterpart::Unchecked(command(line))
}

/// The command that checks the whole ledger, for pages that no command shows.
fn of_ledger() -> Counterpart {
    Counterpart::Ledger(command("countersign audit verify --data DIR"))
}

/// A page in the wanted form. Its model is complete before the frame is made.
fn made<M: Serialize>(
    at: &Reading<'_>,
    address: &PageAddress,
    form: Form,
    (title, counterpart): (String, Counterpart),
    model: &M,
    page: fn(&Frame, &M) -> String,
) -> Result<String, Failure> {
    match form {
        Form::Json => serde_json::to_string(model).map_err(Failure::failed),
        Form::Html => {
            let heading = Heading { title, path: address.shown(), json: Some(address.json()), counterpart };
            Ok(page(&frame(at, heading)?, model))
        }
    }
}

impl PageAddress {
    /// An address with the words that its pattern leaves open.
    pub fn new(path: &str, query: String, mut words: Vec<String>) -> Self {
        let path = match path.strip_suffix(".json") {
            Some("/overview") => "/",
            Some(path) => path,
            None => path,
        };
        if let Some(last) = words.last_mut() {
            *last = last.strip_suffix(".json").unwrap_or(last).to_owned();
        }
        Self { path: path.to_owned(), query, words }
    }

    /// The frame around the problem of a page; `None` if it cannot be filled either.
    pub fn frame_of_problem(&self, at: &Reading<'_>) -> Option<Frame> {
        let counterpart = by_server("countersign status");
        frame(at, Heading { title: "Problem".to_owned(), path: self.shown(), json: None, counterpart }).ok()
    }

    fn open_words<const N: usize>(&self) -> Result<&[String; N], Failure> {
        self.words
            .as_slice()
            .try_into()
            .map_err(|_| Failure::failed("the address has other words than its pattern"))
    }

    /// Place and number of a release, which are all words that its pattern leaves open.
    fn release(&self) -> Result<(Place, u64), Failure> {
        let [project, service, environment, number] = self.open_words()?;
        let place =
            Place { project: name(project)?, service: name(service)?, environment: name(environment)? };
        let number = number.parse::<u64>().ok().filter(|parsed| parsed.to_string() == *number);
        let number = number.ok_or_else(|| malformed("a release has a number, such as `42`"))?;
        Ok((place, number))
    }

    /// The path with its query.
    pub fn shown(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    /// Address of the same page's JSON.
    fn json(&self) -> String {
        let path = if self.path == "/" { "/overview" } else { &self.path };
        if self.query.is_empty() { format!("{path}.json") } else { format!("{path}.json?{}", self.query) }
    }
}

fn name(text: &str) -> Result<Name, Failure> {
    text.parse().map_err(malformed)
}
