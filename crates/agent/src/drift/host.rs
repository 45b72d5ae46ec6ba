//! Measures the host of an agent, as far as a baseline asks for it.
//!
//! Invariant: everything that is read is bounded. A list that changes seldom is read again only when its file changed, and the firewall
//! once a minute. Only settings of the network are ever written.

use std::fs::{self, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use evidence::drift::{Baseline, ResultFile, is_setting};
use evidence::{Digest, Moment};
use rustix::fs::OFlags;

use super::baseline::{Firewall, HostMeasure, Unmeasured};
use super::packages::{Packages, of_apk, of_dpkg};
use super::results;
use crate::sockets;

/// All that is known of a host.
#[derive(Debug, Default)]
pub struct HostLook {
    firewall: Option<Firewall>,
    rules: Option<(Instant, Result<Digest, Unmeasured>)>,
    packages: Option<(Stamp, Result<Packages, Unmeasured>)>,
}

/// The kernel's words about a file: its size, time and number.
type Stamp = (u64, i64, i64, u64);

impl HostLook {
    /// A look at a host whose firewall is read in this way.
    pub const fn with(firewall: Option<Firewall>) -> Self {
        Self { firewall, rules: None, packages: None }
    }

    /// Measures what a baseline asks for.
    pub fn measure(&mut self, baseline: &Baseline, now: Moment) -> HostMeasure {
        let wants_packages = !baseline.packages.is_empty() || baseline.packages_digest.is_some();
        HostMeasure {
            settings: baseline.settings.keys().map(|name| (name.clone(), setting(name))).collect(),
            packages: wants_packages.then(|| self.packages()),
            firewall: baseline.firewall.map(|_| self.rules()),
            clock: baseline.time_sync.then(|| {
                let synchronised = sandbox::is_clock_synchronised();
                synchronised.map_err(|error| Unmeasured(error.to_string()))
            }),
            ports: baseline.ports.as_ref().map(|_| {
                sockets::open_ports().map_err(|error| Unmeasured(format!("cannot be read: {error}")))
            }),
            results: baseline.results.iter().map(|file| result(file, now)).collect(),
        }
    }

    fn packages(&mut self) -> Result<Packages, Unmeasured> {
        for (path, read) in [(DPKG, of_dpkg as fn(&str) -> Packages), (APK, of_apk)] {
            let Ok(meta) = fs::metadata(path) else { continue };
            let stamp = (meta.size(), meta.mtime(), meta.mtime_nsec(), meta.ino());
            if let Some((known, packages)) = &self.packages
                && *known == stamp
            {
                return packages.clone();
            }
            let packages = text_of(Path::new(path), PACKAGES_BYTES_MAX).map(|text| read(&text));
            self.packages = Some((stamp, packages.clone()));
            return packages;
        }
        Err(Unmeasured("this host has no list of packages of dpkg or apk".into()))
    }

    fn rules(&mut self) -> Result<Digest, Unmeasured> {
        if let Some((at, rules)) = &self.rules
            && at.elapsed() < FIREWALL_EVERY
        {
            return rules.clone();
        }
        let read = self.firewall.map_or_else(|| Err(io::ErrorKind::Unsupported.into()), |read| read());
        let rules = read.map_err(|error| Unmeasured(format!("the firewall cannot be read: {error}")));
        let rules =
            rules.map(|bytes| Digest::of(without_counters(&String::from_utf8_lossy(&bytes)).as_bytes()));
        self.rules = Some((Instant::now(), rules.clone()));
        rules
    }
}

/// Rules of nftables as text, without what only counts.
fn without_counters(text: &str) -> String {
    let line = |line: &str| {
        let mut words = line.split_whitespace().peekable();
        let mut kept = Vec::new();
        while let Some(word) = words.next() {
            kept.push(word);
            if word == "counter" && words.peek() == Some(&"packets") {
                // packets N bytes N
                let _ = words.by_ref().take(4).count();
            }
        }
        kept.join(" ")
    };
    text.lines().map(line).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn setting(name: &str) -> Result<String, Unmeasured> {
    let text = text_of(&file_of(name)?, SETTING_BYTES_MAX)?;
    Ok(text.trim_end().to_owned())
}

/// The file of a setting. An interface's name may have no dot here.
fn file_of(name: &str) -> Result<PathBuf, Unmeasured> {
    if !is_setting(name) {
        return Err(Unmeasured("this is no name of a setting".into()));
    }
    Ok(Path::new("/proc/sys").join(name.replace('.', "/")))
}

/// Sets a setting of the network.
///
/// # Errors
/// When it is no setting of the network, or the kernel refuses.
pub fn set(name: &str, value: &str) -> io::Result<()> {
    if !name.starts_with("net.") {
        return Err(io::Error::other("an agent sets nothing but settings of the network"));
    }
    let file = file_of(name).map_err(io::Error::other)?;
    let mut open = fs::File::options().write(true).open(file)?;
    io::Write::write_all(&mut open, value.as_bytes())
}

fn result(file: &ResultFile, now: Moment) -> Result<Vec<(String, String)>, Unmeasured> {
    let failed = |error: io::Error| Unmeasured(format!("cannot be read: {error}"));
    let (text, meta) = read_now(Path::new(&file.file), RESULT_BYTES_MAX)?;
    let modified = meta.modified().map_err(failed)?;
    let modified = modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = Duration::from_millis(now.millis());
    if modified > now + CLOCKS_APART {
        // It would count as new for as long as its time is ahead.
        return Err(Unmeasured("it is of the future; compare the clocks".into()));
    }
    let age = now.saturating_sub(modified);
    let hours = age.as_secs() / 3_600;
    if hours >= u64::from(file.hours) {
        return Err(Unmeasured(format!("it is {hours} hours old")));
    }
    results::failed(file.format, &text)
}

fn text_of(path: &Path, most: u64) -> Result<String, Unmeasured> {
    read_now(path, most).map(|(text, _)| text)
}

/// The text of a file, with what the kernel says of the very file that was read. Another user who may write it holds nobody up: a pipe in
/// its place is not waited for.
fn read_now(path: &Path, most: u64) -> Result<(String, Metadata), Unmeasured> {
    let failed = |error: io::Error| Unmeasured(format!("cannot be read: {error}"));
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = fs::File::options().read(true).custom_flags(flags).open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err(Unmeasured("it is not a file".into()));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(Unmeasured(format!("it has more than {most} bytes")));
    }
    Ok((String::from_utf8_lossy(&bytes).into_owned(), meta))
}

/// The end of the host's audit log; empty if it cannot be read.
pub fn audit_log() -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = fs::File::open(AUDIT_LOG)?;
        let size = file.metadata()?.len();
        io::Seek::seek(&mut file, io::SeekFrom::Start(size.saturating_sub(AUDIT_BYTES_MAX)))?;
        let mut bytes = Vec::new();
        file.take(AUDIT_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

const DPKG: &str = "/var/lib/dpkg/status";
const APK: &str = "/lib/apk/db/installed";
const AUDIT_LOG: &str = "/var/log/audit/audit.log";
const AUDIT_BYTES_MAX: u64 = 1024 * 1024;
const PACKAGES_BYTES_MAX: u64 = 64 * 1024 * 1024;
const RESULT_BYTES_MAX: u64 = 32 * 1024 * 1024;
const SETTING_BYTES_MAX: u64 = 4 * 1024;
/// How far the time of a file may be ahead of the agent's clock.
const CLOCKS_APART: Duration = Duration::from_mins(1);
const FIREWALL_EVERY: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    #[test]
    fn counters_of_a_firewall_change_nothing() {
        let rules = |counted: &str| {
            format!("table inet filter {{\n\tchain input {{\n\t\t{counted} accept\n\t}}\n}}\n")
        };
        let one = without_counters(&rules("tcp dport 22 counter packets 5 bytes 300"));
        assert_eq!(one, without_counters(&rules("tcp dport 22 counter packets 6 bytes 360")));
        assert!(one.contains("tcp dport 22 counter accept"), "{one}");
        assert_ne!(one, without_counters(&rules("tcp dport 23 counter packets 5 bytes 300")));
    }

    #[test]
    fn only_settings_of_the_network_are_written() {
        assert!(set("kernel.core_pattern", "x").unwrap_err().to_string().contains("settings of the network"));
        assert!(set("net/../kernel.core_pattern", "x").is_err());
        assert!(set("net...kernel", "x").is_err());
    }

    /// A user who may write the file puts a pipe there, whose other end nobody opens: the agent would wait for ever, and stop nothing.
    #[test]
    fn attack_a_pipe_in_the_place_of_results_holds_nobody_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results.xml");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o666),
            0,
        )
        .unwrap();
        let named = ResultFile {
            format: evidence::drift::ResultFormat::Xccdf,
            file: path.display().to_string(),
            hours: 1,
        };
        let said = result(&named, Moment::from_millis(4_000_000_000_000).unwrap()).unwrap_err();
        assert_eq!(said.to_string(), "not measured: it is not a file");
    }

    #[test]
    fn old_and_large_results_count_as_not_measured() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.json");
        let named = ResultFile {
            format: evidence::drift::ResultFormat::Inspec,
            file: path.display().to_string(),
            hours: 1,
        };
        let far = Moment::from_millis(4_000_000_000_000).unwrap();
        assert!(result(&named, far).unwrap_err().to_string().contains("cannot be read"));
        disk::write(
            &path,
            r#"{"profiles":[{"controls":[{"id":"a","results":[{"status":"passed"}]}]}]}"#.as_bytes(),
            0o644,
        )
        .unwrap();
        let written = fs::metadata(&path).unwrap().mtime().unsigned_abs() * 1_000;
        let at = |millis: u64| Moment::from_millis(millis).unwrap();
        assert_eq!(result(&named, at(written)), Ok(Vec::new()));
        let early = result(&named, at(written - 120_000)).unwrap_err();
        assert!(early.to_string().contains("of the future"), "{early}");
        assert!(result(&named, far).unwrap_err().to_string().contains("hours old"));
    }
}
