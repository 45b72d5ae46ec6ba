//! The situation of the installation as far as a reader may read it: places, freezes, machines, and approval nodes that wait.

use domain::RunId;
use evidence::{CommitId, Moment, Name};
use wire::{FreezeView, MachineView, PlaceView, StatusView, WitnessesView};

/// Everything that a situation depends on: the number of entries, the reader, and a short span of time, since machines come and go
/// without an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SituationKey {
    /// Number of entries.
    pub entries: u64,
    /// Whether the reader may read every project, and the reader's account.
    pub reader: (bool, String),
    /// The span of time.
    pub span: u64,
}

/// The situation.
#[derive(Clone, Debug)]
pub struct Situation {
    /// Places that stay, by project and service, and in the order of environments.
    pub places: Vec<PlaceView>,
    /// Templates of previews. No release goes to their own places, and their agents keep the previews.
    pub templates: Vec<PlaceView>,
    /// Previews. They stand on a separate page: nothing there says how a service does.
    pub previews: Vec<PlaceView>,
    /// Freezes, with the person who began each.
    pub freezes: Vec<FreezeView>,
    /// Runners.
    pub runners: Vec<MachineView>,
    /// Witnesses that count.
    pub witnesses: WitnessesView,
    /// The status in force.
    pub status: Option<StatusView>,
    /// End of the trust root.
    pub root_expires: Option<Moment>,
    /// The people who sign the status.
    pub status_signers: Signers,
    /// The people who sign the trust root.
    pub root_signers: Signers,
    /// Approval nodes that wait for people.
    pub nodes: Vec<OpenNode>,
}

impl Situation {
    /// The agents of places that stay and of templates, each with its place.
    pub fn agents(&self) -> impl Iterator<Item = (&PlaceView, &MachineView)> {
        let all = self.places.iter().chain(&self.templates);
        all.flat_map(|view| view.agents.iter().map(move |agent| (view, agent)))
    }
}

/// The people who sign a statement of the installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signers {
    /// Number of them who must sign.
    pub threshold: u32,
    /// Number of them who may sign.
    pub holders: usize,
    /// Names of those who are enrolled.
    pub names: Vec<String>,
}

/// An approval node that waits for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenNode {
    /// The run.
    pub run: RunId,
    /// Its project.
    pub project: Name,
    /// Its commit.
    pub commit: CommitId,
    /// Name of the node.
    pub step: Name,
    /// Role of the people.
    pub role: Name,
    /// Number of people who agreed.
    pub given: usize,
    /// Number of people who have to agree.
    pub needed: usize,
}
