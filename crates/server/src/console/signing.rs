//! Commands about a statement that several people sign: the first of them writes it to a file, the others sign it, and one
//! of them sends it.

use web::model::Command;

use super::situation::{Signers, Situation};
use super::words::{command_for, list};

impl Situation {
    /// The people who sign a renewal, and the name of the file that goes round.
    pub fn renewal(&self, line: &str) -> (&Signers, &'static str) {
        if line.starts_with("countersign trust root") {
            (&self.root_signers, "root.json")
        } else {
            (&self.status_signers, STATUS_FILE)
        }
    }
}

impl Signers {
    /// The commands by which a statement comes into force; `line` makes it. `file` is the name of the file that goes round.
    pub fn commands(&self, line: &str, file: &str) -> Vec<Command> {
        if self.threshold <= 1 {
            return vec![command_for(line, self.people())];
        }
        let others = self.threshold - 1;
        let others =
            shown::counted(usize::try_from(others).unwrap_or(usize::MAX), "other signer", "other signers");
        vec![
            command_for(format!("{line} --out {file}"), format!("{} of {}", self.threshold, self.people())),
            command_for(format!("countersign trust sign {file}"), format!("then {others}")),
            command_for(format!("countersign trust send {file}"), "then one of them"),
        ]
    }

    /// The first of these commands, where a page has room for one.
    pub fn first(&self, line: &str, file: &str) -> Option<Command> {
        let [first, rest @ ..] = &*self.commands(line, file) else { return None };
        let note = first.note.clone().unwrap_or_default();
        let then = if rest.is_empty() { "" } else { "; then `countersign trust sign` and `trust send`" };
        Some(command_for(first.line.clone(), format!("{note}{then}")))
    }

    fn people(&self) -> String {
        match self.names.len() {
            known if known == self.holders && known > 0 => list(&self.names, NAMES_MAX),
            _ => shown::counted(self.holders, "signer", "signers"),
        }
    }
}

/// Name of the file of a status that goes round.
pub const STATUS_FILE: &str = "status.json";
const NAMES_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::Signers;

    fn told(threshold: u32, names: &[&str], holders: usize) -> Vec<(String, String)> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let commands =
            Signers { threshold, holders, names }.commands("countersign unfreeze shop", "status.json");
        commands.into_iter().map(|command| (command.line, command.note.unwrap_or_default())).collect()
    }

    #[test]
    fn one_signer_needs_one_command_and_several_pass_a_file_round() {
        let one = told(1, &["alice", "bob"], 2);
        assert_eq!(one, [("countersign unfreeze shop".to_owned(), "alice and bob".to_owned())]);
        let two = told(2, &["alice"], 3);
        let two: Vec<_> = two.iter().map(|(line, note)| (line.as_str(), note.as_str())).collect();
        assert_eq!(
            two,
            [
                ("countersign unfreeze shop --out status.json", "2 of 3 signers"),
                ("countersign trust sign status.json", "then 1 other signer"),
                ("countersign trust send status.json", "then one of them"),
            ]
        );
    }
}
