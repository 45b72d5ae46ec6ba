//! The policy of one place: its rules with what each does here, its limits, the reports that it reads, its tests, and what
//! changed with it.

use domain::State;
use domain::gate::Environment;
use domain::gate::GateOutcome;
use evidence::trust_root::Mode;
use evidence::{Digest, Place};
use judge::Store as _;
use policy::{Effect, Producers, Read, ReportsFrom, Rule};
use review::policy_controls::Regulation;
use review::policy_facts::{PolicyFacts, bare_input, effect_word, of_files};
use web::model::{Change, Fact, Sheet, SheetCell, SheetList, SheetRow, SheetTable};

use super::known::known;
use super::statement::{self, Statement};
use crate::console::policy_reading::PolicyReading;
use crate::console::reading::{Reading, nothing};
use crate::console::release::{Events, change};
use crate::console::sheets::{self, cell};
use crate::console::words::{badge, command, digest_fact, fact, release_href};
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use crate::views::releases;

/// The release that was judged last.
#[derive(Debug)]
struct JudgedLast {
    release: u64,
    outcome: GateOutcome,
    policy: Digest,
    input: Option<Digest>,
}

/// The page.
///
/// # Errors
/// `Failure` if the reader may not read the place, it has no statement, or the policy is not stored.
pub fn place(at: &Reading<'_>, place: &Place) -> Result<Sheet, Failure> {
    at.of_place(place)?;
    up_to_date(at.shared)?;
    let state = at.shared.intake.state();
    let set = state.gate.environment(place).ok_or_else(|| {
        nothing(format!("no statement names a policy for {place}; `countersign status` shows the places"))
    })?;
    let last = judged_last(at, place)?;
    let input = input(at, &state, set, last.as_ref());
    let reading = known(at, set.facts.policy, &input)?;
    let statement = Statement::read(at, set, &statement::people(at, &state)?)?;
    let mut facts = vec![("In force".to_owned(), in_force(set, &statement, last.as_ref()))];
    let found = match &reading.facts {
        Ok(found) => found,
        Err(why) => {
            let headline = format!("No release to {place} can pass: {why}");
            return Ok(Sheet { headline, facts, ..Sheet::default() });
        }
    };
    let limits = found.limits.iter().map(|(name, value)| fact(name, value.clone())).collect();
    facts.push(("Limits".to_owned(), limits));
    Ok(Sheet {
        headline: headline(place, found),
        sub: vec![
            found.name(),
            format!("statement {}", set.facts.number),
            format!("signed by {}", statement.signers()),
            match last
                .as_ref()
                .filter(|_| found.explains)
                .filter(|last| last.policy == set.facts.policy && last.input.is_some())
            {
                Some(last) => format!("effects as for release {}, which it judged last", last.release),
                None if !found.explains => {
                    "effects as its text shows them; it has no set `explain`".to_owned()
                }
                None => "effects as for a place without a release".to_owned(),
            },
        ],
        changes: changes(at, set, &input, &reading, found)?,
        tables: found.regulations.iter().map(regulation).chain([rules(found)]).collect(),
        lists: vec![reads(found), tests(found), another(place)],
        facts,
        ..Sheet::default()
    })
}

fn headline(place: &Place, found: &PolicyFacts) -> String {
    let count = |effect| found.count(effect);
    format!(
        "{} can block a release to {place}; {}, {}",
        shown::many(count(Effect::Block), "rule"),
        shown::counted(count(Effect::Warn), "warns", "warn"),
        shown::counted(count(Effect::Off), "is off", "are off")
    )
}

/// The release that was judged last at a place.
fn judged_last(at: &Reading<'_>, place: &Place) -> Result<Option<JudgedLast>, Failure> {
    let newest = at.shared.views.ask(|rows| releases::at_place(rows, place)).map_err(Failure::failed)?;
    let judged = newest.into_iter().filter(|view| view.bundle.is_some()).find_map(|view| view.release);
    let Some(release) = judged else { return Ok(None) };
    let events = Events::read(at, place, release)?;
    Ok(events.judged().map(|judged| JudgedLast {
        release,
        outcome: judged.outcome,
        policy: judged.policy,
        input: judged.input,
    }))
}

/// The gate input that the policy is read for: that of the release judged last by it, else one that names the place alone.
fn input(at: &Reading<'_>, state: &State, set: &Environment, last: Option<&JudgedLast>) -> String {
    let stored = last.filter(|last| last.policy == set.facts.policy).and_then(|last| last.input);
    let bytes = stored.and_then(|digest| at.shared.gatekeeper.store().blob(&digest).ok());
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| {
        let mode = match state.identity.root().map(|root| root.mode) {
            Some(Mode::Solo) => "solo",
            Some(Mode::Rehearsal) => "rehearsal",
            Some(Mode::Team) | None => "team",
        };
        let facts = &set.facts;
        bare_input(mode, &facts.place, facts.after.as_ref().map(evidence::Name::as_str), facts.automatic)
    })
}

fn in_force(set: &Environment, statement: &Statement, last: Option<&JudgedLast>) -> Vec<Fact> {
    let facts = &set.facts;
    let number = Fact {
        href: Some(format!("/ledger/{}", set.entry)),
        ..fact("Statement", format!("number {}, entry {}", facts.number, set.entry))
    };
    let since = statement.since.to_string();
    let since = Fact {
        value: since.get(..10).unwrap_or(&since).to_owned(),
        whole: Some(since.clone()),
        ..fact("Since", "")
    };
    let mut found = vec![
        digest_fact("Policy", &facts.policy),
        number,
        since,
        fact("Signed by", statement.signers()),
        fact("Releases", if facts.automatic { "automatic" } else { "people promote" }),
    ];
    found.extend(facts.after.as_ref().map(|after| fact("Runs first in", after.as_str())));
    found.push(match last {
        None => fact("Judged last", "no release yet"),
        Some(last) => Fact {
            href: Some(release_href(&facts.place, last.release)),
            ..fact("Judged last", format!("release {}: {}", last.release, last.outcome.name()))
        },
    });
    found
}

/// The differences of this policy from the one before it.
fn changes(
    at: &Reading<'_>,
    set: &Environment,
    input: &str,
    reading: &PolicyReading,
    found: &PolicyFacts,
) -> Result<Vec<Change>, Failure> {
    let Some(older) = statement::before(at, set)? else { return Ok(Vec::new()) };
    let before = known(at, older.policy, input)?;
    let found = match &before.facts {
        Ok(facts) => found.since(&reading.files, (facts, &before.files)),
        // This program cannot read the older one as a policy, so only lines are compared.
        Err(_) => of_files(&reading.files, &before.files),
    };
    Ok(found.iter().map(change).collect())
}

/// The controls of a regulation: those with a rule, then those that no release shows.
fn regulation(found: &Regulation) -> SheetTable {
    let ruled = found.controls.iter().map(|control| {
        vec![
            cell(control.control.clone()),
            SheetCell {
                // The effect of a rule is no result: it has no colour.
                badge: Some(badge(web::model::State::Quiet, effect_word(control.effect))),
                ..SheetCell::default()
            },
            SheetCell { notes: vec![control.code.clone()], ..cell(control.asks.clone()) },
        ]
    });
    let beyond = found.beyond.iter().map(|(control, why)| {
        vec![cell(control.clone()), cell("not shown by software".to_owned()), cell(why.clone())]
    });
    let count = found.controls.len() + found.beyond.len();
    SheetTable {
        title: format!(
            "{}: {} of {} a rule; {} here",
            found.name,
            found.controls.len(),
            shown::counted(count, "control has", "controls have"),
            shown::counted(found.count(Effect::Block), "blocks", "block")
        ),
        columns: ["Control", "Effect here", "Demand and rule, or why no release shows it"]
            .map(str::to_owned)
            .to_vec(),
        rows: ruled.chain(beyond).take(CONTROLS_MAX).collect(),
        more: count.saturating_sub(CONTROLS_MAX),
        empty: "It names no control.".to_owned(),
        fill: None,
    }
}

fn rules(found: &PolicyFacts) -> SheetTable {
    let rules = &found.rules;
    let row = |rule: &Rule| {
        // The effect of a rule is no result: it has no colour.
        let state = web::model::State::Quiet;
        let mut fields: Vec<String> = rule.reads.iter().take(FIELDS_MAX).cloned().collect();
        fields.extend(
            rule.reads.len().checked_sub(FIELDS_MAX + 1).map(|more| format!("and {} more", more + 1)),
        );
        vec![
            cell(rule.code.clone()),
            SheetCell { badge: Some(badge(state, effect_word(rule.effect))), ..SheetCell::default() },
            SheetCell {
                notes: vec![sentence(rule.remedy.as_deref())],
                ..cell(sentence(rule.what.as_deref()))
            },
            SheetCell { notes: fields, ..SheetCell::default() },
        ]
    };
    SheetTable {
        title: "Rules".to_owned(),
        columns: ["Rule", "Effect here", "Reason and remedy", "Reads"].map(str::to_owned).to_vec(),
        rows: rules.iter().take(RULES_MAX).map(row).collect(),
        more: rules.len().saturating_sub(RULES_MAX),
        empty: "Its text names no rule by a code.".to_owned(),
        fill: None,
    }
}

/// A sentence of a rule; a value that differs from release to release is said to be one.
fn sentence(text: Option<&str>) -> String {
    match text {
        None => "depends on what was found".to_owned(),
        Some(text) if text.contains('…') => {
            format!("{} (X differs from release to release)", text.replace('…', "X"))
        }
        Some(text) => text.to_owned(),
    }
}

fn row(title: String, notes: Vec<String>) -> SheetRow {
    SheetRow { notes, ..sheets::row(title) }
}

fn reads(found: &PolicyFacts) -> SheetList {
    let shown = |read: &Read| {
        let mut notes = vec![match read.runners {
            0 => "read where it is there, demanded nowhere".to_owned(),
            count => {
                format!("demanded of {}", shown::many(usize::try_from(count).unwrap_or_default(), "runner"))
            }
        }];
        notes.extend((read.producer != Producers::Any).then(|| format!("made by {}", read.producer)));
        notes.extend(read.days.map(|days| format!("knowledge at most {days} days old")));
        notes.extend((!read.content).then(|| "counts alone".to_owned()));
        let from =
            if read.from == ReportsFrom::Before { ", of checks in the environment before" } else { "" };
        row(format!("{}{from}", read.reports()), notes)
    };
    SheetList {
        title: "Reports that it reads".to_owned(),
        rows: found.reads.iter().take(RULES_MAX).map(shown).collect(),
        more: found.reads.len().saturating_sub(RULES_MAX),
        empty: "It reads no report.".to_owned(),
        fill: None,
    }
}

/// The tests: those in its files by name, and where the others are.
fn tests(found: &PolicyFacts) -> SheetList {
    let mut rows = Vec::new();
    if let Some(pack) = found.pack {
        let mut of_pack = row(
            format!("{} of the pack `{pack}`", shown::many(found.pack_tests, "test")),
            vec!["they came with this program and are no part of the statement".to_owned()],
        );
        of_pack.commands =
            vec![command(format!("countersign policy copy {pack} DIR && countersign policy test DIR"))];
        rows.push(of_pack);
    }
    rows.extend(found.own_tests.iter().take(TESTS_MAX).map(|name| row(name.clone(), Vec::new())));
    SheetList {
        title: "Tests".to_owned(),
        rows,
        more: found.own_tests.len().saturating_sub(TESTS_MAX),
        empty:
            "Its files hold no test; tests stand beside a policy, in the directory that it was signed from."
                .to_owned(),
        fill: Some(command("countersign policy test DIR")),
    }
}

/// Most controls of a regulation.
const CONTROLS_MAX: usize = 150;
/// How to try another policy on the past of the place. The page itself evaluates none: that takes minutes of every processor.
fn another(place: &Place) -> SheetList {
    let mut found = row(
        "Which past releases another policy would decide otherwise, and by which rules".to_owned(),
        vec!["on the server's machine: it reads the data directory and changes nothing".to_owned()],
    );
    let line = format!("countersign policy dry-run DIR --environment {place} --since 90d");
    found.commands = vec![command(line)];
    SheetList {
        title: "Another policy".to_owned(),
        rows: vec![found],
        more: 0,
        empty: String::new(),
        fill: None,
    }
}

/// Most rules and reports.
const RULES_MAX: usize = 100;
const TESTS_MAX: usize = 50;
/// Most fields of a rule.
const FIELDS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn a_value_of_a_release_is_a_word() {
        let said = sentence(Some("… of … people in role … approve"));
        assert_eq!(said, "X of X people in role X approve (X differs from release to release)");
        assert_eq!(sentence(Some("it is frozen")), "it is frozen");
        assert_eq!(sentence(None), "depends on what was found");
    }
}
