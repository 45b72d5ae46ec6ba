//! Alerts: what runs or waits and is judged worse now than when it was released.
//!
//! Input: words, a state, a severity and a service, or none. Invariant: what is counted is what the reader may read. Alerts that were
//! closed are shown after the open ones.

use domain::State as Ledger;
use web::model::{Badge, Choice, Sheet, SheetCell, SheetField, SheetForm, SheetTable, State};
use wire::{AlertState, AlertView};

use super::fields::{encoded, fields};
use super::reading::{Reading, time};
use super::sheets::cell;
use super::words::{badge, command, command_for, page_of_place, release_href};
use crate::alert_view;
use crate::http::problem::Failure;
use crate::views::alerts::count;

/// Words and choices of a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Facets {
    words: String,
    needles: Vec<String>,
    service: Option<String>,
    state: Option<AlertState>,
    severity: Option<String>,
}

/// The page for a query.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn alerts(at: &Reading<'_>, query: &str) -> Result<Sheet, Failure> {
    let all = alert_view::all(at.shared, &|project| at.may_read(project))?;
    Ok(page(&all, &Facets::read(query), at.shared.advisories.is_some()))
}

/// Open alerts that the reader may read: all, critical ones, and overdue ones.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn open_count(at: &Reading<'_>, state: &Ledger) -> Result<(u64, u64, u64), Failure> {
    let may = |project: &evidence::Name| at.caller.may_read(project, state, at.now);
    at.shared.views.ask(|rows| count(rows, &may)).map_err(Failure::failed)
}

fn page(all: &[AlertView], facets: &Facets, has_advisories: bool) -> Sheet {
    let open: Vec<&AlertView> = all.iter().filter(|alert| alert.state != AlertState::Closed).collect();
    let critical = open.iter().filter(|alert| is_critical(alert)).count();
    let overdue = open.iter().filter(|alert| alert.overdue.is_some()).count();
    let mut sub = Vec::new();
    sub.extend((critical > 0).then(|| format!("{critical} critical")));
    sub.extend((overdue > 0).then(|| format!("{overdue} overdue")));
    sub.push(match has_advisories {
        true => "releases that run or wait are judged by the server's advisories".to_owned(),
        false => "the server has no advisories, so only ended statements are found".to_owned(),
    });
    Sheet {
        headline: match open.len() {
            0 => "No alert is open".to_owned(),
            1 => "1 alert open".to_owned(),
            count => format!("{count} alerts open"),
        },
        badge: Some(match (critical, open.len()) {
            (0, 0) if has_advisories => badge(State::Pass, "clear"),
            (0, 0) => badge(State::Quiet, "no advisories"),
            (0, _) => badge(State::Wait, "open"),
            _ => badge(State::Stop, "critical"),
        }),
        sub,
        form: Some(facets.form(all)),
        tables: vec![facets.table(all, has_advisories)],
        ..Sheet::default()
    }
}

fn is_critical(alert: &AlertView) -> bool {
    alert.exploited || alert.severity == "critical"
}

impl Facets {
    fn read(query: &str) -> Self {
        let mut facets = Self::default();
        for (name, value) in fields(query) {
            let value = value.trim();
            match name.as_str() {
                "q" => {
                    let words: Vec<&str> = value.split_whitespace().take(WORDS_MAX).collect();
                    facets.needles = words.iter().map(|word| word.to_lowercase()).collect();
                    facets.words = words.join(" ");
                }
                "service" if !value.is_empty() => facets.service = Some(value.to_owned()),
                "state" => {
                    facets.state = STATES.iter().find(|(word, _)| *word == value).map(|(_, state)| *state)
                }
                "severity" => {
                    facets.severity =
                        SEVERITIES.iter().find(|word| **word == value).map(|word| (*word).to_owned());
                }
                _ => {}
            }
        }
        facets
    }

    const fn is_narrowed(&self) -> bool {
        !self.needles.is_empty() || self.service.is_some() || self.state.is_some() || self.severity.is_some()
    }

    fn finds(&self, alert: &AlertView) -> bool {
        let own = [
            alert.subject.clone(),
            alert.component.clone().unwrap_or_default(),
            alert.place.to_string(),
            alert.what.clone(),
            alert.owner.clone().unwrap_or_default(),
            alert.alert.hex(),
        ];
        let texts: Vec<String> = own.iter().chain(&alert.aliases).map(|text| text.to_lowercase()).collect();
        let has_words =
            self.needles.iter().all(|needle| texts.iter().any(|text| text.contains(needle.as_str())));
        has_words
            && self.service.as_ref().is_none_or(|service| *service == service_of(alert))
            && self.state.is_none_or(|state| state == alert.state)
            && self.severity.as_ref().is_none_or(|severity| *severity == alert.severity)
    }

    fn form(&self, all: &[AlertView]) -> SheetForm {
        let mut services: Vec<String> = all.iter().map(service_of).collect();
        services.sort();
        services.dedup();
        let choice =
            |value: &str, chosen: bool| Choice { value: value.to_owned(), name: value.to_owned(), chosen };
        let none = |name: &str| Choice { value: String::new(), name: name.to_owned(), chosen: false };
        let choices = |title: &str, parameter: &str, none: Choice, all: Vec<Choice>| SheetField {
            parameter: parameter.to_owned(),
            title: title.to_owned(),
            words: String::new(),
            example: String::new(),
            choices: std::iter::once(none).chain(all).collect(),
        };
        let words = SheetField {
            parameter: "q".to_owned(),
            title: "About".to_owned(),
            words: self.words.clone(),
            example: "CVE-2026-1188, openssl, or an owner".to_owned(),
            choices: Vec::new(),
        };
        let services =
            services.iter().map(|name| choice(name, self.service.as_ref() == Some(name))).collect();
        let states = STATES.iter().map(|(word, state)| choice(word, self.state == Some(*state))).collect();
        let severities =
            SEVERITIES.iter().map(|word| choice(word, self.severity.as_deref() == Some(*word))).collect();
        SheetForm {
            path: "/alerts".to_owned(),
            fields: vec![
                words,
                choices("Service", "service", none("every service"), services),
                choices("State", "state", none("every state"), states),
                choices("Severity", "severity", none("every severity"), severities),
            ],
            button: "Search".to_owned(),
            narrowed: self.is_narrowed(),
        }
    }

    fn table(&self, all: &[AlertView], has_advisories: bool) -> SheetTable {
        let found: Vec<&AlertView> = all.iter().filter(|alert| self.finds(alert)).collect();
        SheetTable {
            title: "Alerts".to_owned(),
            columns: ["About", "State", "Place", "Owner", "Due", "Remedy"].map(str::to_owned).to_vec(),
            rows: found.iter().take(ROWS_MAX).map(|alert| row(alert)).collect(),
            more: found.len().saturating_sub(ROWS_MAX),
            empty: match self.is_narrowed() {
                true => "No alert is like this.".to_owned(),
                false => "Nothing that runs or waits is judged worse than when it was released.".to_owned(),
            },
            fill: (!has_advisories).then(|| command("countersign server --advisories FILE")),
        }
    }
}

fn service_of(alert: &AlertView) -> String {
    format!("{}/{}", alert.place.project, alert.place.service)
}

fn row(alert: &AlertView) -> Vec<SheetCell> {
    let mut what = cell(shown::brief(&alert.subject, SUBJECT_CHARS));
    what.notes.extend(alert.component.as_ref().map(|purl| shown::brief(purl, SUBJECT_CHARS)));
    what.notes.push(shown::brief(&alert.what, SENTENCE_CHARS));
    if !alert.aliases.is_empty() {
        what.notes.push(shown::brief(&alert.aliases.join(", "), SENTENCE_CHARS));
    }
    what.href = Some(format!("/where?what={}", encoded(&alert.subject)));
    let mut state = SheetCell { badge: Some(shape(alert)), ..SheetCell::default() };
    state.notes.push(match alert.exploited {
        true => format!("{}, known to be exploited", alert.severity),
        false => alert.severity.clone(),
    });
    state.notes.extend(alert.acknowledged.as_ref().map(|answer| {
        let by = answer.by.name.clone().unwrap_or_else(|| answer.by.person.to_string());
        format!("{by}: {}", shown::brief(&answer.reason, SENTENCE_CHARS))
    }));
    state.notes.extend(alert.why_closed.clone());
    let mut at = cell(alert.place.to_string());
    at.href = Some(match alert.release {
        Some(release) => release_href(&alert.place, release),
        None => page_of_place(&alert.place),
    });
    at.notes.extend(alert.release.map(|release| format!("release {release}")));
    let mut owner = cell(alert.owner.clone().unwrap_or_else(|| "not known".to_owned()));
    owner.notes.extend(alert.champion.as_ref().map(|champion| format!("champion {champion}")));
    let due = SheetCell { time: Some(time(alert.closed.unwrap_or(alert.due))), ..SheetCell::default() };
    let mut remedy = cell(shown::brief(&alert.remedy, SENTENCE_CHARS));
    if alert.state == AlertState::Open {
        let digits: String = alert.alert.hex().chars().take(ID_CHARS).collect();
        let line = format!("countersign alerts acknowledge {digits} --reason WHY");
        remedy.commands = vec![command_for(line, "somebody who looks after it")];
    }
    vec![what, state, at, owner, due, remedy]
}

fn shape(alert: &AlertView) -> Badge {
    match alert.state {
        AlertState::Closed => badge(State::Pass, "closed"),
        _ if alert.overdue.is_some() => badge(State::Stop, "overdue"),
        AlertState::Acknowledged => badge(State::Wait, "acknowledged"),
        AlertState::Open if is_critical(alert) => badge(State::Stop, "open"),
        AlertState::Open => badge(State::Wait, "open"),
    }
}

const STATES: [(&str, AlertState); 3] =
    [("open", AlertState::Open), ("acknowledged", AlertState::Acknowledged), ("closed", AlertState::Closed)];
const SEVERITIES: [&str; 6] = ["critical", "high", "unknown", "medium", "low", "none"];
const ROWS_MAX: usize = 200;
const WORDS_MAX: usize = 8;
const SUBJECT_CHARS: usize = 80;
const SENTENCE_CHARS: usize = 160;
const ID_CHARS: usize = 12;

#[cfg(test)]
mod tests {
    use evidence::{Digest, Moment};
    use wire::{AlertState, AlertView};

    use super::{Facets, page};

    fn alert(severity: &str, state: AlertState) -> AlertView {
        AlertView {
            alert: Digest::of(severity.as_bytes()),
            cause: "advisory".to_owned(),
            place: "shop/api/production".parse().unwrap(),
            release: Some(4),
            artifact: Digest::of(b"artifact"),
            finding: None,
            subject: "GHSA-1".to_owned(),
            aliases: vec!["CVE-2026-1188".to_owned()],
            component: Some("pkg:cargo/serde@1.0.0".to_owned()),
            severity: severity.to_owned(),
            exploited: false,
            what: "Memory is read after it was freed".to_owned(),
            fixed: Some("1.0.1".to_owned()),
            remedy: "upgrade pkg:cargo/serde to 1.0.1".to_owned(),
            owner: Some("@shop/api".to_owned()),
            champion: None,
            state,
            opened: Moment::default(),
            due: Moment::default(),
            overdue: None,
            acknowledged: None,
            why_closed: None,
            closed: None,
            entry: 7,
        }
    }

    #[test]
    fn facets_narrow_the_table_and_counts_are_of_open_alerts() {
        let all = [
            alert("critical", AlertState::Open),
            alert("high", AlertState::Acknowledged),
            alert("low", AlertState::Closed),
        ];
        for (query, found) in [
            ("", 3),
            ("q=cve-2026-1188", 3),
            ("q=@shop", 3),
            ("q=nothing", 0),
            ("state=open", 1),
            ("severity=high", 1),
            ("state=closed&severity=high", 0),
            ("service=shop%2Fapi", 3),
            ("service=shop%2Fweb", 0),
        ] {
            let sheet = page(&all, &Facets::read(query), true);
            assert_eq!(sheet.tables.iter().map(|table| table.rows.len()).sum::<usize>(), found, "{query}");
            assert_eq!(sheet.headline, "2 alerts open", "{query}");
        }
        let clear = page(&[], &Facets::default(), false);
        assert_eq!(clear.badge.map(|badge| badge.word), Some("no advisories".to_owned()));
    }
}
