//! From the start of a sandboxed step to the exit of `true`, against bare namespaces and other sandboxes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sandbox::{Exit, Inputs, Limits, Spec};

use crate::{print, spans};

pub fn start() {
    let spec = spec();
    let ours = spans(40, || {
        let mut init = Command::new(env!("CARGO_BIN_EXE_countersign"));
        init.arg("sandbox-init");
        let outcome =
            sandbox::run(init, &spec, Inputs::Here(&[]), &sandbox::Egress::default(), &|_, _| {}, &|| true)
                .unwrap();
        assert_eq!(outcome.exit, Exit::Code(0));
    });
    let quiet = |program: &Path, words: &[&str]| {
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(command.status().unwrap().success(), "{}", program.display());
    };
    let words =
        ["--user", "--map-root-user", "--mount", "--pid", "--fork", "--net", "--ipc", "--uts", "true"];
    let bare = spans(40, || quiet(Path::new("unshare"), &words));
    print("a sandboxed step, start to exit of `true`", &ours, &bare, "bare `unshare` of the same namespaces");
    let bin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/bin");
    let bwrap = bin.join("bwrap");
    if bwrap.exists() {
        let words = [
            "--ro-bind",
            "/",
            "/",
            "--unshare-all",
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "--tmpfs",
            "/tmp",
            "true",
        ];
        let theirs = spans(40, || quiet(&bwrap, &words));
        print("a sandboxed step, start to exit of `true`", &ours, &theirs, "bubblewrap 0.8");
    }
    let runc = bin.join("runc");
    if runc.exists() && rustix::process::geteuid().is_root() {
        match runc_bundle(&runc) {
            Some(dir) => {
                let mut n = 0;
                let theirs = spans(20, || {
                    n += 1;
                    let at = dir.path().display().to_string();
                    let id = format!("bench-{}-{n}", std::process::id());
                    quiet(&runc, &["--root", &format!("{at}/state"), "run", "--bundle", &at, &id]);
                });
                print("a sandboxed step, start to exit of `true`", &ours, &theirs, "runc 1.1.5");
            }
            None => println!("{:44} runc does not run on this machine", ""),
        }
    }
}

/// A bundle of runc's own making, with this machine's directories bound into it.
fn runc_bundle(runc: &Path) -> Option<tempfile::TempDir> {
    let dir = tempfile::tempdir().ok()?;
    std::fs::create_dir_all(dir.path().join("rootfs")).ok()?;
    let made = Command::new(runc).args(["spec", "--bundle"]).arg(dir.path()).status().ok()?;
    let path = dir.path().join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
    config["process"]["terminal"] = false.into();
    config["process"]["args"] = serde_json::json!(["/usr/bin/true"]);
    let mounts = config["mounts"].as_array_mut()?;
    mounts.retain(|mount| mount["type"] != "cgroup");
    for host in ["/bin", "/lib", "/lib64", "/usr"] {
        mounts.push(serde_json::json!({
            "destination": host, "type": "bind", "source": host, "options": ["rbind", "ro"]
        }));
    }
    std::fs::write(&path, config.to_string()).ok()?;
    let at = dir.path().display().to_string();
    let words = ["--root", &format!("{at}/state"), "run", "--bundle", &at, "bench-first"];
    let mut first = Command::new(runc);
    let ran = first.args(words).stdin(Stdio::null()).output().ok()?;
    if !ran.status.success() {
        println!("{}", String::from_utf8_lossy(&ran.stderr));
    }
    (made.success() && ran.status.success()).then_some(dir)
}

const SEEN: [&str; 4] = ["/bin", "/lib", "/lib64", "/usr"];

/// A step that ends at once.
pub fn spec() -> Spec {
    Spec {
        own: false,
        script: None,
        command: vec!["/usr/bin/true".into()],
        environment: BTreeMap::new(),
        binds: SEEN.map(PathBuf::from).into_iter().filter(|path| path.exists()).collect(),
        image: None,
        network: Vec::new(),
        connect: Vec::new(),
        certificates: None,
        service: None,
        secrets: Vec::new(),
        limits: Limits {
            workspace_bytes: 64 << 20,
            tmp_bytes: 64 << 20,
            memory_bytes: 1 << 30,
            processes: 64,
            open_files: 256,
            wall_ms: 10_000,
            log_bytes: 1 << 20,
        },
    }
}
