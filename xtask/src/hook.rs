//! The hook `.githooks/commit-msg`, which refuses commit messages without a reason, and how a clone turns it on.
//!
//! Invariant: hooks that a person has set up are left as they are. Only `cargo x setup` turns the hook on, never a
//! task that tests run.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::command::TaskResult;

/// Turns the hook on for the clone whose root this is, and says what it did.
pub fn install(root: &Path) -> TaskResult {
    if !is_worktree(root) {
        println!("skipped  commit-msg: {} is no git worktree", root.display());
        return Ok(());
    }
    match git(root, &["config", "--get", KEY]).as_deref() {
        Some(DIR) => println!("found    commit-msg: {KEY} is {DIR}"),
        Some(other) => {
            println!("optional commit-msg: {KEY} is `{other}`; call {DIR}/commit-msg from your own hook");
        }
        None => {
            git(root, &["config", KEY, DIR]).ok_or_else(|| {
                format!("git config {KEY} {DIR}: failed in {}; run it there to see why", root.display())
            })?;
            println!("set      commit-msg: {KEY} is {DIR}");
        }
    }
    Ok(())
}

/// Whether the root of the tree is the root of a worktree: in a tree without one, git would find a clone around it.
fn is_worktree(root: &Path) -> bool {
    let top = git(root, &["rev-parse", "--show-toplevel"]);
    top.is_some_and(|top| Path::new(&top).canonicalize().ok() == root.canonicalize().ok())
}

/// What git answers, or nothing where it fails or is not there.
fn git(root: &Path, words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).current_dir(root).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

const KEY: &str = "core.hooksPath";
const DIR: &str = ".githooks";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::process::Output;

    use super::*;

    /// A clone with the hook of this tree, removed in the end.
    struct Clone(PathBuf);

    impl Clone {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("countersign-{name}-{}", std::process::id()));
            fs::create_dir_all(dir.join(DIR)).unwrap();
            fs::copy(crate::command::root().join(DIR).join("commit-msg"), dir.join(DIR).join("commit-msg"))
                .unwrap();
            let clone = Self(dir);
            assert!(clone.git(&["init", "-q", "-b", "main"]).status.success());
            assert!(clone.git(&["config", KEY, DIR]).status.success());
            clone
        }

        fn git(&self, words: &[&str]) -> Output {
            let mut command = Command::new("git");
            command.args(["-c", "user.name=A", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]);
            command.args(words).current_dir(&self.0);
            command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
            // Of a hook or a rebase that runs these tests.
            for inherited in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
                command.env_remove(inherited);
            }
            command.output().unwrap()
        }

        /// Why the hook refuses a message, empty when it takes it.
        fn refused(&self, message: &str) -> String {
            let output = self.git(&["commit", "-q", "--allow-empty", "--allow-empty-message", "-m", message]);
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.success(), told.is_empty(), "{told}");
            told
        }
    }

    impl Drop for Clone {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn a_message_without_a_reason_is_refused() {
        let clone = Clone::new("messages");
        let full = "é".repeat(60);
        let long = "x".repeat(61);
        for (message, expected) in [
            ("", "the subject is empty"),
            ("# a comment alone", "the subject is empty"),
            (&format!("{long}\n\nwhy"), "61 characters"),
            ("agent: refuse X\nwhy\n\nwhy", "second line is not blank"),
            ("agent: refuse X", "the body is missing"),
            ("agent: refuse X\n\nSigned-off-by: A <a@b>\nChange-Id: I1", "the body is missing"),
            ("agent: refuse X\n\n# a comment\n\n# another", "the body is missing"),
            ("agent: refuse X\n\n# ---- >8 ----\ndiff --git a b", "the body is missing"),
            ("agent: refuse X\n\nagent: refuse X", "repeats the subject"),
        ] {
            let told = clone.refused(message);
            assert!(told.contains(expected) && told.contains("git commit --edit"), "`{message}`: {told}");
        }
        for message in [
            "agent: refuse X\n\nX let anybody in.",
            "agent: refuse X\n\nX let anybody in.\n\nSigned-off-by: A <a@b>",
            &format!("{full}\n\nwhy"),
            "fixup! agent: refuse X",
            "squash! agent: refuse X",
            &format!("Merge branch '{long}'"),
        ] {
            assert_eq!(clone.refused(message), "", "`{message}`");
        }
    }

    #[test]
    fn a_merge_needs_no_reason() {
        let clone = Clone::new("merge");
        assert_eq!(clone.refused("a: first\n\nwhy"), "");
        assert!(clone.git(&["switch", "-q", "-c", "side"]).status.success());
        assert_eq!(clone.refused("a: second\n\nwhy"), "");
        assert!(clone.git(&["switch", "-q", "main"]).status.success());
        assert!(clone.git(&["merge", "-q", "--no-ff", "-m", "together", "side"]).status.success());
    }

    #[test]
    fn the_hook_is_set_where_a_person_has_set_no_other() {
        let clone = Clone::new("hooks");
        assert!(clone.git(&["config", "--unset", KEY]).status.success());
        let everywhere = git(&clone.0, &["config", "--global", "--get", KEY]);
        install(&clone.0).unwrap();
        let expected = everywhere.unwrap_or_else(|| DIR.to_owned());
        assert_eq!(git(&clone.0, &["config", "--get", KEY]), Some(expected));
        assert!(clone.git(&["config", KEY, "mine"]).status.success());
        install(&clone.0).unwrap();
        assert_eq!(git(&clone.0, &["config", "--get", KEY]).as_deref(), Some("mine"));
        let within = clone.0.join(DIR);
        assert!(is_worktree(&clone.0) && !is_worktree(&within), "a directory below a clone is no worktree");
    }
}
