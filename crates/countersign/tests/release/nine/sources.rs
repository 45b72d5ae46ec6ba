//! Runners that fetch from a host of repositories over SSH, while their links to it are cut.

use serde_json::{Value, json};

use super::links::WAYS;
use super::{BUILDS, Nine};
use crate::release::origins::refs;
use crate::release::ssh::{Files, Remote};
use crate::support::Home;

/// The first place.
const DEV: usize = 0;

impl Nine {
    /// A change of Ada's on the remote's branch.
    fn pushes(&self, remote: &Remote, files: &Files, name: &str) -> String {
        self.change(name);
        remote.pushed(&self.ada().home, &self.ada().repository(), files);
        self.ada().git(&["rev-parse", "HEAD"])
    }
}

/// An operator says how long one fetch may take.
fn limit(home: &Home, seconds: u64) {
    let file = home.dir.path().join("runner/remotes.json");
    let mut remotes: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    remotes["seconds"] = json!(seconds);
    std::fs::write(file, remotes.to_string()).unwrap();
}

/// Whether a runner's copy of the remote has a commit.
fn has(home: &Home, commit: &str) -> bool {
    let copies = std::fs::read_dir(home.dir.path().join("runner/mirrors")).into_iter().flatten().flatten();
    let mut copies = copies.map(|copy| copy.path()).filter(|path| path.join("HEAD").exists());
    copies.any(|copy| {
        let mut git = home.program("git");
        git.arg("--git-dir").arg(copy).args(["cat-file", "-e", commit]);
        git.output().unwrap().status.success()
    })
}

/// No runner builds what it could not fetch, its run ends with the reason, and no place runs what one runner alone has built.
/// The same command goes on once the link is back.
#[test]
fn links_of_runners_to_their_remote_are_cut_in_turn_and_nothing_is_built_unfetched() {
    let Some(mut nine) = Nine::new() else { return };
    let host = nine.net.host();
    let remote = Remote::on(host);
    let files = remote.admit(&nine.ada().home, "receive-pack");
    let commit = nine.pushes(&remote, &files, "first");
    for home in &nine.hosts.builds {
        remote.serves(home);
        let checked = home.ok(&["runner", "remote", "check", "--data", "runner"]);
        assert_eq!(checked["remotes"][0]["branches"], json!(1));
        limit(home, 10);
    }
    nine.ada().ok(&["run", "--ref", "main"]);
    nine.approve();
    assert_eq!(nine.ada().ok(&["promote", "--bundle", "bundle"])["outcome"], json!("running"));
    let (on_main, found) = (Some(("refs/heads/main".to_owned(), commit)), refs(&nine.hosts));
    assert!(!found.is_empty() && found.iter().all(|named| *named == on_main), "{found:?}");
    for (runner, way) in [0, 1, 0].into_iter().zip(WAYS) {
        let (home, before) = (&nine.hosts.builds[runner], nine.runs(DEV));
        let link = way.of(nine.at[BUILDS + runner], host);
        link.iter().for_each(|(from, to)| nine.net.lose(*from, *to));
        let next = nine.pushes(&remote, &files, &format!("runner-{runner}-{way:?}"));
        let refused = nine.ada().in_repository(&["run", "--ref", "main"], 3).to_string();
        assert!(refused.contains("took longer than 10 seconds"), "{way:?}: {refused}");
        assert!(!has(home, &next) && has(&nine.hosts.builds[1 - runner], &next), "{way:?}");
        assert_eq!(nine.runs(DEV), before, "{way:?}");
        link.iter().for_each(|(from, to)| nine.net.find(*from, *to));
        nine.ada().ok(&["run", "--ref", "main"]);
        assert!(has(home, &next), "{way:?}");
        assert_ne!(nine.runs(DEV), before, "{way:?}");
    }
    nine.sound();
}
