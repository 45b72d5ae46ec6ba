//! What is dangerous in every language whose files have shell text.
//!
//! Each function says where, as the line and the command. None of them knows a severity: rules do.

use super::{Command, Joint, Script, Word, is_shell, pipes};

/// A place: line, and the command or variable.
pub type Place = (u32, String);

/// Commands that run what was fetched, unseen: `curl ... | sh` and its relatives.
#[must_use]
pub fn fetched_and_run(script: &Script) -> Vec<Place> {
    let mut places = Vec::new();
    for list in script.lists() {
        for pipe in pipes(list) {
            let fed = pipe.iter().enumerate().find(|(at, command)| {
                runs_its_input(command) && pipe.iter().take(*at).any(|earlier| fetches_within(earlier))
            });
            if let Some((_, command)) = fed {
                let first = pipe.first().unwrap_or(command);
                places.push((command.line, format!("{} | {}", first.shown(), command.program())));
            }
        }
        places.extend(list.iter().filter(|command| runs_fetched_word(command)).map(place));
    }
    places
}

/// Commands that do not check who answers: certificates of TLS, and host keys of SSH.
#[must_use]
pub fn unchecked_servers(script: &Script) -> Vec<Place> {
    let mut places = Vec::new();
    for command in script.all() {
        if trusts_any_server(command) {
            places.push(place(command));
        }
        let exported = matches!(command.program(), "export" | "declare" | "setx");
        let pairs = command.args().iter().filter(|_| exported).filter_map(|word| word.text.split_once('='));
        let assigned = command.assigned.iter().map(|(name, word)| (name.as_str(), word.text.as_str()));
        let before = command.starters().iter().filter_map(|word| word.text.split_once('='));
        let all = assigned.chain(pairs).chain(before);
        for (name, _) in all.filter(|(name, value)| switches_checks_off(name, value)) {
            places.push((command.line, name.to_owned()));
        }
    }
    places
}

/// Whether a variable with this value makes a program trust every server.
#[must_use]
pub fn switches_checks_off(name: &str, value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
    let is_off = matches!(value.as_str(), "0" | "false" | "no" | "off");
    let is_on = matches!(value.as_str(), "1" | "true" | "yes" | "on");
    match name.to_ascii_uppercase().as_str() {
        // Git asks only whether it is set: `false` switches the check off too.
        "GIT_SSL_NO_VERIFY" => true,
        "NODE_TLS_REJECT_UNAUTHORIZED" => value == "0",
        "PYTHONHTTPSVERIFY"
        | "NPM_CONFIG_STRICT_SSL"
        | "YARN_STRICT_SSL"
        | "ANSIBLE_HOST_KEY_CHECKING"
        | "CONDA_SSL_VERIFY" => is_off,
        "BUNDLE_SSL_VERIFY_MODE" => value == "0",
        "PIP_TRUSTED_HOST" | "UV_INSECURE_HOST" | "GOINSECURE" => !value.is_empty() && !value.contains('$'),
        "VAULT_SKIP_VERIFY" | "CONSUL_HTTP_SSL_NO_VERIFY" => is_on,
        "GIT_SSH_COMMAND" => value.contains("stricthostkeychecking=no"),
        _ => false,
    }
}

/// Commands that fetch over a connection that is not encrypted.
#[must_use]
pub fn plain_fetches(script: &Script) -> Vec<Place> {
    let is_plain = |word: &Word| {
        let text = word.text.to_ascii_lowercase();
        text.strip_prefix("http://")
            .or_else(|| text.strip_prefix("ftp://"))
            .is_some_and(|rest| !is_near(rest))
    };
    let fetching = script.all().filter(|command| fetches(command) || is_clone(command));
    fetching.filter(|command| command.args().iter().any(is_plain)).map(place).collect()
}

/// Tests and scans whose failure does not count: `npm test || true`.
#[must_use]
pub fn hidden_failures(script: &Script) -> Vec<Place> {
    let mut places = Vec::new();
    for list in script.lists() {
        for pair in list.windows(2) {
            let [command, next] = pair else { continue };
            let gives_in = match next.program() {
                "true" | ":" => true,
                "exit" => next.args().first().is_some_and(|word| word.text == "0"),
                _ => false,
            };
            if command.joint == Joint::Or && gives_in && is_check(command) {
                places.push(place(command));
            }
        }
        places.extend(list.iter().filter(|command| is_check(command) && reports_success(command)).map(place));
    }
    places
}

/// Tests and scans that are piped into another program, whose exit code counts alone.
#[must_use]
pub fn piped_checks(script: &Script) -> Vec<Place> {
    let piped = script.all().filter(|command| command.joint == Joint::Pipe && is_check(command));
    piped.map(place).collect()
}

/// Whether a command is a test, a linter or a scan.
#[must_use]
pub fn is_check(command: &Command) -> bool {
    let first = command.args().first().map(|word| word.text.as_str()).unwrap_or_default();
    let second = command.args().get(1).map(|word| word.text.as_str()).unwrap_or_default();
    match command.program() {
        "npm" | "pnpm" | "yarn" => {
            matches!(first, "test" | "t" | "audit") || first == "run" && is_check_name(second)
        }
        "cargo" => matches!(first, "test" | "nextest" | "audit" | "deny" | "clippy"),
        "go" => matches!(first, "test" | "vet"),
        "make" => is_check_name(first),
        "mvn" | "mvnw" | "gradle" | "gradlew" => {
            command.has(&["test", "verify", "check", "dependencyCheckAnalyze"])
        }
        "python" | "python3" => {
            first == "-m" && matches!(second, "pytest" | "unittest" | "bandit" | "pip_audit")
        }
        "docker" => first == "scout",
        program => CHECKS.contains(&program),
    }
}

/// Whether a program looks for what is unsafe.
#[must_use]
pub fn is_scanner(program: &str) -> bool {
    SCANNERS.contains(&program)
}

fn is_check_name(name: &str) -> bool {
    name == "check" || ["test", "lint", "audit", "scan"].iter().any(|word| name.starts_with(word))
}

/// Whether an option makes a scanner say that all is well.
fn reports_success(command: &Command) -> bool {
    match command.program() {
        "trivy" => command.values("--exit-code").any(|code| code == "0"),
        "bandit" | "pylint" => command.has(&["--exit-zero"]),
        "checkov" => command.has(&["--soft-fail", "-s"]),
        "tfsec" => command.has(&["--soft-fail", "-s"]),
        "gitleaks" => command.values("--exit-code").any(|code| code == "0"),
        "hadolint" => command.has(&["--no-fail"]),
        _ => false,
    }
}

fn place(command: &Command) -> Place {
    (command.line, command.shown())
}

/// Whether a program fetches a file and can write it to its output.
fn fetches(command: &Command) -> bool {
    matches!(
        command.program(),
        "curl" | "wget" | "fetch" | "aria2c" | "http" | "https" | "lwp-download" | "lynx" | "axel"
    )
}

fn is_clone(command: &Command) -> bool {
    command.program() == "git" && command.has(&["clone", "fetch", "pull"])
}

/// Whether it or a substitution in it fetches.
fn fetches_within(command: &Command) -> bool {
    fetches(command) || command.words.iter().any(|word| word.inner.iter().any(fetches_within))
}

/// Whether a program runs what it reads from its input.
fn runs_its_input(command: &Command) -> bool {
    let args: Vec<&str> = command.args().iter().map(|word| word.text.as_str()).collect();
    let first = args.first().copied();
    let program = command.program();
    if is_shell(program) {
        let mut rest = args.iter().copied().peekable();
        while let Some(arg) = rest.next() {
            match arg {
                "-" | "--" | "/dev/stdin" => return true,
                "-o" | "+o" | "-O" => {
                    rest.next();
                }
                long if long.starts_with("--") => {}
                short if short.starts_with(['-', '+']) => {
                    if short.contains('c') {
                        return false;
                    }
                    if short.contains('s') {
                        return true;
                    }
                }
                _ => return false,
            }
        }
        return true;
    }
    let is_interpreter =
        program.starts_with("python") || matches!(program, "perl" | "ruby" | "node" | "php" | "pwsh");
    match program {
        "source" | "." => matches!(first, Some("/dev/stdin")),
        _ => is_interpreter && matches!(first, None | Some("-" | "/dev/stdin")),
    }
}

/// Whether a command runs the output of a substitution that fetches: `sh -c "$(curl ...)"`, `bash <(curl ...)`, `eval "$(curl ...)"`.
fn runs_fetched_word(command: &Command) -> bool {
    let program = command.program();
    let is_fetched = |word: &Word| word.inner.iter().any(fetches_within);
    // The first word of a script is what it runs.
    let runs_substitution = |word: &Word| {
        let first = word.inner.first().and_then(|command| command.words.first());
        word.is_script
            && first.is_some_and(|first| {
                !first.is_script && first.text.starts_with(['$', '`']) && is_fetched(first)
            })
    };
    let args = command.args();
    if args.iter().any(runs_substitution) {
        return true;
    }
    let is_process = |word: &Word| word.text.starts_with("<(") && is_fetched(word);
    if is_shell(program) || matches!(program, "source" | ".") {
        let operand = args.iter().find(|word| !word.text.starts_with('-'));
        return operand.is_some_and(is_process)
            || command.redirects.iter().any(|redirect| {
                matches!(redirect.operator.as_str(), "<" | "<<<") && is_fetched(&redirect.word)
            });
    }
    let is_interpreter = program.starts_with("python") || matches!(program, "perl" | "ruby" | "node" | "php");
    let is_code = |pair: &[Word]| matches!(pair, [option, code] if matches!(option.text.as_str(), "-c" | "-e" | "-r") && code.text.starts_with(['$', '`']) && is_fetched(code));
    is_interpreter && (args.windows(2).any(is_code) || args.first().is_some_and(is_process))
}

/// Whether a command does not check the server that it talks to.
fn trusts_any_server(command: &Command) -> bool {
    let args = command.args();
    let lower = || args.iter().map(|word| word.text.to_ascii_lowercase());
    let has_off = |name: &str| {
        let words: Vec<String> = lower().collect();
        let together = words.iter().any(|word| {
            word.split_once('=').is_some_and(|(key, value)| key.ends_with(name) && is_off(value))
        });
        let apart = |pair: &[String]| matches!(pair, [key, value] if key.ends_with(name) && is_off(value));
        together || words.windows(2).any(apart)
    };
    match command.program() {
        "curl" => {
            command.has(&["--insecure", "--proxy-insecure"])
                || args.iter().any(|word| has_short_k(&word.text))
        }
        "wget" => command.has(&["--no-check-certificate"]),
        "git" => has_off("http.sslverify") || lower().any(|word| word.contains("stricthostkeychecking=no")),
        "npm" | "pnpm" | "yarn" => {
            has_off("strict-ssl") || has_off("enablestrictssl") || command.has(&["--no-strict-ssl"])
        }
        "pip" | "pip3" | "pipx" | "uv" => {
            let named = |word: &Word| {
                ["--trusted-host", "--allow-insecure-host", "global.trusted-host", "install.trusted-host"]
                    .iter()
                    .any(|name| word.text == *name || word.text.starts_with(&format!("{name}=")))
            };
            args.iter().any(named)
        }
        "python" | "python3" => {
            command.has(&["pip"]) && args.iter().any(|word| word.text.starts_with("--trusted-host"))
        }
        "apt-get" | "apt" => has_off("verify-peer") || has_off("verify-host"),
        "yum" | "dnf" | "microdnf" => {
            has_off("sslverify") || lower().any(|word| word == "--setopt=sslverify=0")
        }
        "conda" | "mamba" => has_off("ssl_verify"),
        "ssh" | "scp" | "sftp" | "rsync" | "sshpass" | "ssh-keyscan" => lower().any(|word| {
            word.contains("stricthostkeychecking=no") || word.contains("stricthostkeychecking no")
        }),
        "kubectl" | "helm" | "oc" => lower().any(|word| {
            matches!(
                word.as_str(),
                "--insecure-skip-tls-verify"
                    | "--insecure-skip-tls-verify=true"
                    | "--kube-insecure-skip-tls-verify"
            )
        }),
        "skopeo" | "podman" | "buildah" => has_off("tls-verify"),
        "docker" | "dockerd" => lower().any(|word| word.starts_with("--insecure-registry")),
        "vault" => command.has(&["-tls-skip-verify", "--tls-skip-verify"]),
        "aws" => command.has(&["--no-verify-ssl"]),
        _ => false,
    }
}

fn is_off(value: &str) -> bool {
    matches!(value, "false" | "0" | "no" | "off" | "f")
}

/// Whether an argument of curl is a group of short options with `k` (<https://curl.se/docs/manpage.html>).
fn has_short_k(arg: &str) -> bool {
    let Some(letters) = arg.strip_prefix('-').filter(|letters| !letters.starts_with('-')) else {
        return false;
    };
    for letter in letters.chars() {
        if letter == 'k' {
            return true;
        }
        if "oHXduAebcFTmwxKECrtyYzDPQUh".contains(letter) {
            return false;
        }
    }
    false
}

/// Whether a host is this machine or a name without a domain, such as that of a service beside this one.
fn is_near(rest: &str) -> bool {
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or(host);
    let name = host.split(':').next().unwrap_or(host);
    host.starts_with('[') || name.starts_with("127.") || name.contains('$') || !name.contains('.')
}

/// Programs that test, lint or scan.
const CHECKS: &[&str] = &[
    "bandit",
    "brakeman",
    "checkov",
    "clair-scanner",
    "dependency-check",
    "eslint",
    "flake8",
    "gitleaks",
    "gosec",
    "govulncheck",
    "grype",
    "hadolint",
    "jest",
    "kics",
    "mocha",
    "mypy",
    "npm-audit",
    "nuclei",
    "osv-scanner",
    "phpunit",
    "pip-audit",
    "pylint",
    "pytest",
    "rspec",
    "ruff",
    "safety",
    "semgrep",
    "shellcheck",
    "snyk",
    "staticcheck",
    "terrascan",
    "tfsec",
    "tox",
    "trivy",
    "trufflehog",
    "vitest",
    "zap-baseline.py",
    "zizmor",
];
/// Those of them that look for what is unsafe.
const SCANNERS: &[&str] = &[
    "bandit",
    "brakeman",
    "checkov",
    "dependency-check",
    "gitleaks",
    "gosec",
    "govulncheck",
    "grype",
    "kics",
    "osv-scanner",
    "pip-audit",
    "semgrep",
    "snyk",
    "terrascan",
    "tfsec",
    "trivy",
    "trufflehog",
    "zap-baseline.py",
    "zizmor",
];
