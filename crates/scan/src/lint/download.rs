//! Files that commands fetch and then start, although nothing compared their checksum or signature.

use super::shell::checks::Place;
use super::shell::{Command, Script, is_shell};

/// Commands that start, or make startable, what an earlier command of the same script fetched.
#[must_use]
pub fn unverified(script: &Script) -> Vec<Place> {
    let mut fetched: Vec<String> = Vec::new();
    let mut places = Vec::new();
    for command in script.all() {
        if verifies(command) {
            return Vec::new();
        }
        if let Some(file) = target(command) {
            fetched.push(file);
        }
        if let Some(file) = started(command).and_then(|file| fetched.iter().position(|known| *known == file))
        {
            places.push((command.line, command.shown()));
            fetched.remove(file);
        }
    }
    places
}

/// Whether a command compares a checksum or checks a signature.
#[must_use]
pub fn verifies(command: &Command) -> bool {
    let has = |text: &str| command.args().iter().any(|word| word.text == text);
    match command.program() {
        "gh" => has("attestation"),
        "gpg" | "gpg2" | "sq" => has("--verify") || has("verify"),
        "openssl" => has("dgst"),
        "rpm" => has("-K") || has("--checksig"),
        program => VERIFIERS.contains(&program),
    }
}

/// The file to which a command writes what it fetches.
fn target(command: &Command) -> Option<String> {
    let args: Vec<&str> = command.args().iter().map(|word| word.text.as_str()).collect();
    let address = args.iter().copied().rfind(|arg| arg.contains("://"))?;
    let own_name = || address.split(['?', '#']).next().and_then(|path| path.rsplit('/').next());
    let redirected =
        command.redirects.iter().find(|one| one.operator == ">").map(|one| one.word.text.as_str());
    let named = match command.program() {
        "curl" => option(&args, 'o', "--output").or_else(|| {
            let is_own = |arg: &&str| *arg == "--remote-name" || is_group_with(arg, 'O');
            args.iter().any(is_own).then(own_name).flatten()
        }),
        "wget" => option(&args, 'O', "--output-document").or_else(own_name),
        _ => return None,
    };
    let file =
        redirected.or(named).filter(|file| !matches!(*file, "" | "-" | "/dev/null" | "/dev/stdout"))?;
    Some(plain(file))
}

/// The value of an option: alone, in a group of short ones, or behind its long name.
fn option<'a>(args: &[&'a str], short: char, long: &str) -> Option<&'a str> {
    args.iter().enumerate().find_map(|(at, arg)| {
        let next = || args.get(at + 1).copied();
        if *arg == long {
            return next();
        }
        if let Some(value) = arg.strip_prefix(long).and_then(|rest| rest.strip_prefix('=')) {
            return Some(value);
        }
        let (before, value) =
            arg.strip_prefix('-').filter(|rest| !rest.starts_with('-'))?.split_once(short)?;
        let is_group = before.chars().all(|letter| letter.is_ascii_alphabetic());
        is_group.then(|| if value.is_empty() { next() } else { Some(value) }).flatten()
    })
}

fn is_group_with(arg: &str, letter: char) -> bool {
    arg.strip_prefix('-').is_some_and(|rest| !rest.starts_with('-') && rest.contains(letter))
}

/// The file that a command starts, installs, or makes startable.
fn started(command: &Command) -> Option<String> {
    let program = command.program();
    let operands: Vec<&str> = command.operands().map(|word| word.text.as_str()).collect();
    let last = operands.last().copied();
    let first = operands.first().copied();
    let is_interpreter = is_shell(program)
        || program.starts_with("python")
        || matches!(program, "perl" | "ruby" | "node" | "source" | ".");
    let file = match program {
        "chmod" => {
            last.filter(|_| operands.first().is_some_and(|mode| is_startable(mode)) || command.has(&["+x"]))
        }
        "dpkg" => last.filter(|_| command.has(&["-i", "--install"])),
        "rpm" => last.filter(|_| {
            command.args().iter().any(|word| is_group_with(&word.text, 'i') || is_group_with(&word.text, 'U'))
        }),
        "apt" | "apt-get" | "yum" | "dnf" => last.filter(|_| command.has(&["install", "localinstall"])),
        "java" => last.filter(|_| command.has(&["-jar"])),
        "installer" | "msiexec" => last,
        _ if is_interpreter => first,
        _ => {
            let words = command.words.get(command.starters().len());
            words.map(|word| word.text.as_str()).filter(|text| text.contains('/'))
        }
    };
    file.map(plain)
}

fn is_startable(mode: &str) -> bool {
    let digits = mode.chars().all(|letter| letter.is_ascii_digit());
    if digits { mode.chars().any(|digit| matches!(digit, '1' | '3' | '5' | '7')) } else { mode.contains('x') }
}

fn plain(file: &str) -> String {
    file.strip_prefix("./").unwrap_or(file).to_owned()
}

const VERIFIERS: &[&str] = &[
    "b2sum",
    "b3sum",
    "cosign",
    "gpgv",
    "md5sum",
    "minisign",
    "sha1sum",
    "sha224sum",
    "sha256",
    "sha256sum",
    "sha384sum",
    "sha512sum",
    "shasum",
    "signify",
    "slsa-verifier",
    "Get-FileHash",
    "certutil",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fetched_and_started_is_found() {
        for text in [
            "curl -fsSLo tool https://a.example/tool\nchmod +x tool\n./tool",
            "curl https://a.example/x.sh > x.sh; bash x.sh",
            "wget https://a.example/x.sh && sh ./x.sh",
            "wget -qO /tmp/x https://a.example/1\nsudo chmod 755 /tmp/x",
            "curl -LO https://a.example/a.deb?x=1; sudo dpkg -i a.deb",
            "curl --output=x.py https://a.example/x; python3 x.py",
        ] {
            assert_eq!(unverified(&Script::of(text, 1)).len(), 1, "{text}");
        }
        for text in [
            "curl -fsSLo tool https://a.example/tool\nsha256sum -c sums\nchmod +x tool",
            "curl -o data.json https://a.example/data\npython3 report.py data.json",
            "curl -o x https://a.example/x; chmod 644 x",
            "sh x.sh; curl -o x.sh https://a.example/x",
            "curl -o - https://a.example/x; ./-",
        ] {
            assert_eq!(unverified(&Script::of(text, 1)), [], "{text}");
        }
    }
}
