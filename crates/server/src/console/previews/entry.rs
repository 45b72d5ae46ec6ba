//! A preview with what its request says: the branch, the commit, the run, and the hosts of its agents.
//!
//! Invariant: a request that cannot be read leaves these words out; the place itself is shown all the same.

use domain::State as Ledger;
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::request::Request;
use evidence::{CommitId, Place};
use judge::Store as _;
use review::{disk_size, ids};
use web::model::SheetCell;
use wire::{PlaceView, PreviewView, RunState};

use super::why::Why;
use crate::console::pending::{PendingWords, words_of};
use crate::console::reading::{Reading, time};
use crate::console::sheets::cell;
use crate::console::words::{command, release_href, run_href};
use crate::console::{commits, judged, recorded, running};
use crate::http::problem::Failure;
use crate::run_view;

/// A preview.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Its place.
    pub view: &'a PlaceView,
    /// Its slot, its owner and its end.
    pub made: PreviewView,
    /// The newest request.
    pub asked: Option<Asked>,
    /// Why it ends, if it ends now.
    pub ends: Option<Why>,
    /// The words of a release that its gate holds.
    pub held: Option<PendingWords>,
    /// The agent's words about the newest release, if it does not run.
    pub trouble: Option<String>,
    /// The release that runs, in words.
    pub runs: Option<String>,
}

/// The newest request for a preview.
#[derive(Debug)]
pub struct Asked {
    /// Branch or tag, if the person named one that runners verified.
    pub at_ref: Option<String>,
    /// The commit.
    pub commit: CommitId,
    /// First line of its message.
    pub subject: String,
    /// The run.
    pub run: domain::RunId,
    /// How far the run is.
    pub state: Option<RunState>,
    /// Host of the agent.
    pub host: Option<String>,
}

impl<'a> Entry<'a> {
    /// A preview as it stands.
    pub fn read(at: &Reading<'_>, state: &Ledger, view: &'a PlaceView) -> Result<Self, Failure> {
        let made = view.preview.clone().ok_or_else(|| Failure::failed("a place is no preview"))?;
        let held = match view.open.as_ref().map(|open| open.stage) {
            Some(wire::ReleaseStage::Held) => {
                let judged = judged::pending(at.shared, state, &view.place, at.now)?;
                Some(words_of(&view.place, &judged))
            }
            _ => None,
        };
        let newest = view.releases.first();
        let trouble = newest.and_then(|release| {
            let said = release.detail.and_then(|detail| recorded::report_detail(at.shared, &detail));
            said.or_else(|| Some(release.reasons.join(", ")).filter(|codes| !codes.is_empty()))
        });
        let runs = view.running.as_ref().map(|now| running::words(at, view, now)).transpose()?;
        let ends = Why::of(state, &view.place, &made, at.now);
        let asked = Asked::read(at, view)?;
        Ok(Self { view, made, asked, ends, held, trouble, runs })
    }

    /// Whether it is of a template.
    pub fn is_of(&self, template: &Place) -> bool {
        let own = Place { environment: self.made.template.clone(), ..self.view.place.clone() };
        own == *template
    }

    /// Its row. The command names it by its place if another preview has its name, too.
    pub fn row(&self, is_one_of_its_name: bool, state: SheetCell) -> Vec<SheetCell> {
        let Self { view, made, .. } = self;
        let mut named = cell(view.place.environment.to_string());
        named.href = view
            .running
            .as_ref()
            .map(|now| now.release)
            .or_else(|| view.open.as_ref().map(|open| open.release))
            .map(|number| release_href(&view.place, number));
        named.notes = vec![
            format!("{}/{}", view.place.project, view.place.service),
            format!("slot {} of {}", made.slot, made.template),
        ];
        if self.ends.is_none() {
            let name = match is_one_of_its_name {
                true => view.place.environment.to_string(),
                false => view.place.to_string(),
            };
            named.commands = vec![command(format!("countersign preview remove {name}"))];
        }
        let owner = cell(made.owner.as_deref().unwrap_or("somebody who left"));
        let end = SheetCell { time: Some(time(made.until)), ..SheetCell::default() };
        let disk = view.service.as_ref().and_then(|service| service.disk);
        let disk = cell(disk.map_or_else(|| "not told".to_owned(), disk_size::words));
        vec![named, state, self.change(), owner, self.address(), end, disk]
    }

    /// The branch and the commit.
    fn change(&self) -> SheetCell {
        let Some(asked) = &self.asked else { return cell("not readable") };
        let mut change = cell(asked.subject.clone());
        change.href = Some(run_href(asked.run));
        change.notes.extend(asked.at_ref.clone());
        change.notes.push(ids::short(asked.commit.as_str()).to_owned());
        change
    }

    /// The host and the port of its service.
    fn address(&self) -> SheetCell {
        let port = self.view.service.as_ref().and_then(|service| service.port);
        let host = self.asked.as_ref().and_then(|asked| asked.host.as_deref());
        let Some(port) = port else { return cell("none yet") };
        let mut address = cell(format!("port {port}"));
        address.notes = host.map(|host| format!("on {host}")).into_iter().collect();
        address
    }
}

impl Asked {
    /// The content of the request of a preview.
    fn read(at: &Reading<'_>, view: &PlaceView) -> Result<Option<Self>, Failure> {
        let store = at.shared.gatekeeper.store();
        let envelope = store.blob(&view.envelope).map_err(Failure::failed)?;
        let Ok(envelope) = Envelope::decode(&envelope) else { return Ok(None) };
        let (Ok(request), Ok(environment)) = (Request::read(&envelope), Environment::read(&envelope)) else {
            return Ok(None);
        };
        let word = |name: &str| request.arguments.get(name).and_then(serde_json::Value::as_str);
        let Some(commit) = word("commit").and_then(|commit| commit.parse::<CommitId>().ok()) else {
            return Ok(None);
        };
        let run = domain::RunId::from(request.nonce);
        Ok(Some(Self {
            at_ref: word("ref").map(|name| branch(name).to_owned()),
            subject: commits::subject(at.shared, run, &commit),
            state: run_view::one(at.shared, run)?.map(|row| row.view.state),
            host: environment.agents.first().map(|agent| agent.place.host.clone()),
            commit,
            run,
        }))
    }
}

/// The name of a branch or tag without what git puts before it.
fn branch(name: &str) -> &str {
    let name = name.strip_prefix("refs/").unwrap_or(name);
    name.strip_prefix("heads/").or_else(|| name.strip_prefix("tags/")).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::branch;

    #[test]
    fn a_branch_is_named_as_people_do() {
        let names = ["refs/heads/feature/a", "refs/tags/v1", "refs/changes/7", "main"];
        assert_eq!(names.map(branch), ["feature/a", "v1", "changes/7", "main"]);
    }
}
