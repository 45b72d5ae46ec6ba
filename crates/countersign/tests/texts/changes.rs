//! Scans of changes, in each format, and git's hooks.

use super::Page;
use crate::answers::changes::Repository;
use crate::support::secrets::token;

#[test]
fn scans_of_changes() {
    let repository = Repository::new();
    let line = format!("TOKEN = \"{}\"\n", token());
    repository.write("old.py", &line);
    let base = repository.commit("one");
    repository.write("gone.py", &line);
    repository.commit("two");
    std::fs::remove_file(repository.dir.join("gone.py")).unwrap();
    repository.write("src/a file.py", &format!("import os\n\n{line}"));
    repository.commit("three");
    let mut page = Page::within(&repository.home, &repository.dir);
    page.fails("new secrets", &["scan", "--diff", &base]);
    page.fails("as data", &["scan", "--diff", &base, "--format", "json"]);
    page.fails("as SARIF", &["scan", "--diff", &base, "--format", "sarif"]);
    page.fails("as annotations", &["scan", "--diff", &base, "--format", "github"]);
    page.shows("a part without new ones", &["scan", "--diff", &base, "old.py"]);
    page.shows("the same as annotations", &["scan", "--diff", &base, "old.py", "--format", "github"]);
    page.shows("nothing that changed", &["scan", "--diff", "HEAD"]);
    page.shows("an index without changes", &["scan", "--staged"]);
    page.fails("a base that does not exist", &["scan", "--diff", "nowhere"]);
    page.fails("a directory outside of repositories", &["scan", "--staged", ".."]);
    page.fails("a path that does not exist", &["scan", "--staged", "nowhere"]);
    page.fails("two sorts of changes", &["scan", "--staged", "--diff", "HEAD"]);
    std::fs::write(repository.dir.join("packed.gz"), b"\x1f\x8b\x08\0").unwrap();
    repository.git(&["add", "-A"]);
    page.fails("a file that cannot be scanned", &["scan", "--staged"]);
    page.fails("the same as SARIF", &["scan", "--staged", "--format", "sarif"]);
    page.shows("a hook", &["hook", "install", "--pre-push"]);
    page.fails("a commit with a file that cannot be scanned", &["hook", "run", "pre-commit"]);
    repository.write("packed.gz", "nothing");
    repository.write("b.py", &line);
    repository.git(&["add", "-A"]);
    page.fails("a commit with a secret", &["hook", "run", "pre-commit"]);
    page.shows("hooks that are removed", &["hook", "remove"]);
    page.shows("hooks that are not there", &["hook", "remove"]);
    repository.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 0\n");
    let mut output = repository.home.run_in(&repository.dir, &["hook", "install"]);
    let said = String::from_utf8(output.stderr).unwrap();
    output.stderr = said.replace(env!("CARGO_BIN_EXE_countersign"), "/usr/bin/countersign").into_bytes();
    page.entry("a hook of another program", &["hook", "install"], &output);
    repository.git(&["config", "core.hooksPath", "/dev/null"]);
    page.fails("hooks that are turned off", &["hook", "install"]);
    page.fails("a hook outside of repositories", &["hook", "install", ".."]);
    page.end("changes");
}
