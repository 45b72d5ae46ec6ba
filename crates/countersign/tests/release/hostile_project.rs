//! A hostile project beside an honest one: its commits, pipelines, requests and connections try to stop everybody, for
//! `COUNTERSIGN_HOSTILE_SECONDS` seconds, while every run of the honest project has to finish.
//!
//! Its actions follow from `COUNTERSIGN_HOSTILE_SEED`. The test prints the times of honest runs alone and beside it.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::Shop;
use crate::support::neighbours::Neighbour;

/// A small generator, so that an attack can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| u8::try_from(self.roll(256)).unwrap()).collect()
    }
}

/// The hostile project's repository; its owner is the same person, who may ask for runs.
struct Hog<'a> {
    shop: &'a Shop,
    path: PathBuf,
}

impl<'a> Hog<'a> {
    fn new(shop: &'a Shop) -> Self {
        let path = shop.home.dir.path().join("hog");
        std::fs::create_dir_all(path.join(".countersign")).unwrap();
        let hog = Self { shop, path };
        for file in ["pipeline.yaml", "release.yaml"] {
            let at = std::path::Path::new(".countersign").join(file);
            std::fs::copy(shop.repository().join(&at), hog.path.join(&at)).unwrap();
        }
        std::fs::copy(shop.repository().join("service.sh"), hog.path.join("service.sh")).unwrap();
        assert!(hog.git(&["init", "-q", "-b", "main"]) && hog.commit("the beginning"));
        hog
    }

    fn git(&self, arguments: &[&str]) -> bool {
        let mut git = self.shop.home.program("git");
        git.args(arguments).current_dir(&self.path).stderr(Stdio::null()).stdout(Stdio::null());
        git.status().unwrap().success()
    }

    fn commit(&self, message: &str) -> bool {
        self.git(&["add", "-A"]) && self.git(&["commit", "-q", "--allow-empty", "-S", "-m", message])
    }

    fn pipeline(&self, text: &[u8]) {
        std::fs::write(self.path.join(".countersign/pipeline.yaml"), text).unwrap();
    }

    /// Sends a command; the outcome does not matter.
    fn ask(&self, arguments: &[&str]) -> String {
        let output = self.shop.home.run_in(&self.path, &[arguments, &["-o", "json"]].concat());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// One hostile commit and a run of it.
    fn attack(&self, dice: &mut Dice) -> &'static str {
        let (kind, text) = steps(dice);
        match kind {
            "a deep tree" => {
                let deep: PathBuf = (0..dice.roll(120)).map(|n| format!("d{n}")).collect();
                std::fs::create_dir_all(self.path.join(&deep)).unwrap();
                std::fs::write(self.path.join(deep).join("file"), dice.bytes(9)).unwrap();
            }
            "a wide tree" => {
                let wide = self.path.join(format!("w{}", dice.roll(9)));
                std::fs::create_dir_all(&wide).unwrap();
                (0..1500).for_each(|n| std::fs::write(wide.join(format!("{n}")), dice.bytes(3)).unwrap());
            }
            _ => {}
        }
        self.pipeline(&text);
        if kind == "broken encodings" {
            let author = "A\u{fffd} <a@example.com>".replace('\u{fffd}', "\u{1}\u{7f}");
            self.git(&["-c", "i18n.commitEncoding=x-unknown", "add", "-A"]);
            let author = format!("--author={author}");
            self.git(&[
                "-c",
                "i18n.commitEncoding=x-unknown",
                "commit",
                "-q",
                "-S",
                "-m",
                "\u{1b}[2J",
                &author,
            ]);
        }
        self.commit("work");
        let said = self.ask(&["run", "--no-wait"]);
        if dice.roll(3) == 0
            && let Some(run) = said.split("\"run\":\"").nth(1).and_then(|rest| rest.split('"').next())
        {
            self.ask(&["cancel", run]);
        }
        kind
    }
}

/// A pipeline that allocates, forks, fills the disk, floods the log, or is invalid.
fn steps(dice: &mut Dice) -> (&'static str, Vec<u8>) {
    let one = |script: &str| {
        format!("version: 1\nsteps:\n  step:\n    run: {script}\n    limits: {{ time-seconds: 20 }}\n")
            .into_bytes()
    };
    let made = match dice.roll(13) {
        0 => ("a hundred steps", {
            let step = |n| format!("  s{n}: {{ run: sleep 5 }}\n");
            format!("version: 1\nsteps:\n{}", (0..100).map(step).collect::<String>()).into_bytes()
        }),
        1 => ("a fork bomb", one("'f() { f | f & f; }; f'")),
        2 => ("memory", one("'a=x; while :; do a=$a$a; done'")),
        3 => ("a full disk", one("'cat /dev/zero > fill; sleep 9'")),
        4 => ("a flood of logs", one("'yes 0123456789012345678901234567890123456789'")),
        5 => ("processes that stay", one("'for i in 1 2 3 4 5 6 7 8; do setsid sleep 999 & done; sleep 9'")),
        6 => ("a long script", one(&format!("'true {}'", "x".repeat(100_000)))),
        7 => ("a step that cannot begin", one("'true'\n    network: [nowhere.invalid:1]")),
        8 => ("a hundred thousand files", one("'i=0; while :; do : > f$i; i=$((i+1)); done'")),
        9 => ("broken encodings", one("printf '\\377\\376'")),
        10 => ("no pipeline", dice.bytes(3000)),
        11 => ("a deep tree", one("'true'")),
        _ => ("a wide tree", one("'true'")),
    };
    match dice.roll(6) {
        // One byte of the request is changed.
        0 => {
            let (kind, mut text) = made;
            let at = usize::try_from(dice.roll(text.len() as u64)).unwrap();
            text[at] = dice.bytes(1)[0];
            (kind, text)
        }
        _ => made,
    }
}

/// The time of one run of the honest project, to the end of its release.
fn honest(shop: &Shop, n: usize) -> Duration {
    shop.service(&format!("ok{n}"));
    shop.commit(&format!("honest {n}"));
    let begun = Instant::now();
    shop.ok(&["run"]);
    println!("honest run {n}: {} ms", begun.elapsed().as_millis());
    begun.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Prints the result, and writes it to a file if one is named.
fn report(tried: &serde_json::Value, alone: Duration, beside: Vec<Duration>) {
    let (runs, with) = (beside.len(), median(beside));
    let report = json!({
        "tried": tried, "honest_runs": runs, "alone_ms": alone.as_millis(), "beside_ms": with.as_millis(),
        "ratio": with.as_secs_f64() / alone.as_secs_f64(),
    });
    println!("hostile project: {report}");
    if let Some(path) = std::env::var_os("COUNTERSIGN_HOSTILE_REPORT") {
        std::fs::write(path, format!("{report}\n")).unwrap();
    }
}

#[test]
fn attack_a_hostile_project_stops_no_run_of_another() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
    };
    // Five minutes in an acceptance run, a few seconds every day.
    let long = std::env::var_os("COUNTERSIGN_ACCEPT").is_some();
    let seconds = number("COUNTERSIGN_HOSTILE_SECONDS", if long { 300 } else { 20 });
    let seed = number("COUNTERSIGN_HOSTILE_SEED", 15);
    let shop = Shop::solo();
    std::fs::write(
        shop.home.data().join("quotas.json"),
        r#"{ "runs-per-person": 12, "runs-per-project": 8 }"#,
    )
    .unwrap();
    let hog = Hog::new(&shop);
    let up = shop.home.up();
    hog.ask(&["project", "add", "--project", "hog"]);
    let alone = median((0..3).map(|n| honest(&shop, n)).collect());
    let (ends, attacks) = (AtomicBool::new(false), AtomicUsize::new(0));
    let neighbour = Neighbour::storming(&shop.home, &up, CONNECTIONS_MAX, seed.wrapping_mul(77));
    let going = || !ends.load(Ordering::Relaxed);
    let beside = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut dice = Dice(seed | 1);
            while going() {
                hog.attack(&mut dice);
                attacks.fetch_add(1, Ordering::Relaxed);
            }
        });
        scope.spawn(|| {
            let unknown = "00000000000000000000000000000001";
            while going() {
                for arguments in
                    [["cancel", unknown], ["approve", "hog/none/dev"], ["promote", "hog/none/dev"]]
                {
                    hog.ask(&arguments);
                }
            }
        });
        let begun = Instant::now();
        let mut times = Vec::new();
        // A panic of one of them must not leave the others attacking.
        let honest = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            while times.is_empty() || begun.elapsed() < Duration::from_secs(seconds) {
                times.push(honest(&shop, 100 + times.len()));
            }
        }));
        ends.store(true, Ordering::Relaxed);
        if let Err(panic) = honest {
            std::panic::resume_unwind(panic);
        }
        times
    });
    let (attacks, did) = (attacks.into_inner(), neighbour.end());
    assert!(attacks > 0 && did[0] > 0, "{attacks} {did:?}");
    let tried = json!({
        "seconds": seconds, "seed": seed, "attacks": attacks, "connections": did[0], "bytes": did[1],
    });
    report(&tried, alone, beside);
    // The ledger is sound, and every decision agrees in a replay.
    assert_eq!(shop.ok(&["audit", "verify"])["misfits"], json!(0));
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
    assert!(up.stop());
}

/// More than one peer's places, fewer than the server's; another test covers more.
const CONNECTIONS_MAX: u32 = 200;
