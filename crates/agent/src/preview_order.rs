//! The order of previews as an agent judges it, and the memory of a preview that begins.
//!
//! Invariant: the numbers that were seen never fall, and nothing is believed that the agent's own pin does not prove.

use std::io;
use std::path::Path;

use evidence::previews_order::PreviewsOrder;
use evidence::status::StatusFile;
use evidence::{Moment, Place};
use judge::{CheckedPreview, CheckedPreviews, Reasons, check_previews};

use crate::memory::{Memory, MemoryError};
use crate::preview_memory::{PreviewMemory, RemovedPreview};

impl Memory {
    /// Judges an order of previews, and stores the numbers of authentic statements.
    ///
    /// # Errors
    /// `Reasons` why it does not count.
    pub fn judge_previews(
        &mut self,
        order: &PreviewsOrder,
        by_hand: Option<&StatusFile>,
        now: Moment,
    ) -> Result<CheckedPreviews, Reasons> {
        self.meet(&order.roots, &[Some(&order.status), by_hand]);
        let (anchors, mut seen) = self.context(now);
        seen.newer.extend(by_hand.cloned());
        let checked = check_previews(order, &self.place, &anchors, &seen, self.latest(now))?;
        self.seen_root = self.seen_root.max(checked.root);
        self.seen_status = self.seen_status.max(checked.status);
        self.seen_statement = self.seen_statement.max(checked.template.number);
        Ok(checked)
    }

    /// Whether a statement was of a preview that was removed: a server cannot bring it back.
    #[must_use]
    pub fn has_removed(&self, preview: &CheckedPreview) -> bool {
        let removed = self.removed.get(&preview.environment.environment);
        removed.is_some_and(|removed| preview.environment.number <= removed.number)
    }

    /// Notes that a preview was removed, and forgets those whose statements have ended anyway.
    pub fn notes_removed(&mut self, place: &Place, preview: &PreviewMemory, now: Moment) {
        let latest = self.latest(now);
        self.removed.retain(|_, removed| removed.until > latest);
        let removed = RemovedPreview { number: preview.number, until: preview.until };
        if removed.until > latest {
            self.removed.insert(place.environment.clone(), removed);
        }
    }

    /// The memory of a preview in its directory, or a new one under the same pin.
    ///
    /// # Errors
    /// `MemoryError` when it cannot be read or written.
    pub fn of_preview(&self, dir: &Path, place: &Place, preview: PreviewMemory) -> Result<Self, MemoryError> {
        let mut memory = match Self::read(dir) {
            Ok(known) => known,
            Err(MemoryError::Io(_, _, error)) if error.kind() == io::ErrorKind::NotFound => self.anew(place),
            Err(error) => return Err(error),
        };
        memory.preview = Some(preview);
        memory.write(dir)?;
        Ok(memory)
    }

    /// A memory of a place at which nothing was done, under the same pin and with the same root and status.
    fn anew(&self, place: &Place) -> Self {
        Self {
            place: place.clone(),
            seen_statement: 0,
            seen_release: 0,
            begun: None,
            running: None,
            before: None,
            earlier: Vec::new(),
            left: None,
            rollout: None,
            report: None,
            returned: std::collections::BTreeMap::new(),
            secrets: std::collections::BTreeMap::new(),
            chain: None,
            barred: std::collections::BTreeMap::new(),
            previews: false,
            removed: std::collections::BTreeMap::new(),
            preview: None,
            ..self.clone()
        }
    }
}
