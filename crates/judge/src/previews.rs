//! Previews of an agent: which ones its template allows now, and which ones a person ended.
//!
//! Invariant: a preview is made or prolonged only if the policy signers of the newest root signed its template, and a developer
//! signed the request for it at a time that is not ahead. A preview of an earlier root can only end. Three things end one: its own
//! time, a newer template that no longer allows it, or a developer's signed request for the end of exactly this preview.
//! Nothing here allows a release: that is judged with its bundle.

use std::collections::BTreeMap;
use std::time::Duration;

use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::observations::RemovedBecause;
use evidence::preview::Preview;
use evidence::previews_order::{PreviewPart, PreviewRemoval, PreviewsOrder};
use evidence::request::{RemovePreview, Request};
use evidence::status::Status;
use evidence::trust_root::TrustRoot;
use evidence::{Moment, Place};

use crate::context::{Anchors, VerificationContext};
use crate::people::{People, roles};
use crate::reasons::{Reasons, one_reason};
use crate::records::Revoked;
use crate::requests::{self, DEVELOPER};
use crate::roots::{self, walk};

/// The previews of an order.
#[derive(Clone, Debug)]
pub struct CheckedPreviews {
    /// Version of the newest trust root.
    pub root: u32,
    /// Number of the status.
    pub status: u64,
    /// The newest statement at the place of the template.
    pub template: Environment,
    /// The previews that the order has.
    pub previews: Vec<CheckedPreview>,
    /// Why others, or the end of one, do not count: a sentence for each.
    pub refused: Vec<String>,
}

/// A preview of an order.
#[derive(Clone, Debug)]
pub struct CheckedPreview {
    /// The environment that its request and its template make.
    pub environment: Environment,
    /// Its place among the previews of the template.
    pub preview: Preview,
    /// Whether the policy signers of today signed its template. If not, it can only end: by its time, or by a person's request.
    pub may_begin: bool,
    /// Whether a developer asked for it. If not, it is not made, and one that was made before lives no longer by it.
    pub is_proven: bool,
    /// Whether a developer asked for its end.
    pub is_asked_to_end: bool,
}

impl CheckedPreview {
    /// Why it ends before its time under a template.
    #[must_use]
    pub fn ends(&self, template: &Environment) -> Option<RemovedBecause> {
        let asked = self.is_asked_to_end.then_some(RemovedBecause::Asked);
        asked.or_else(|| ends_under(template, &self.environment.place(), self.preview.slot))
    }
}

/// Checks an order for the place of a template.
///
/// # Errors
/// `Reasons` with the faults of what all previews rest on.
pub fn check_previews(
    order: &PreviewsOrder,
    place: &Place,
    anchors: &Anchors,
    seen: &VerificationContext,
    now: Moment,
) -> Result<CheckedPreviews, Reasons> {
    let wrong = |code: &str, what: String| one_reason(code, what, "ask for it again");
    if order.v != 1 {
        let what = "the order is of a version that this program does not know";
        return Err(wrong("previews-unsound", what.into()));
    }
    let (root, roots) = walk(&order.roots, anchors, seen)?;
    let status = roots::newest_status(&order.status, &root, seen)?;
    let template = Environment::open(&order.template, &root)
        .map_err(|error| wrong("environment-unsound", error.to_string()))?;
    if template.place() != *place || template.preview.is_some() {
        let what = format!("the template is of {}", template.place());
        return Err(wrong("environment-unsound", what));
    }
    if template.number < seen.statement {
        let what = format!("statement {} was seen before, this is {}", seen.statement, template.number);
        return Err(wrong("environment-rollback", what));
    }
    let judged = Judged { root: &root, roots: &roots, status: &status, template: &template, now };
    let (mut previews, mut refused) = (Vec::new(), Vec::new());
    for part in order.bounded() {
        match judged.preview(part) {
            Ok((preview, faults)) => {
                previews.push(preview);
                refused.extend(faults);
            }
            Err(fault) => refused.push(fault),
        }
    }
    Ok(CheckedPreviews { root: root.version, status: status.number, template, previews, refused })
}

/// Why a preview has no right to go on under the newest statement at the place of its template.
#[must_use]
pub fn ends_under(template: &Environment, place: &Place, slot: u32) -> Option<RemovedBecause> {
    let admits = template.previews.as_ref();
    let admits = admits.is_some_and(|rules| rules.against(&place.environment, slot).is_none());
    (!admits).then_some(RemovedBecause::Withdrawn)
}

/// All that a preview of an order is judged by.
struct Judged<'a> {
    root: &'a TrustRoot,
    /// All roots, the oldest first.
    roots: &'a [TrustRoot],
    status: &'a Status,
    template: &'a Environment,
    now: Moment,
}

impl Judged<'_> {
    /// A preview, and why the request that makes it, or one to remove it, does not count.
    fn preview(&self, part: &PreviewPart) -> Result<(CheckedPreview, Vec<String>), String> {
        let opened = Environment::open(&part.statement, self.root);
        let may_begin = opened.is_ok();
        let environment = opened.or_else(|error| self.former(part).ok_or_else(|| error.to_string()))?;
        let preview = environment.preview.as_deref().cloned();
        let own = Place { environment: self.template.environment.clone(), ..environment.place() };
        let is_own =
            |made: &Preview| made.template == self.template.environment && own == self.template.place();
        let Some(preview) = preview.filter(is_own) else {
            return Err(format!("{} is no preview of {}", environment.place(), self.template.place()));
        };
        let made = self.made(part, &environment);
        let ended = part.removal.as_ref().map(|removal| self.removed(removal, &environment));
        let (is_proven, is_asked_to_end) = (made.is_ok(), matches!(ended, Some(Ok(()))));
        let faults = made.err().into_iter().chain(ended.and_then(Result::err)).collect();
        Ok((CheckedPreview { environment, preview, may_begin, is_proven, is_asked_to_end }, faults))
    }

    /// The environment of a preview whose template was signed under an earlier root: nobody can sign it again, and its agent has
    /// still to hear that it ends.
    fn former(&self, part: &PreviewPart) -> Option<Environment> {
        self.roots.iter().rev().find_map(|root| Environment::open(&part.statement, root).ok())
    }

    /// Whether a developer asked for this preview.
    fn made(&self, part: &PreviewPart, preview: &Environment) -> Result<(), String> {
        let place = preview.place();
        let enrolment = part.enrolment.as_ref();
        let enrolment = enrolment.ok_or_else(|| format!("no enrolment shows who asked for {place}"))?;
        let (request, _) = self.signed(&part.statement, enrolment, preview)?;
        if request.issued > self.now.later_by(AHEAD_MAX) {
            return Err(format!("{place} was asked for at {}, and it is {} here", request.issued, self.now));
        }
        Ok(())
    }

    /// Whether a developer asked for the end of exactly this preview.
    fn removed(&self, removal: &PreviewRemoval, preview: &Environment) -> Result<(), String> {
        let (request, name) = self.signed(&removal.request, &removal.enrolment, preview)?;
        let asked = RemovePreview { place: preview.place(), number: preview.number };
        let found = serde_json::from_value(request.arguments.clone());
        let is_it = request.action.as_str() == "preview-remove"
            && found.is_ok_and(|found: RemovePreview| found == asked);
        if !is_it {
            return Err(format!(
                "a request by {name} asks for something else than the end of {}",
                asked.place
            ));
        }
        Ok(())
    }

    /// A request about a preview, which a developer signed, and their name.
    fn signed(
        &self,
        envelope: &Envelope,
        enrolment: &Envelope,
        preview: &Environment,
    ) -> Result<(Request, String), String> {
        // A request has no proven entry here, so a revoked key does not count.
        let revoked = Revoked::new(self.status, self.now, &BTreeMap::new());
        let enrolment = std::slice::from_ref(enrolment);
        let people =
            People::open(enrolment, self.root, self.status, revoked, self.now).map_err(|flaw| flaw.what)?;
        let signed = requests::signed(envelope, &envelope.payload_digest(), self.root.installation, &people);
        let (request, person) = signed.map_err(|error| format!("{}: {error}", preview.place()))?;
        if !roles(person, &preview.project, None).iter().any(|role| role.as_str() == DEVELOPER) {
            let what = "asks for a preview, or for its end, and is no";
            return Err(format!("{}: {} {what} {DEVELOPER} here", preview.place(), person.name));
        }
        Ok((request, person.name.clone()))
    }
}

/// How far the time of a request may be ahead of the agent's clock.
const AHEAD_MAX: Duration = Duration::from_mins(5);
