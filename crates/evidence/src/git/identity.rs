//! People as commits name them: author and committer lines, and trailers of the message.
//!
//! Invariant: every form that git reads is read here, and a few more. A name found in error only bars its owner from
//! approving the change; a missed name would let a change author approve. `.mailmap` is deliberately ignored, because
//! it is a file of the change itself.

use std::collections::BTreeSet;

/// A name and address as git writes them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// Name. Without an address, a person can only be found by this name.
    pub name: String,
    /// Address in lower case, by which an enrolment is found; empty if the commit names none.
    pub email: String,
    /// Time that the commit states, in seconds since the Epoch. It is unverified.
    pub time_seconds: i64,
}

/// People whom the trailers of a message name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trailers {
    /// Authors of a part of the change.
    pub co_authors: Vec<Identity>,
    /// People who signed it off. Policies decide what that means.
    pub signed_off: Vec<Identity>,
    /// Tools that helped with the change, as the message names them: the value of each such trailer.
    pub assisted: BTreeSet<String>,
}

impl Identity {
    /// Splits an author or committer line as git does (`split_ident_line` in `ident.c`): the name ends at the first
    /// `<`, the address at the first `>` after it, and the time follows the last `>`. The second value holds all other
    /// people in the line.
    pub(super) fn of_line(line: &str) -> (Self, Vec<Self>) {
        let split = line.split_once('<').and_then(|(name, rest)| Some((name, rest.split_once('>')?)));
        let Some((name, (address, rest))) = split else {
            // Git shows such a line without a person. All its addresses count; the first one is taken as the person's.
            let mut found = people(line);
            let first = if found.is_empty() { Self::named(line) } else { found.remove(0) };
            return (first, found);
        };
        let (more, time) = rest.rsplit_once('>').unwrap_or(("", rest));
        let time_seconds = seconds(time);
        (Self { name: tidy(name), email: innermost(address), time_seconds }, addresses(more))
    }

    /// Parts of the name that may each be a separate person: `Ann, Bob <bob@example.org>`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.name.split(PARTS).map(str::trim).filter(|name| !name.is_empty())
    }

    fn named(name: &str) -> Self {
        Self { name: tidy(name), email: String::new(), time_seconds: 0 }
    }
}

impl Trailers {
    /// Finds the trailers of a message, wherever in it they are.
    #[must_use]
    pub fn of(message: &str) -> Self {
        let mut found = Self::default();
        for (key, value) in folded(message) {
            if ASSISTED.contains(&key.as_str()) {
                found.assisted.insert(shortened(&value));
                continue;
            }
            let list = match key.as_str() {
                SIGNED_OFF => &mut found.signed_off,
                key if CO_AUTHORS.contains(&key) => &mut found.co_authors,
                _ => continue,
            };
            list.extend(people(&value));
        }
        found
    }
}

/// Lines that could be trailers, with their continuation lines; the key is in lower case
/// (<https://git-scm.com/docs/git-interpret-trailers>).
fn folded(message: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut open = false;
    for line in message.replace("\r\n", "\n").split(['\n', '\r']) {
        let continues = line.starts_with(char::is_whitespace) && !line.trim().is_empty();
        if let Some((key, value)) = trailer(line) {
            found.push((key, value.to_owned()));
            open = true;
        } else if let Some((_, value)) = found.last_mut().filter(|_| open && continues) {
            value.push(' ');
            value.push_str(line.trim());
        } else {
            open = false;
        }
    }
    found
}

/// Splits a trailer: a key of letters, digits and hyphens, spaces, and a separator that `trailer.separators` may name.
fn trailer(line: &str) -> Option<(String, &str)> {
    let line = line.trim();
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '-')?;
    let (key, rest) = line.split_at(end);
    let value = rest.trim_start().strip_prefix([':', '=', '#'])?;
    (!key.is_empty()).then(|| (key.to_ascii_lowercase(), value))
}

/// All people whom a trailer's value names: `Name <address>`, one or several addresses, or a name alone.
fn people(value: &str) -> Vec<Identity> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some((name, after)) = rest.split_once('<') {
        let (address, behind) = after.split_once('>').unwrap_or((after, ""));
        let name = name.trim_start_matches('>');
        found.extend(addresses(name).into_iter().filter(|_| name.contains(PARTS)));
        found.push(Identity { name: tidy(name), email: innermost(address), time_seconds: 0 });
        rest = behind;
    }
    for part in without_remarks(rest).split(PARTS) {
        let bare = addresses(part);
        if bare.is_empty() && part.contains(char::is_alphanumeric) {
            found.push(Identity::named(part));
        }
        found.extend(bare);
    }
    let mut seen = BTreeSet::new();
    found.retain(|person| seen.insert((person.email.clone(), person.name.clone())));
    found
}

/// Addresses without angle brackets.
fn addresses(text: &str) -> Vec<Identity> {
    let bare = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric()).trim_start_matches("mailto:");
        let (local, domain) = word.split_once('@')?;
        let whole = !local.is_empty() && !domain.is_empty();
        whole.then(|| Identity { name: String::new(), email: word.to_lowercase(), time_seconds: 0 })
    };
    text.split(|c: char| c.is_whitespace() || "<>()[],;\"'".contains(c)).filter_map(bare).collect()
}

/// The address in `x <Name<address`: the text after the last bracket. Git itself would begin at the first one.
fn innermost(address: &str) -> String {
    address.rsplit('<').next().unwrap_or_default().trim().to_lowercase()
}

fn tidy(name: &str) -> String {
    name.trim_matches(|c: char| c.is_whitespace() || ",;&<>".contains(c)).to_owned()
}

/// A value in one line.
fn shortened(value: &str) -> String {
    let plain = value.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(TOOL_CHARS_MAX).collect()
}

/// The text without remarks in round brackets; a remark that contains an address stays.
fn without_remarks(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('(') {
        let (remark, behind) = after.split_once(')').unwrap_or((after, ""));
        kept.push_str(before);
        if remark.contains('@') {
            kept.push_str(remark);
        }
        rest = behind;
    }
    kept.push_str(rest);
    kept
}

/// The time after an address, as git reads its digits. It is 0 if there are no digits, and the largest number if there
/// are too many.
fn seconds(text: &str) -> i64 {
    let digits: String = text.trim_start().chars().take_while(char::is_ascii_digit).collect();
    if digits.is_empty() { 0 } else { digits.parse().unwrap_or(i64::MAX) }
}

/// Trailers that name authors of a part of the change, in lower case.
const CO_AUTHORS: [&str; 6] =
    ["co-authored-by", "co-developed-by", "coauthored-by", "codeveloped-by", "co-author", "authored-by"];
const SIGNED_OFF: &str = "signed-off-by";
/// Trailers that name a tool which helped with the change, in lower case.
const ASSISTED: [&str; 6] =
    ["assisted-by", "ai-assisted-by", "ai-assisted", "generated-by", "generated-with", "co-generated-by"];
/// Longest name of a tool in characters.
const TOOL_CHARS_MAX: usize = 200;
/// Separators between the people of one value.
const PARTS: [char; 3] = [',', ';', '&'];

#[cfg(test)]
mod tests {
    use super::*;

    fn emails(message: &str) -> Vec<String> {
        Trailers::of(message).co_authors.into_iter().map(|person| person.email).collect()
    }

    #[test]
    fn trailers_are_read_as_git_reads_them_and_more_generously() {
        for trailer in [
            "Co-authored-by: bob <bob@x.org>",
            "co-AUTHORED-by:   Bob B. <BOB@X.org>  ",
            "Co-authored-by: bob\n <bob@x.org>",
            "Co-authored-by:\n\tbob\n\t<bob@x.org>",
            "Co-authored-by: bob@x.org",
            "Co-authored-by: mailto:bob@x.org",
            "Co-authored-by: <bob@x.org>",
            "Co-authored-by: bob (bob@x.org)",
            "Co-authored-by: \"Bob B\" bob@x.org",
            "Co-authored-by: bob <bob@x.org",
            "Co-authored-by : bob <bob@x.org>",
            "Co-authored-by\t:bob <bob@x.org>",
            "Co-authored-by:\u{a0}bob\u{a0}<bob@x.org>",
            "Co-authored-by= bob <bob@x.org>",
            "  Co-authored-by: bob <bob@x.org>",
            "Co-developed-by: bob <bob@x.org>\nReviewed-by: eve <eve@x.org>",
            "Co-authored-by: bob <<bob@x.org>>",
            "Co-authored-by: bob <bob@x.org> (she/her)",
            "Co-authored-by: bob < bob@x.org >",
        ] {
            for message in [
                format!("two\n\n{trailer}\n"),
                format!("two\r\n\r\n{}\r\n", trailer.replace('\n', "\r\n")),
                format!("two\n\n{trailer}\n\nmore text\n\nReviewed-by: ann <ann@x.org>\n"),
                trailer.to_owned(),
            ] {
                assert_eq!(emails(&message), ["bob@x.org"], "{message:?}");
            }
        }
        for nobody in [
            "Reviewed-by: bob <bob@x.org>",
            "Not a Co-authored-by: bob <bob@x.org>",
            "Co-authored-by bob <bob@x.org>",
            "",
        ] {
            assert_eq!(Trailers::of(nobody), Trailers::default(), "{nobody:?}");
        }
    }

    #[test]
    fn tools_that_helped_are_named() {
        let assisted = |message: &str| Trailers::of(message).assisted.into_iter().collect::<Vec<_>>();
        assert_eq!(
            assisted("x\n\nAssisted-by: Tool 1.2\nGENERATED-BY : other\n  tool\n"),
            ["Tool 1.2", "other tool"]
        );
        assert_eq!(assisted("x\n\nAssisted-by:\n"), [""], "a tool without a name counts");
        assert_eq!(assisted(&format!("Generated-with: {}", "x".repeat(900))), ["x".repeat(200)]);
        assert_eq!(assisted("x\n\nReviewed-by: Tool\nnot Assisted-by: Tool\n"), Vec::<String>::new());
    }

    #[test]
    fn several_people_in_one_trailer_are_all_named() {
        for two in [
            "ann <ann@x.org>, bob <bob@x.org>",
            "ann <ann@x.org> bob <bob@x.org>",
            "ann@x.org, bob@x.org",
            "ann@x.org bob@x.org",
            "ann <ann@x.org>; bob@x.org",
            "ann@x.org, bob <bob@x.org>",
            "ann <ann@x.org>\n , bob <bob@x.org>",
        ] {
            assert_eq!(
                emails(&format!("two\n\nCo-authored-by: {two}\n")),
                ["ann@x.org", "bob@x.org"],
                "{two}"
            );
        }
        let named = |text: &str| {
            let people = Trailers::of(&format!("Co-authored-by: {text}")).co_authors;
            people.into_iter().map(|person| (person.name, person.email)).collect::<Vec<_>>()
        };
        let pair = |name: &str, email: &str| (name.to_owned(), email.to_owned());
        assert_eq!(named("Bob"), [pair("Bob", "")]);
        assert_eq!(named("ann <ann@x.org>, Bob B"), [pair("ann", "ann@x.org"), pair("Bob B", "")]);
        assert_eq!(named("Doe, Jane <jane@x.org>"), [pair("Doe, Jane", "jane@x.org")]);
        assert_eq!(named("bot[bot] <1+bot[bot]@x.org>"), [pair("bot[bot]", "1+bot[bot]@x.org")]);
        let signed = Trailers::of("x\n\nSigned-off-by: bob <bob@x.org>\n");
        assert_eq!((signed.co_authors.len(), signed.signed_off.len()), (0, 1));
    }

    #[test]
    fn lines_of_old_programs_are_read_as_git_reads_them() {
        for (line, name, email, time) in [
            ("A <a@x> 1700000000 +0100", "A", "a@x", 1_700_000_000),
            ("Name<x <Name<mail@x>> 1282910542 +0200", "Name", "mail@x", 1_282_910_542),
            ("A <a@x>> 5 +0000", "A", "a@x", 5),
            ("<a@x> 5 +0000", "", "a@x", 5),
            ("A <> 5 +0000", "A", "", 5),
            ("A <A@X>", "A", "a@x", 0),
            ("A <a@x> -5 +0000", "A", "a@x", 0),
            ("A <a@x> 5", "A", "a@x", 5),
            ("A <a@x> 5 +051800", "A", "a@x", 5),
            ("A <a@x>5 nonsense", "A", "a@x", 5),
            ("A <a@x> 99999999999999999999 +0000", "A", "a@x", i64::MAX),
            ("a@x 5 +0000", "", "a@x", 0),
            ("A 5 +0000", "A 5 +0000", "", 0),
            ("", "", "", 0),
        ] {
            let (person, more) = Identity::of_line(line);
            let found = (person.name.as_str(), person.email.as_str(), person.time_seconds);
            assert_eq!(found, (name, email, time), "{line}");
            assert_eq!(more, Vec::new(), "{line}");
        }
        let (first, more) = Identity::of_line("A <a@x> B <b@x> 5 +0000");
        assert_eq!((first.email.as_str(), first.time_seconds), ("a@x", 5));
        assert_eq!(more.len(), 1);
        assert_eq!(more[0].email, "b@x");
    }
}
