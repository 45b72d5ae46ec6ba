//! Figures of delivery by week, of one service, one project or everything that the reader may read.
//!
//! Invariant: projects are filtered by the reader's right before anything is counted. Rows are read by typed queries over twelve
//! weeks, and computed by a pure function; a page of the same ledger is not computed again within the same hour.

use std::collections::BTreeSet;
use std::fmt;

use domain::State;
use evidence::{Name, Place};
use review::delivery::{Figure, Rows, WEEKS, Weeks, figures, headline, last_places};
use web::model::{Chart, ChartPoint, Choice, Sheet, SheetField, SheetForm};
use wire::PlaceView;

use super::fields::fields;
use super::reading::{Reading, malformed, nothing};
use super::situation::Situation;
use super::words::list;
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use crate::views::{ViewError, figures as rows_of};

/// The page.
///
/// # Errors
/// `Failure` if the query is malformed, names what the reader may not read, or the views cannot be read.
pub fn delivery(at: &Reading<'_>, query: &str) -> Result<Sheet, Failure> {
    up_to_date(at.shared)?;
    of_state(at, &at.shared.intake.state(), query)
}

/// The same with a given state.
pub(super) fn of_state(at: &Reading<'_>, state: &State, query: &str) -> Result<Sheet, Failure> {
    let situation = Situation::read(at, state)?;
    let scope = Scope::read(query)?;
    let chosen: Vec<PlaceView> =
        situation.places.iter().filter(|view| scope.covers(&view.place)).cloned().collect();
    if chosen.is_empty() && scope != Scope::default() {
        return Err(nothing(format!("no place has `{scope}`; `countersign status` shows the places")));
    }
    let last: Vec<Place> = last_places(&chosen).into_iter().map(|view| view.place.clone()).collect();
    let key = (state.entries, at.now.millis() / HOUR_MS, ways(&chosen));
    let found = at.shared.pages.figures.or_make(key, || {
        read(at, &chosen, &last).map(|rows| figures(&rows, at.now)).map_err(Failure::failed)
    })?;
    let names: BTreeSet<String> = last.iter().map(|place| place.environment.to_string()).collect();
    let names: Vec<String> = names.into_iter().collect();
    let last = (!names.is_empty()).then(|| {
        let word = if names.len() == 1 { "last environment" } else { "last environments" };
        format!("{word}: {}", list(&names, NAMES_MAX))
    });
    Ok(Sheet {
        headline: headline(&found),
        sub: last.into_iter().chain([WEEKS_WORDS.to_owned()]).collect(),
        form: Some(form(&situation.places, &scope)),
        charts: found.iter().map(chart).collect(),
        ..Sheet::default()
    })
}

/// The rows of the weeks that are shown. Weeks before the last two do not change: their many rows are read once.
fn read(at: &Reading<'_>, chosen: &[PlaceView], last: &[Place]) -> Result<Rows, ViewError> {
    let weeks = Weeks::until(at.now);
    let (since, recent) = (weeks.start(0), weeks.start(PAST));
    let projects: BTreeSet<Name> = chosen.iter().map(|view| view.place.project.clone()).collect();
    let projects: Vec<Name> = projects.into_iter().collect();
    let places: Vec<Place> = chosen.iter().map(|view| view.place.clone()).collect();
    let part = |from: usize, until: usize| {
        at.shared.views.ask(|rows| {
            let span = (weeks.start(from), weeks.start(until));
            let mut part = Rows { deployments: rows_of::deployments(rows, last, span)?, ..Rows::default() };
            for week in from..until {
                let span = (weeks.start(week), weeks.start(week + 1));
                part.builds.extend(rows_of::builds(rows, &projects, span)?);
            }
            Ok(part)
        })
    };
    let key = (recent.millis(), ways(chosen));
    let past = at.shared.pages.past_weeks.or_make(key, || part(0, PAST))?;
    let mut all = part(PAST, WEEKS)?;
    all.deployments.extend(past.deployments.iter().cloned());
    all.deployments.sort_by(|one, next| (&one.place, one.time).cmp(&(&next.place, next.time)));
    all.builds.extend(&past.builds);
    at.shared.views.ask(|rows| {
        all.ended = rows_of::ended(rows, &projects, since)?;
        all.stopped = rows_of::stopped(rows, &places, since)?;
        Ok(all)
    })
}

/// A project, one of its services, or everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Scope {
    project: Option<Name>,
    service: Option<Name>,
}

impl Scope {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut scope = Self::default();
        for (name, value) in fields(query).into_iter().filter(|(_, value)| !value.is_empty()) {
            if name != "of" {
                let name = shown::brief(&name, 40);
                return Err(malformed(format!("`{name}` is no field of this page: name `of`")));
            }
            let (project, service) = value
                .split_once('/')
                .map_or((value.as_str(), None), |(project, service)| (project, Some(service)));
            scope.project = Some(project.parse().map_err(malformed)?);
            scope.service = service.map(str::parse).transpose().map_err(malformed)?;
        }
        Ok(scope)
    }

    fn covers(&self, place: &Place) -> bool {
        self.project.as_ref().is_none_or(|project| *project == place.project)
            && self.service.as_ref().is_none_or(|service| *service == place.service)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let project = self.project.as_ref().map_or("", Name::as_str);
        match &self.service {
            Some(service) => write!(f, "{project}/{service}"),
            None => f.write_str(project),
        }
    }
}

/// The places with the ways that they are on, which say where a way ends. Rows follow from them and from a span of time.
pub(super) fn ways(chosen: &[PlaceView]) -> String {
    let way = |view: &PlaceView| {
        let after = view.after.as_ref().map(Name::as_str).unwrap_or_default();
        format!("{} after {after}, ", view.place)
    };
    chosen.iter().map(way).collect()
}

fn form(places: &[PlaceView], scope: &Scope) -> SheetForm {
    let mut values = vec![String::new()];
    let of_project: BTreeSet<String> = places.iter().map(|view| view.place.project.to_string()).collect();
    let of_service: BTreeSet<String> =
        places.iter().map(|view| format!("{}/{}", view.place.project, view.place.service)).collect();
    values.extend(of_project.into_iter().chain(of_service).take(CHOICES_MAX));
    let chosen = scope.to_string();
    let choice = |value: String| Choice {
        name: if value.is_empty() { "everything".to_owned() } else { value.clone() },
        chosen: value == chosen,
        value,
    };
    SheetForm {
        path: "/delivery".to_owned(),
        fields: vec![SheetField {
            parameter: "of".to_owned(),
            title: "Project or service".to_owned(),
            words: String::new(),
            example: String::new(),
            choices: values.into_iter().map(choice).collect(),
        }],
        button: "Show".to_owned(),
        narrowed: *scope != Scope::default(),
    }
}

fn chart(figure: &Figure) -> Chart {
    let point = |point: &review::delivery::Point| ChartPoint {
        label: point.label.clone(),
        height: point.height,
        value: point.value.clone(),
    };
    Chart {
        title: figure.title.to_owned(),
        value: figure.value.clone(),
        state: None,
        sentence: figure.sentence.clone(),
        points: figure.points.iter().map(point).collect(),
    }
}

const WEEKS_WORDS: &str = "by week, which begins on Monday, 00:00 UTC; times are those of ledger entries";
/// Number of weeks that do not change: entries of a week are in the views long before the week after it ends.
const PAST: usize = WEEKS - 2;
const HOUR_MS: u64 = 3_600_000;
const NAMES_MAX: usize = 6;
/// Most projects and services to choose from.
const CHOICES_MAX: usize = 500;
