//! Messages of the API. Signed statements are nested as the envelopes that their signers made.

mod drift;
mod history;
mod installation;
mod place;
mod release;
mod run;
mod session;
mod submission;

pub use drift::{AgentBaselineView, AgentDriftView};
pub use history::{ReleaseHistory, Replacement};
pub use installation::{EntryView, Installation, PersonView, StatusView};
pub use place::{
    AgentTurnView, BarView, CheckView, LiftView, MachineView, PlaceView, PreviewView, WindowsLiftedView,
    WindowsView,
};
pub use release::{
    AgentWork, LastOutcomeView, OrderView, PendingReleaseView, ReleaseView, RollbackView, RolloutView,
    RunningReleaseView,
};
pub use run::{RUNS_MAX, RunFilter, RunView, RunnerWork, WorkView};
pub use session::{IntroductionAnswer, Session};
pub use submission::{ByHandReport, CommandOutcome, SignedStatement, Submission};
