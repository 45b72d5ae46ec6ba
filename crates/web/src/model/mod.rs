//! Values that pages are made of. Each page's model is its JSON as well.
//!
//! Invariant: a model holds words, numbers and addresses of pages, and no HTML. Texts by others are raw here; the parts
//! that print them make control and direction characters visible.

mod curves;
mod ledger;
mod log;
mod opening;
mod overview;
mod problem;
mod release;
mod run;
mod shared;
mod sheet;

pub use curves::{CurvePoint, Curves};
pub use ledger::{Choice, Entry, EntryRow, Ledger, LedgerForm, Proof, ProofStep};
pub use log::{Log, LogLine, Search};
pub use opening::Opening;
pub use overview::{Behind, Board, Cell, Ending, Overview, RunLine, ServiceRow, Waiting};
pub use problem::Problem;
pub use release::{
    Approval, Approvals, Change, ChangeLine, ChangeSign, EvidenceFile, Moment, Notice, Reason, Release, Rule,
    Verdict, Waived,
};
pub use run::{Graph, LogLink, Node, Output, Run, RunnerColumn, TestLine};
pub use shared::{Badge, Command, Fact, Link, State, Time};
pub use sheet::{
    Chart, ChartPoint, Sheet, SheetCell, SheetField, SheetForm, SheetList, SheetRow, SheetTable, Span,
};
