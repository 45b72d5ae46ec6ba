//! Operations about what runs: where it runs, alerts about it, and its judgement by newer advisories.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::{Extension, Json};
use domain::PersonId;
use domain::secret::Reading;
use evidence::request::Request;
use evidence::{Name, Place};
use review::alerts::acknowledged;
use serde::Deserialize;
use wire::{
    AlertAnswered, AlertState, AlertView, Credential, ProblemKind, RescanView, WatchedView, WhereView,
};

use super::freshness::up_to_date;
use super::machines::malformed;
use super::problem::Failure;
use super::requester::blocking;
use super::right;
use super::secrets::argument;
use crate::caller::Caller;
use crate::shared::Shared;
use crate::views::alerts::{self, AlertRow};
use crate::views::inventory::Question;
use crate::{alert_view, clock, inventory, rescan_task};

/// The question.
#[derive(Debug, Deserialize)]
pub struct WhereQuery {
    what: String,
}

/// The places where something runs, waits or ran.
pub async fn locate(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Query(WhereQuery { what }): Query<WhereQuery>,
) -> Result<Json<WhereView>, Failure> {
    let question: Question = what.parse().map_err(malformed)?;
    let found = blocking(move || {
        let (state, now) = (shared.intake.state(), clock::now());
        inventory::answer(&shared, &what, &question, &|project| caller.may_read(project, &state, now))
    });
    Ok(Json(found.await?))
}

/// Alerts that the caller may read.
pub async fn list(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<AlertView>>, Failure> {
    let found = blocking(move || {
        let (state, now) = (shared.intake.state(), clock::now());
        alert_view::all(&shared, &|project| caller.may_read(project, &state, now))
    });
    Ok(Json(found.await?))
}

/// A person acknowledges an alert.
pub async fn answer(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Json<AlertAnswered>, Failure> {
    let at = Arc::clone(&shared);
    let (row, line) = blocking(move || {
        let request = signed(&at, &headers, ACKNOWLEDGE)?;
        let (digits, reason): (String, String) =
            (argument(&request, "digits")?, argument(&request, "reason")?);
        let row = named(&at, request.person.into(), &digits)?;
        let line = acknowledged(&row.alert, request.person, &reason);
        line.check().map_err(|error| malformed(error.to_string()))?;
        // The same answer once more, such as after a lost connection, is on record.
        let is_new = row.acknowledged.as_ref().is_none_or(|(by, why, _)| {
            (*by, why.as_str()) != (PersonId::from(request.person), reason.as_str())
        });
        Ok((row, is_new.then_some(line)))
    })
    .await?;
    if let Some(line) = line {
        shared.intake.read(Reading::Note(vec![line])).await?;
    }
    let told = blocking(move || {
        up_to_date(&shared)?;
        let row = shared.views.ask(|rows| alerts::one(rows, &row.alert.alert)).map_err(Failure::failed)?;
        let row = row.ok_or_else(|| Failure::failed("the alert is not in the views"))?;
        Ok(AlertAnswered { alert: alert_view::of(&shared, row) })
    });
    Ok(Json(told.await?))
}

/// A person has what runs and what waits judged again.
pub async fn rescan(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Json<RescanView>, Failure> {
    let at = Arc::clone(&shared);
    let (place, person) = blocking(move || {
        let request = signed(&at, &headers, RESCAN)?;
        let place: Option<Place> = argument(&request, "place")?;
        let person = PersonId::from(request.person);
        if let Some(place) = &place {
            right::of_project(&at, &Caller::Person(person), &place.project)?;
            known_place(&at, place)?;
        }
        Ok((place, person))
    })
    .await?;
    let (state, now) = (shared.intake.state(), clock::now());
    let may = move |project: &Name| Caller::Person(person).may_read(project, &state, now);
    let covers = move |at: &Place| place.as_ref().is_none_or(|place| place == at) && may(&at.project);
    Ok(Json(rescan_task::judge(&shared, covers).await?))
}

/// The releases that run or wait at a place, with their packages.
pub async fn watched(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<String>,
) -> Result<Json<Vec<WatchedView>>, Failure> {
    let place: Place = place.parse().map_err(malformed)?;
    right::of_project(&shared, &caller, &place.project)?;
    known_place(&shared, &place)?;
    Ok(Json(blocking(move || inventory::watched(&shared, &place)).await?))
}

/// Refuses a place that there is not: a typing error must not look like "nothing found".
fn known_place(shared: &Shared, place: &Place) -> Result<(), Failure> {
    if shared.intake.state().gate.environment(place).is_some() {
        return Ok(());
    }
    let what = format!("there is no place {place}; `countersign status` shows the places");
    Err(Failure::new(ProblemKind::NotFound, what))
}

/// The signed request in the header, if it is for this action.
fn signed(shared: &Shared, headers: &HeaderMap, action: &str) -> Result<Request, Failure> {
    let Some(Credential::Request(envelope)) = right::credential(headers) else {
        let what = format!("`{action}` needs a signed request in the header `Authorization`");
        return Err(Failure::new(ProblemKind::Unauthenticated, what));
    };
    let request = shared.gatekeeper.signed(&shared.intake.state(), &envelope, clock::now())?;
    if request.action.as_str() != action {
        return Err(malformed(format!("the request is for `{}`, and not for `{action}`", request.action)));
    }
    listen::note_identity(&request.person.to_string());
    Ok(request)
}

/// The alert whose identity begins with these digits, if the person may read about its place and its cause is not gone.
fn named(shared: &Shared, person: PersonId, digits: &str) -> Result<AlertRow, Failure> {
    up_to_date(shared)?;
    let mut found = shared.views.ask(|rows| alerts::beginning(rows, digits)).map_err(Failure::failed)?;
    let (state, now) = (shared.intake.state(), clock::now());
    found.retain(|row| Caller::Person(person).may_read(&row.alert.place.project, &state, now));
    match (found.pop(), found.pop()) {
        (Some(row), None) if row.state == AlertState::Closed => {
            let what = "this alert is closed already: its cause is gone";
            Err(Failure::new(ProblemKind::NotFound, what))
        }
        (Some(row), None) => Ok(row),
        (Some(_), Some(_)) => {
            Err(malformed(format!("several alerts begin with `{digits}`; give more digits")))
        }
        (None, _) => {
            let what = format!("no alert begins with `{digits}`; `countersign alerts` shows them");
            Err(Failure::new(ProblemKind::NotFound, what))
        }
    }
}

/// Action of the request by which a person acknowledges an alert. It is recorded as a line, and as no request of the ledger.
const ACKNOWLEDGE: &str = "alert-acknowledge";
/// Action of the request by which a person has releases judged again.
const RESCAN: &str = "rescan";
