//! Lines of records: whether the particulars of an entry are the lines of the tree that its facts state.
//!
//! Invariant: this is no decision. The server alone vouches for lines, and nothing rests on them; an audit only shows that none
//! was changed, moved or removed since.

use domain::record::Recorded;
use evidence::entry::{Actor, Auth, Entry, Header};
use evidence::records::{Lines, RecordError};

/// Why the lines of an entry are unsound.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// The particulars were erased.
    #[error("its lines were erased")]
    Erased,
    /// The lines cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The facts are of other lines.
    #[error("its lines are not those of the tree in its facts")]
    OtherTree,
    /// A line belongs into another entry.
    #[error("a line is of another project than the entry")]
    OtherProject,
    /// The entry says that somebody else than the server caused it.
    #[error("the server alone records lines, without a cause")]
    Caused,
}

/// The lines of an entry, compared with its facts.
///
/// # Errors
/// `LinesError` names the fault.
pub fn lines_of(header: &Header, facts: &Recorded, entry: &Entry) -> Result<Lines, LinesError> {
    let by_server = header.actor == Actor::System && header.auth == Auth::None;
    let alone = header.cause.is_none() && header.idempotency.is_none() && header.blobs.is_empty();
    if !by_server || !alone {
        return Err(LinesError::Caused);
    }
    let particulars = entry.particulars.as_ref().ok_or(LinesError::Erased)?;
    let lines = Lines::decode(&particulars.bytes)?;
    if Recorded::of(&lines)? != *facts {
        return Err(LinesError::OtherTree);
    }
    let own = |line: &evidence::records::Line| line.body.columns().project == header.project.as_ref();
    if lines.iter().all(own) { Ok(lines) } else { Err(LinesError::OtherProject) }
}
