//! Bars: a release that failed its own judgement at a place must not come again there, until somebody who is not behind the
//! change lifts that.
//!
//! Invariant: the judge knows bars by itself, never from the bundle. A bar is lifted only by a statement that counts and names
//! exactly the observation that made it.

use evidence::Digest;

use crate::context::Bar;
use crate::lanes::{ProvenStatement, counting};
use crate::reasons::Reasons;

/// Tells of each bar of an artifact that no statement lifts.
pub fn check(artifact: Digest, bars: &[Bar], statements: &[ProvenStatement], reasons: &mut Reasons) {
    for bar in bars.iter().filter(|bar| bar.artifact == artifact) {
        let lifts = |proven: &&ProvenStatement| {
            proven.statement.unbars() == Some(artifact) && proven.statement.subjects == [bar.observation]
        };
        if counting(statements).any(|proven| lifts(&proven)) {
            continue;
        }
        let void = statements.iter().filter(lifts).flat_map(|proven| {
            proven
                .void
                .iter()
                .map(|why| format!("; the statement by {} does not lift it: {why}", proven.name))
        });
        let void: String = void.collect();
        let what = format!(
            "release {} of the same artifact failed its judgement here (observation {}){void}",
            bar.release, bar.observation
        );
        reasons.against(BARRED, what, LIFT);
    }
}

/// Code of the reason.
pub const BARRED: &str = "barred-here";
/// Its remedy.
pub const LIFT: &str = "release another commit; or, if the failure had another cause, have somebody who is not behind the change \
                        run `countersign lift`, and promote it again";
