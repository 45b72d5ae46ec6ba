//! The package is taken apart with the system's `ar` and `tar`, which share no code with what made it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use super::archive::{Entry, ar, tar};
use super::control::{Facts, libraries, package as package_of};
use crate::command;

/// A directory that is removed at the end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let dir = env::temp_dir().join(format!("countersign-package-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&dir));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A package of this test's own program, which is linked as the product is.
fn made() -> Vec<u8> {
    let (root, binary) = (command::root(), env::current_exe().unwrap());
    let facts = Facts { time_seconds: 1_795_947_015, ..Facts::read(&root, &binary).unwrap() };
    super::package(&root, &binary, &facts).unwrap()
}

fn run(program: &str, words: &[&str], dir: &Path) -> String {
    let mut command = Command::new(program);
    command.args(words).current_dir(dir).env("LC_ALL", "C").env("TZ", "UTC");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Rights, owner, size and time of each path, as `tar` lists them.
fn listed(archive: &str, dir: &Path) -> BTreeMap<String, Vec<String>> {
    let text = run("tar", &["-tvzf", archive, "--numeric-owner", "--full-time"], dir);
    let lines: Vec<Vec<String>> =
        text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect();
    let names: Vec<&String> = lines.iter().filter_map(|line| line.last()).collect();
    assert!(names.is_sorted(), "{names:?}");
    lines.iter().map(|line| (line.last().unwrap().clone(), line.clone())).collect()
}

#[test]
fn the_package_holds_what_it_should_with_rights_and_owners() {
    let place = Place::new("contents");
    fs::write(place.0.join("one.deb"), made()).unwrap();
    assert_eq!(run("ar", &["t", "one.deb"], &place.0), "debian-binary\ncontrol.tar.gz\ndata.tar.gz\n");
    run("ar", &["x", "one.deb"], &place.0);
    assert_eq!(fs::read_to_string(place.0.join("debian-binary")).unwrap(), "2.0\n");
    let data = listed("data.tar.gz", &place.0);
    let control = listed("control.tar.gz", &place.0);
    for (path, words) in data.iter().chain(&control) {
        let [rights, owner, _, date, time, _] = words.as_slice() else { panic!("{path}: {words:?}") };
        assert_eq!(
            (owner.as_str(), date.as_str(), time.as_str()),
            ("0/0", "2026-11-29", "10:10:15"),
            "{path}"
        );
        let program =
            path == "./usr/bin/countersign" || ["./postinst", "./postrm", "./prerm"].contains(&path.as_str());
        let wanted = match (path.ends_with('/'), program) {
            (true, _) => "drwxr-xr-x",
            (false, true) => "-rwxr-xr-x",
            (false, false) => "-rw-r--r--",
        };
        assert_eq!(rights, wanted, "{path}");
    }
    for path in [
        "usr/bin/countersign",
        "usr/lib/systemd/system/countersign-agent@.service",
        "usr/lib/systemd/system/countersign-runner@.service",
        "usr/lib/systemd/system/countersign-server.service",
        "usr/lib/systemd/system/countersign-witness.service",
        "usr/lib/sysusers.d/countersign.conf",
        "usr/lib/tmpfiles.d/countersign.conf",
        "usr/share/doc/countersign/LICENSE",
        "usr/share/doc/countersign/changelog.gz",
        "usr/share/doc/countersign/copyright",
        "usr/share/doc/countersign/operating/install.md",
    ] {
        assert!(data.contains_key(&format!("./{path}")), "{path} is missing");
    }
    let outside = |path: &&String| {
        let top = ["./", "./etc/", "./usr/"];
        !top.contains(&path.as_str())
            && !path.starts_with("./etc/countersign/")
            && !path.starts_with("./usr/")
    };
    assert_eq!(data.keys().filter(outside).collect::<Vec<_>>(), Vec::<&String>::new());
    run("tar", &["-xzf", "data.tar.gz"], &place.0);
    assert!(
        fs::read(place.0.join("usr/bin/countersign")).unwrap()
            == fs::read(env::current_exe().unwrap()).unwrap()
    );
    run("gzip", &["-t", "usr/share/doc/countersign/changelog.gz"], &place.0);
}

#[test]
fn the_package_says_what_it_needs_and_keeps_what_people_changed() {
    let place = Place::new("control");
    fs::write(place.0.join("one.deb"), made()).unwrap();
    run("ar", &["x", "one.deb", "control.tar.gz"], &place.0);
    run("tar", &["-xzf", "control.tar.gz"], &place.0);
    let control = fs::read_to_string(place.0.join("control")).unwrap();
    let field = |name: &str| {
        let start = format!("{name}: ");
        control.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default().to_owned()
    };
    assert_eq!(field("Package"), "countersign");
    assert!(field("Version").starts_with(concat!(env!("CARGO_PKG_VERSION"), "~")), "{control}");
    assert!(field("Depends").contains("libc6 (>= 2.") && field("Depends").contains("passwd"), "{control}");
    assert!(field("Installed-Size").parse::<u64>().unwrap() > 100, "{control}");
    let kept = fs::read_to_string(place.0.join("conffiles")).unwrap();
    let envs = ["agent", "runner", "server", "witness"].map(|role| format!("/etc/countersign/{role}.env\n"));
    assert_eq!(kept, envs.concat());
    for script in ["postinst", "prerm", "postrm"] {
        run("sh", &["-n", script], &place.0);
        let text = fs::read_to_string(place.0.join(script)).unwrap();
        for word in ["systemctl start", "systemctl enable", "systemctl restart"] {
            assert!(!text.contains(word), "{script} must not `{word}`: a person configures a role first");
        }
    }
}

#[test]
fn two_packages_of_one_binary_are_equal() {
    let (one, other) = (made(), made());
    assert!(one == other, "they differ");
    // Names in the order of the file system, and other times, would change the bytes.
    let entry = |path: &str| Entry { path: path.to_owned(), mode: 0o644, bytes: Some(b"x".to_vec()) };
    let (sorted, turned) = (tar(&[entry("a"), entry("b")], 7), tar(&[entry("b"), entry("a")], 7));
    assert!(sorted == turned && sorted != tar(&[entry("a"), entry("b")], 8));
}

#[test]
fn what_does_not_fit_an_archive_is_an_error() {
    let long = Entry { path: "a".repeat(99), mode: 0o644, bytes: Some(Vec::new()) };
    assert!(tar(&[long], 0).unwrap_err().contains("longer than the 100 bytes"));
    let entry = Entry { path: "a".into(), mode: 0o644, bytes: None };
    assert!(tar(&[entry], 1 << 34).unwrap_err().contains("does not fit a tar archive"));
    assert!(ar(&[("a-name-of-17-chars", Vec::new())], 0).unwrap_err().contains("does not fit an ar archive"));
}

#[test]
fn a_library_without_a_known_package_is_an_error() {
    let listed = "\tlinux-vdso.so.1 (0x1)\n\tlibssl.so.3 => /lib/libssl.so.3 (0x2)\n\tlibc.so.6 => /lib/libc.so.6 (0x3)\n\
                  \t/lib64/ld-linux-x86-64.so.2 (0x4)\n";
    assert_eq!(libraries(listed), ["libssl.so.3", "libc.so.6", "ld-linux-x86-64.so.2"]);
    let binary = b"\0GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.2.5\0GLIBC_PRIVATE\0";
    assert_eq!(package_of("libc.so.6", binary).unwrap(), "libc6 (>= 2.34)");
    assert!(package_of("libssl.so.3", binary).unwrap_err().contains("name its package"));
    assert!(package_of("libc.so.6", b"nothing").unwrap_err().contains("no version of libc's symbols"));
}

/// Words of a file of the tree that begin a line, `KEY=VALUE`.
fn values(unit: &str, key: &str) -> Vec<String> {
    let start = format!("{key}=");
    unit.lines().filter_map(|line| line.strip_prefix(&start)).map(str::to_owned).collect()
}

#[test]
fn units_users_and_directories_agree() {
    let read = |path: &str| fs::read_to_string(command::root().join("packaging").join(path)).unwrap();
    let (users, dirs, postinst) =
        (read("sysusers.d/countersign.conf"), read("tmpfiles.d/countersign.conf"), read("debian/postinst"));
    for (unit, user, env, mode) in [
        ("countersign-server", "countersign", "server", "0700"),
        ("countersign-witness", "countersign-witness", "witness", "0700"),
        ("countersign-runner@", "countersign-runner", "runner", "0700"),
        ("countersign-agent@", "countersign-agent", "agent", "0711"),
    ] {
        let text = read(&format!("systemd/{unit}.service"));
        for key in ["User", "Group", "StateDirectory"] {
            assert_eq!(values(&text, key), [user], "{unit}: {key}");
        }
        assert_eq!(values(&text, "StateDirectoryMode"), [mode], "{unit}");
        assert_eq!(values(&text, "NoNewPrivileges"), ["yes"], "{unit}");
        assert!(values(&text, "EnvironmentFile").contains(&format!("/etc/countersign/{env}.env")), "{unit}");
        let start = values(&text, "ExecStart").concat();
        assert!(start.starts_with(&format!("/usr/bin/countersign {env} --data /var/lib/{user}/")), "{start}");
        let words = |text: &str| -> Vec<Vec<String>> {
            text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
        };
        assert!(
            words(&users).iter().any(|line| line.starts_with(&["u".to_owned(), user.to_owned()])),
            "{user}"
        );
        let dir = ["d", &format!("/var/lib/{user}"), mode, user, user, "-"].map(str::to_owned);
        assert!(words(&dirs).iter().any(|line| *line == dir), "{user}");
        let made = postinst
            .lines()
            .any(|line| line.starts_with(&format!("    role {user} \"")) && line.ends_with(mode));
        assert!(made, "{user}");
        assert!(read(&format!("etc/{env}.env")).contains("\nOPTIONS=\""), "{env}");
    }
    // The account of services is none of a role, and each place that names it names the same one.
    let service = "countersign-service";
    assert!(read("etc/agent.env").contains(&format!("--service-user {service}\"")));
    assert!(
        users.contains(&format!("\nu {service} ")) && postinst.contains(&format!("\n    user {service} "))
    );
}

/// systemd's own reader finds nothing to say of the units. It is asked without `DelegateSubgroup=`, which came with version
/// 254; older ones name and ignore it.
#[test]
fn systemd_reads_the_units() {
    if !command::answers("systemd-analyze", "--version") {
        eprintln!("skipped: systemd-analyze is not installed");
        return;
    }
    let place = Place::new("units");
    let units = command::root().join("packaging/systemd");
    for item in fs::read_dir(&units).unwrap() {
        let item = item.unwrap();
        let text = fs::read_to_string(item.path()).unwrap();
        // The program and the pages are not installed on this host.
        let text =
            text.replace("/usr/bin/countersign ", "/bin/true ").replace("DelegateSubgroup=runner\n", "");
        fs::write(place.0.join(item.file_name()), text).unwrap();
    }
    let names =
        ["countersign-server", "countersign-witness", "countersign-runner@one", "countersign-agent@one"];
    for name in names {
        let unit = place.0.join(format!("{name}.service"));
        let mut command = Command::new("systemd-analyze");
        command
            .args(["verify", "--man=no", "--recursive-errors=no"])
            .arg(&unit)
            .env("SYSTEMD_LOG_COLOR", "0");
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.is_empty() && output.status.success(), "{name}: {said}");
    }
}
