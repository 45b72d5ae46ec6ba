//! Secrets per second of a processor against gitleaks, a bill of materials against cdxgen, and rules over workflows.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::peers::peer;
use crate::support::Home;
use crate::{print, spans};

/// Copies of this project's sources: one tree of them is too small for the clock of processes.
const COPIES: usize = 8;

pub fn secrets() {
    let home = Home::new();
    let tree = home.dir.path().join("tree");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let bytes: u64 = (0..COPIES).map(|n| copy(&sources, &tree.join(n.to_string()))).sum();
    let ours = processor(|| assert!(home.run(&["scan", "tree"]).status.success()));
    let rate = |span: Duration| bytes as f64 / 1e6 / span.as_secs_f64();
    println!("{:44} {:>7.1} MB/s", "secrets, per second of a processor", rate(ours));
    let Some(gitleaks) = peer("gitleaks") else { return };
    let theirs = processor(|| {
        let mut scan = Command::new(&gitleaks);
        scan.args(["dir", "--no-banner", "--log-level", "error", "--exit-code", "0"]).arg(&tree);
        assert!(scan.stdin(Stdio::null()).output().unwrap().status.success());
    });
    print("secrets, time of processors", &[ours], &[theirs], "gitleaks 8.30.1");
    println!("{:44} gitleaks {:.2} MB/s; {:.1} times", "", rate(theirs), rate(ours) / rate(theirs));
}

pub fn bill() {
    let home = Home::new();
    let dir = home.dir.path().join("shop");
    let project = include_str!("../../../scan/tests/lockfiles/npm3-shop.txtar");
    for file in project.split("\n-- ").map(|file| file.trim_start_matches("-- ")) {
        let (name, text) = file.split_once(" --\n").unwrap();
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let ours = spans(40, || {
        let out = home.run(&["sbom", "shop"]);
        assert!(String::from_utf8_lossy(&out.stdout).contains("pkg:npm/left-pad@1.3.0"));
    });
    let Some(cdxgen) = peer("cdxgen") else { return };
    let theirs = spans(3, || {
        let mut list = Command::new(&cdxgen);
        list.args(["-t", "js", "--no-install-deps", "--no-babel", "-o", "bill.json"]).arg(&dir);
        list.env("HOME", home.dir.path()).env("FETCH_LICENSE", "false").current_dir(home.dir.path());
        let out = list.stdin(Stdio::null()).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let bill = fs::read_to_string(home.dir.path().join("bill.json")).unwrap();
        assert!(bill.contains("pkg:npm/left-pad@1.3.0"));
    });
    print(
        "bill of materials of a Node project",
        &ours,
        &theirs,
        "cdxgen 11.9.0, without its analysis of sources",
    );
}

/// Rules over the workflows of their own fixtures, each one several times: half of them break a rule.
pub fn workflows() {
    let home = Home::new();
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scan/tests/lint/rules");
    let trees = fs::read_dir(rules).unwrap().flatten().map(|rule| rule.path());
    let trees = trees.flat_map(|rule| ["bad", "good"].map(|tree| rule.join(tree).join(WORKFLOWS)));
    let files = trees.filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten().map(|file| file.path());
    let texts: Vec<_> = files.map(|file| fs::read(file).unwrap()).collect();
    let dir = home.dir.path().join("tree").join(WORKFLOWS);
    fs::create_dir_all(&dir).unwrap();
    for (nth, text) in texts.iter().cycle().take(WORKFLOW_COUNT).enumerate() {
        fs::write(dir.join(format!("{nth}.yml")), text).unwrap();
    }
    let ours = spans(10, || {
        let out = home.run(&["-o", "json", "scan", "tree"]);
        // Broken rules are an error besides, which is a value behind the first one.
        let mut values = serde_json::Deserializer::from_slice(&out.stdout).into_iter::<serde_json::Value>();
        let found = values.next().unwrap().unwrap();
        assert_eq!(found["pipelines"]["files"]["GitHub"], WORKFLOW_COUNT, "{found}");
    });
    let floor = spans(10, || {
        let read = fs::read_dir(&dir).unwrap().flatten().map(|file| fs::read(file.path()).unwrap().len());
        assert!(read.sum::<usize>() > WORKFLOW_COUNT);
    });
    print("rules over 1,000 workflows, cold process", &ours, &floor, "reading the files");
}

const WORKFLOWS: &str = ".github/workflows";
const WORKFLOW_COUNT: usize = 1000;

/// Copies the regular files below `from` but for tests, which hold made-up secrets, and returns their bytes.
fn copy(from: &Path, to: &Path) -> u64 {
    fs::create_dir_all(to).unwrap();
    let mut bytes = 0;
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (kind, to) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() && entry.file_name() != "tests" {
            bytes += copy(&entry.path(), &to);
        } else if kind.is_file() {
            bytes += fs::copy(entry.path(), to).unwrap();
        }
    }
    bytes
}

/// Time of all processors for the second of two runs, user's and kernel's.
fn processor(mut work: impl FnMut()) -> Duration {
    work();
    let before = children();
    work();
    children() - before
}

/// What children that ended have used, as `proc(5)` counts it: hundredths of a second.
fn children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1.split(' ').collect::<Vec<_>>();
    let ticks: u64 = fields[13..15].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}
