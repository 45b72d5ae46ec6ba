//! Refs: a runner's own fetch shows that one contains the commit, or the work is refused.

use std::fs;

use evidence::CommitId;
use evidence::git::RefName;
use runner::{OriginError, Remote, full_name};

use super::Site;

const MAIN: &str = "refs/heads/main";

#[test]
fn a_ref_that_contains_the_commit_is_verified_with_its_tip() {
    let site = Site::new();
    let first: CommitId = site.project.git(&["rev-parse", "HEAD~1"]).parse().unwrap();
    site.project.git(&["tag", "v1", first.as_str()]);
    site.project.git(&["tag", "-a", "v2", "-m", "second"]);
    for (commit, name, tip) in [
        (&site.head, MAIN, &site.head),
        (&first, MAIN, &site.head),
        (&first, "refs/tags/v1", &first),
        (&first, "refs/tags/v2", &site.head),
    ] {
        let found = site.verified(commit, name).unwrap();
        assert_eq!((found.name.to_string().as_str(), &found.tip), (name, tip));
    }
    assert_eq!(full_name("main").unwrap().to_string(), MAIN);
    assert_eq!(full_name("refs/tags/v1").unwrap().to_string(), "refs/tags/v1");
}

/// The other side of a merge is contained too.
#[test]
fn a_ref_contains_what_was_merged_into_it() {
    let site = Site::new();
    site.project.git(&["checkout", "-q", "-b", "side", "HEAD~1"]);
    site.project.write("other", "side\n");
    let side = site.project.commit("side", "signing");
    site.project.git(&["checkout", "-q", "main"]);
    assert!(matches!(site.verified(&side, MAIN), Err(OriginError::NotContained { .. })));
    site.project.git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    assert!(site.verified(&side, MAIN).is_ok());
}

/// CWE-345: a commit that lies on the remote, but not on the ref.
#[test]
fn attack_a_ref_that_does_not_contain_the_commit() {
    let site = Site::new();
    site.project.git(&["checkout", "-q", "-b", "mallory"]);
    site.project.write("file", "evil\n");
    let evil = site.project.commit("evil", "signing");
    site.verified(&evil, "refs/heads/mallory").unwrap();
    let said = site.verified(&evil, MAIN).unwrap_err().to_string();
    for word in [MAIN, evil.as_str(), site.head.as_str(), "does not contain", "--ref"] {
        assert!(said.contains(word), "{said}");
    }
    let said = site.verified(&evil, "refs/heads/absent").unwrap_err().to_string();
    assert!(said.contains("has no ref `refs/heads/absent`"), "{said}");
    // A graft, a replacement and a shallow end of the remote's repository make no commit an ancestor.
    let (head, evil_id) = (site.head.as_str(), evil.as_str());
    site.project.git(&["replace", "--graft", head, evil_id]);
    let git = site.project.path().join(".git");
    fs::create_dir_all(git.join("info")).unwrap();
    fs::write(git.join("info/grafts"), format!("{head} {evil_id}\n")).unwrap();
    assert!(matches!(site.verified(&evil, MAIN), Err(OriginError::NotContained { .. })));
    site.set(&Remote::new(site.project.path().display().to_string()));
    assert!(matches!(site.verified(&evil, MAIN), Err(OriginError::NotContained { .. })));
}

/// CWE-88: a ref's name is never an option of git, and never more than one ref.
#[test]
fn attack_a_ref_that_is_an_option() {
    let site = Site::new();
    // Programs of remotes start in their repository.
    let ran_there = site.project.path().join(".git/ran");
    let option = "--upload-pack=touch${IFS}ran";
    for name in [
        "--upload-pack=x",
        "-u",
        "refs/heads/*",
        "refs/heads/a:refs/heads/b",
        "+refs/heads/main",
        "refs/heads/main^{commit}",
        "refs/heads/@{1}",
    ] {
        assert!(name.parse::<RefName>().is_err(), "{name}");
    }
    for name in [full_name(option).unwrap(), full_name("-u").unwrap()] {
        let said = site.verified(&site.head, &name.to_string()).unwrap_err().to_string();
        assert!(said.contains("has no ref"), "{said}");
        site.project.git(&["update-ref", &name.to_string(), site.head.as_str()]);
        assert_eq!(site.verified(&site.head, &name.to_string()).unwrap().tip, site.head);
    }
    assert!(!ran_there.exists());
}

/// Without a remote nothing verifies a ref: an upload and a path are the word of others.
#[test]
fn attack_no_upload_and_no_path_verifies_a_ref() {
    let site = Site::new();
    site.verified(&site.head, MAIN).unwrap();
    fs::remove_file(site.file()).unwrap();
    let said = site.verified(&site.head, MAIN).unwrap_err().to_string();
    assert!(
        said.contains("no remote of project `shop`")
            && said.contains("runner remote add --data DIRECTORY shop URL"),
        "{said}"
    );
}
