//! kill -9 while secrets are held: of a runner whose step has one, of the server while one is claimed, of an agent while one is
//! rotated. And processes that abort where the host writes core files. No value is left in any file, and everything goes on.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, setrlimit};
use serde_json::json;

use super::grants::{ON_MAIN, RUN_ON_MAIN, SECRET, grant, publishing};
use super::place_secrets::{self, Values, contains, digests_of, each_file, encoded, processes, seen};
use super::shop::Shop;
use super::vault::put;
use crate::support::{Up, until};

const VALUE: &str = "kill-9c41d7-held-by-one-step-only";
const DEV: &str = "shop/ledger-api/dev";
/// The step has its value and waits; nothing else on this host sleeps for as long.
const WAITS: &str = "v=$(cat /run/secrets/token); printf %s \"$v\" | sha256sum; exec sleep 98765";

/// The same pipeline with another script of the step that has a secret.
fn step(shop: &Shop, script: &str) {
    let path = ".countersign/pipeline.yaml";
    let text = fs::read_to_string(shop.repository().join(path)).unwrap();
    let (head, rest) = text.split_once("example:443]\n    run: ").unwrap();
    let (_, tail) = rest.split_once('\n').unwrap();
    shop.write(path, &format!("{head}example:443]\n    run: {script}\n{tail}"));
    shop.commit(&format!("the step: {script}"));
}

/// A shop whose step is granted its secret.
fn lent(script: &str) -> (Shop, Up) {
    let shop = publishing();
    step(&shop, &format!("'{}'", script.replace('\'', "''")));
    let up = shop.home.up();
    put(&shop.home, &[SECRET], VALUE.as_bytes(), 0);
    grant(&shop, SECRET, "publish", ON_MAIN);
    (shop, up)
}

fn line_of(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

/// Parent and start time of a process (proc_pid_stat(5)); absent if it has ended.
fn stat(pid: u32) -> Option<(u32, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<_> = text.rsplit_once(") ")?.1.split(' ').collect();
    (!fields[0].starts_with(['Z', 'X'])).then(|| (fields[1].parse().unwrap(), fields[19].parse().unwrap()))
}

/// A process and everything above it, up to this test.
fn ancestors(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    while let Some((parent, _)) = stat(all[all.len() - 1])
        && parent > 1
        && parent != std::process::id()
    {
        all.push(parent);
    }
    all
}

/// Processes of this installation whose command line has a text.
fn of(shop: &Shop, text: &str) -> Vec<u32> {
    let dir = shop.home.dir.path().display().to_string();
    let is_its = |pid: &u32| ancestors(*pid).iter().any(|pid| line_of(*pid).contains(&dir));
    processes().into_iter().filter(|pid| line_of(*pid).contains(text)).filter(is_its).collect()
}

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

/// No file of the installation has a value.
fn no_file_has(dir: &Path, values: &[&str]) {
    let mut files = 0;
    each_file(dir, &mut |path, bytes| {
        files += 1;
        for value in values {
            assert!(!contains(bytes, value) && !contains(bytes, &encoded(value)), "{}", path.display());
        }
    });
    assert!(files > 50, "only {files} files were searched");
}

/// The ledger holds together, and another run of the step gets its secret.
fn goes_on(shop: &Shop, up: Up) {
    step(shop, "'printf %s \"$(cat /run/secrets/token)\" | wc -c'");
    let ran = shop.ok(&[&["run"], RUN_ON_MAIN].concat());
    let log = shop.ok(&["logs", ran["run"].as_str().unwrap(), "publish"]).to_string();
    assert!(log.contains(&VALUE.len().to_string()), "{log}");
    no_file_has(shop.home.dir.path(), &[VALUE]);
    assert!(up.stop());
    assert_eq!(shop.ok(&["audit", "verify"])["misfits"], json!(0));
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
}

#[test]
fn attack_a_killed_runner_leaves_no_step_and_no_value() {
    let (shop, up) = lent(WAITS);
    let mut run = shop.home.spawn_in(&shop.repository(), &[&["run"], RUN_ON_MAIN].concat());
    let waiting =
        until(|| of(&shop, "sleep 98765").into_iter().find(|pid| line_of(*pid).starts_with("sleep")));
    // The search finds the value where it is.
    let held = fs::read(format!("/proc/{waiting}/root/run/secrets/token")).unwrap();
    assert_eq!(held, VALUE.as_bytes());
    let above = ancestors(waiting);
    let runner = *above.iter().find(|pid| up.roles.iter().any(|(_, role)| role == *pid)).unwrap();
    let of_step: Vec<_> = above.iter().copied().take_while(|pid| *pid != runner).collect();
    assert!(of_step.iter().any(|pid| line_of(*pid).contains("secret-holder")), "{above:?}");
    let begun: Vec<_> = of_step.iter().map(|pid| (*pid, stat(*pid).unwrap().1)).collect();
    kill(runner, Signal::KILL);
    until(|| {
        let lives = |(pid, at): &(u32, u64)| stat(*pid).is_some_and(|(_, begun)| begun == *at);
        (!begun.iter().any(lives)).then_some(())
    });
    no_file_has(shop.home.dir.path(), &[VALUE]);
    // `up` has started the runner again. Nobody wants the run any more.
    drop(run.kill());
    run.wait().unwrap();
    cancel(&shop);
    until(|| of(&shop, "sleep 98765").is_empty().then_some(()));
    goes_on(&shop, up);
}

/// Ends the run of the last commit.
fn cancel(shop: &Shop) {
    let ran = shop.home.run_in(&shop.repository(), &["run", "--no-wait", "-o", "json", "--ref", "main"]);
    let said: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
    let run = said["run"].as_str().unwrap();
    // It may have failed by itself meanwhile.
    drop(shop.home.run_in(&shop.repository(), &["cancel", run, "-o", "json"]));
}

#[test]
fn attack_a_server_that_is_killed_while_a_secret_is_claimed() {
    let (shop, mut up) = lent("printf %s \"$(cat /run/secrets/token)\" | sha256sum; sleep 1");
    for turn in 0..3 {
        shop.commit(&format!("turn {turn}"));
        let mut run = shop.home.spawn_in(&shop.repository(), &[&["run"], RUN_ON_MAIN].concat());
        // The process that will hold it has begun, so its runner claims now.
        until(|| {
            let has_ended = run.try_wait().unwrap().is_some();
            assert!(!has_ended, "no process held a secret");
            of(&shop, "secret-holder").first().copied()
        });
        let server = up.roles.iter().find(|(role, _)| role == "server").unwrap().1;
        kill(server, Signal::KILL);
        assert!(!up.ended(), "it ends with its server");
        drop(run.kill());
        run.wait().unwrap();
        no_file_has(shop.home.dir.path(), &[VALUE]);
        up = shop.home.up();
    }
    goes_on(&shop, up);
}

#[test]
fn attack_an_agent_that_is_killed_during_a_rotation() {
    let (shop, values) = (place_secrets::shop(), Values::new());
    let up = shop.home.up();
    shop.in_repository(&["run"], 3);
    let words = ["secret", "grant", "database", "--to-service", DEV, "--reason", "it reads", "--yes"];
    shop.ok(&words);
    let all =
        ["7Gt0-first-of-the-rotation-zQ", "7Gt1-second-of-the-rotation-zQ", "7Gt2-third-of-the-rotation-zQ"];
    values.put(&shop, DEV, all[0], 0);
    shop.in_repository(&["promote", DEV], 0);
    assert_eq!(seen(&shop), digests_of(all[0]));
    let agent = || {
        until(|| {
            let all = of(&shop, "data.agent-ledger-api-dev").into_iter();
            all.filter(|pid| line_of(*pid).contains(" agent ")).find(|pid| stat(*pid).is_some())
        })
    };
    // At once, and as soon as the process with the former value has ended.
    for (turn, value) in all.iter().enumerate().skip(1) {
        let before = of(&shop, "bin/ledger-api").first().copied();
        values.put(&shop, DEV, value, 0);
        if turn == 2 {
            until(|| before.is_none_or(|pid| stat(pid).is_none()).then_some(()));
        }
        kill(agent(), Signal::KILL);
        until(|| (seen(&shop) == digests_of(value)).then_some(()));
        no_file_has(shop.home.dir.path(), &all);
    }
    assert!(up.stop());
}

/// Where the host writes core files of a process that works in a directory; `None` if a program gets them.
fn core_dir(work: &Path) -> Option<PathBuf> {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    let pattern = pattern.trim();
    if pattern.starts_with('|') || pattern.is_empty() {
        println!(
            "skipped: this host hands core files to a program (`{pattern}`), and a test cannot see what it gets"
        );
        return None;
    }
    Some(match Path::new(pattern).parent().filter(|dir| dir.is_absolute()) {
        Some(dir) => dir.to_path_buf(),
        None => work.to_path_buf(),
    })
}

#[test]
fn attack_a_core_file_of_a_step_or_of_the_process_that_holds_its_secret() {
    let unlimited = Rlimit { current: None, maximum: None };
    if setrlimit(Resource::Core, unlimited).is_err() {
        println!("skipped: this host does not let the test raise the limit of core files");
        return;
    }
    // The same without a sandbox does leave one, with the value.
    let work = tempfile::tempdir().unwrap();
    let Some(dir) = core_dir(work.path()) else { return };
    let mut plain = std::process::Command::new("sh");
    plain.args(["-c", "v=$1; kill -ABRT $$", "sh", VALUE]).current_dir(work.path());
    assert!(!plain.status().unwrap().success());
    let mut has = false;
    each_file(&dir, &mut |_, bytes| has |= contains(bytes, VALUE));
    if !has {
        println!("skipped: this host writes no core file of a plain program either");
        return;
    }
    drop(work);
    let (shop, up) =
        lent("v=$(cat /run/secrets/token); sh -c 'kill -ABRT $$' || true; echo aborting; kill -ABRT $$");
    shop.in_repository(&[&["run"], RUN_ON_MAIN].concat(), 3);
    no_file_has(shop.home.dir.path(), &[VALUE]);
    step(&shop, &format!("'{}'", WAITS.replace('\'', "''")));
    let mut run = shop.home.spawn_in(&shop.repository(), &[&["run"], RUN_ON_MAIN].concat());
    let waiting =
        until(|| of(&shop, "sleep 98765").into_iter().find(|pid| line_of(*pid).starts_with("sleep")));
    let above = ancestors(waiting);
    let holder = *above.iter().find(|pid| line_of(**pid).contains("secret-holder")).unwrap();
    let begun = stat(holder).unwrap().1;
    kill(holder, Signal::ABORT);
    until(|| stat(holder).is_none_or(|(_, at)| at != begun).then_some(()));
    run.wait().unwrap();
    let directories = above.iter().filter_map(|pid| fs::read_link(format!("/proc/{pid}/cwd")).ok());
    for dir in directories.chain([shop.repository(), std::env::current_dir().unwrap()]) {
        for item in fs::read_dir(&dir).into_iter().flatten().flatten() {
            if item.file_name().to_string_lossy().starts_with("core") && item.path().is_file() {
                assert!(!contains(&fs::read(item.path()).unwrap(), VALUE), "{}", item.path().display());
            }
        }
    }
    no_file_has(shop.home.dir.path(), &[VALUE]);
    goes_on(&shop, up);
}
