//! Alerts as callers see them.

use evidence::Name;
use review::alerts::{OpenAlert, remedy};
use wire::{ALERTS_MAX, AcknowledgedView, AlertView};

use crate::http::freshness::up_to_date;
use crate::http::names::named;
use crate::http::problem::Failure;
use crate::shared::Shared;
use crate::views::alerts::{self, AlertRow};

/// Alerts in projects that may be read: open ones first, the most urgent of them first.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn all(shared: &Shared, may_read: &dyn Fn(&Name) -> bool) -> Result<Vec<AlertView>, Failure> {
    up_to_date(shared)?;
    let rows = shared.views.ask(|rows| alerts::list(rows, ALERTS_MAX, may_read)).map_err(Failure::failed)?;
    Ok(rows.into_iter().map(|row| of(shared, row)).collect())
}

/// An alert.
pub fn of(shared: &Shared, row: AlertRow) -> AlertView {
    let AlertRow { alert, entry, state, opened, overdue, acknowledged, closed } = row;
    let remedy = remedy(&alert);
    let OpenAlert {
        place, release, artifact, finding, subject, component, what, fixed, owner, champion, ..
    } = alert;
    let (why_closed, closed) = closed.unzip();
    AlertView {
        alert: alert.alert,
        cause: alert.cause.as_str().to_owned(),
        place,
        release,
        artifact,
        finding,
        subject,
        aliases: alert.aliases.into_iter().collect(),
        component,
        severity: alert.severity.as_str().to_owned(),
        exploited: alert.exploited,
        what,
        fixed,
        remedy,
        owner,
        champion,
        state,
        opened,
        due: alert.due,
        overdue,
        acknowledged: acknowledged.map(|(person, reason, time)| AcknowledgedView {
            by: named(shared, person),
            reason,
            time,
        }),
        why_closed,
        closed,
        entry,
    }
}
