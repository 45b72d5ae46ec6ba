//! The gate of one release, rule by rule: its verdict, the facts that it read, and for each reason the remedy and whom to
//! ask.
//!
//! Input: checked evidence and its judgement. Output: values, and lines of text. Invariant: the verdict of a rule comes from
//! the reasons and warnings of the gate; the policy's set `explain` adds only what it reads and where it is off. Texts by
//! others are escaped and bounded, and whatever is not shown is counted.

use std::collections::{BTreeMap, BTreeSet};

use domain::gate::GateOutcome;
use evidence::{Digest, Place};
use judge::{Checked, Judgement, Owners};
use policy::{Effect, Reason, Rule};
use serde::Serialize;
use serde_json::Value;

use crate::headline::{capital, words};
use crate::ids::beginnings;

/// The gate of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// Outcome of the gate.
    pub outcome: GateOutcome,
    /// Digest of the policy.
    pub policy: Digest,
    /// Whom to ask about the service. Absent if the release file names nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Whether the policy lists its rules. Otherwise `rules` has only those that have something against the release.
    pub complete: bool,
    /// Rules of the policy, those that stop the release first.
    pub rules: Vec<RuleShown>,
    /// Reasons by rules that no policy switches off.
    pub besides: Vec<ReasonShown>,
    /// Reasons why nothing could be decided.
    pub unclear: Vec<ReasonShown>,
    /// Sentences of the policy about what it looked at.
    pub checks: Vec<String>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleShown {
    /// Code of its reasons.
    pub code: String,
    /// Its verdict.
    pub verdict: RuleVerdict,
    /// Whether it can block here; otherwise it only warns, or it is off.
    #[serde(skip)]
    pub can_block: bool,
    /// Facts that it read.
    pub facts: Vec<FactShown>,
    /// Reasons or warnings.
    pub reasons: Vec<ReasonShown>,
}

/// Verdict of one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleVerdict {
    /// It stops the release.
    Block,
    /// It warns.
    Warn,
    /// The gate as a whole could not decide.
    Undecided,
    /// It has nothing against the release.
    Pass,
    /// It has no effect in this place.
    Off,
}

/// A fact of the gate input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FactShown {
    /// Field of the input.
    pub field: String,
    /// Its value, short.
    pub value: String,
}

/// A reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReasonShown {
    /// Its code.
    pub code: String,
    /// Description of the problem.
    pub what: String,
    /// Action that resolves the problem.
    pub remedy: String,
    /// Beginning of the finding's id, which no other finding of the release has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
    /// Whom to ask about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

impl Explained {
    /// The gate of checked evidence.
    #[must_use]
    pub fn of(checked: &Checked<'_>, judgement: &Judgement) -> Self {
        let text = std::str::from_utf8(&judgement.bytes).unwrap_or_default();
        let listed = checked.gate.as_ref().ok().and_then(|gate| gate.explain(text).ok()).flatten();
        let input: Value = serde_json::from_str(text).unwrap_or_default();
        let owners = Owners::of(checked.bundle, &checked.place.service);
        let shown = Shown::new(checked, judgement, &owners);
        let (own, by_policy): (Vec<&Reason>, Vec<&Reason>) =
            judgement.reasons.iter().partition(|reason| checked.reasons.against.contains(reason));
        Self {
            place: checked.place.clone(),
            release: checked.bundle.release,
            outcome: judgement.outcome,
            policy: checked.trust.environment.policy,
            owner: owners.service().map(str::to_owned),
            complete: listed.is_some(),
            rules: rules(&listed.unwrap_or_default(), &by_policy, judgement, &input, &shown),
            besides: own.into_iter().map(|reason| shown.reason(reason)).collect(),
            unclear: judgement.unclear.iter().map(|reason| shown.reason(reason)).collect(),
            checks: judgement.checks.clone(),
        }
    }

    /// The outcome in a sentence: `Two of twelve rules that can block do`. The page of the policy counts the same rules. A missing
    /// promotion is no rule: it comes last.
    #[must_use]
    pub fn title(&self) -> String {
        let besides: BTreeSet<&str> = self.besides.iter().map(|reason| reason.code.as_str()).collect();
        let besides = besides.iter().filter(|code| **code != "not-promoted").count();
        let rules = self.rules.iter().filter(|rule| rule.verdict == RuleVerdict::Block).count();
        let all = self.rules.iter().filter(|rule| rule.can_block).count();
        let others = match besides {
            0 => String::new(),
            1 => "one rule that no policy switches off blocks it".to_owned(),
            many => format!("{} rules that no policy switches off block it", words(many)),
        };
        let own = match (self.outcome, rules, self.complete) {
            (GateOutcome::Undecided, ..) => return "No decision can be made".to_owned(),
            (_, 0, _) if besides > 0 => return capital(&others),
            (_, 0, true) => format!("None of {} rules that can block does", words(all)),
            (_, 0, false) => "Nothing is against it".to_owned(),
            (_, 1, true) => format!("One of {} rules that can block does", words(all)),
            (_, rules, true) => {
                format!("{} of {} rules that can block do", capital(&words(rules)), words(all))
            }
            (_, 1, false) => "One rule blocks it".to_owned(),
            (_, rules, false) => format!("{} rules block it", capital(&words(rules))),
        };
        if others.is_empty() { own } else { format!("{own}, and {others}") }
    }

    /// The gate in lines.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { place, release, outcome, policy, .. } = self;
        let outcome = match outcome {
            GateOutcome::Pass => "passes",
            GateOutcome::Fail => "does not let it pass",
            GateOutcome::Undecided => "cannot decide",
        };
        let mut lines =
            vec![format!("release {release} of {place}: the gate {outcome}"), format!("policy: {policy}")];
        lines.extend(self.owner.iter().map(|owner| format!("owner: {}", shown::brief(owner, OWNER_CHARS))));
        let reasons = |title: &str, all: &[ReasonShown]| {
            let each = all.iter().take(SHOWN_MAX).flat_map(|reason| {
                let code = shown::brief(&reason.code, CODE_CHARS);
                std::iter::once(format!("  {code}")).chain(reason.lines())
            });
            let title = (!all.is_empty()).then(|| format!("{title}:"));
            title.into_iter().chain(each).chain(more(all.len())).collect::<Vec<_>>()
        };
        lines.extend(reasons("could not be decided", &self.unclear));
        lines.extend(reasons("against it, by rules that no policy switches off", &self.besides));
        lines.push(match self.complete {
            true => format!("rules of the policy: {}", self.rules.len()),
            false => {
                "rules of the policy that have something against it (this policy does not list its rules):"
                    .to_owned()
            }
        });
        lines.extend(self.rules.iter().flat_map(RuleShown::lines));
        lines.join("\n")
    }
}

impl RuleShown {
    fn lines(&self) -> Vec<String> {
        let word = match self.verdict {
            RuleVerdict::Block => "block",
            RuleVerdict::Warn => "warn",
            RuleVerdict::Undecided => "undecided",
            RuleVerdict::Pass => "pass",
            RuleVerdict::Off => "off",
        };
        // The title names the place, whose mode and environment most rules read.
        let own: Vec<_> = self.facts.iter().filter(|fact| !OF_PLACE.contains(&fact.field.as_str())).collect();
        let facts = if own.is_empty() { self.facts.iter().collect() } else { own };
        let (absent, facts): (Vec<_>, Vec<_>) = facts.into_iter().partition(|fact| fact.value == ABSENT);
        let mut lines = vec![format!("  {word} {}", shown::brief(&self.code, CODE_CHARS))];
        if self.verdict != RuleVerdict::Off {
            lines.extend(facts.iter().map(|fact| format!("    read: {}: {}", fact.field, fact.value)));
            let absent: Vec<_> = absent.iter().map(|fact| fact.field.as_str()).collect();
            lines.extend((!absent.is_empty()).then(|| format!("    {ABSENT}: {}", absent.join(", "))));
        }
        lines.extend(self.reasons.iter().take(SHOWN_MAX).flat_map(ReasonShown::lines));
        lines.extend(more(self.reasons.len()));
        lines
    }
}

impl ReasonShown {
    fn lines(&self) -> Vec<String> {
        let [what, remedy] = [&self.what, &self.remedy].map(|text| shown::brief(text, TEXT_CHARS));
        let finding = self.finding.as_ref().map(|id| format!(" (finding {id})")).unwrap_or_default();
        let owner =
            self.owner.as_ref().map(|owner| format!("      owner: {}", shown::brief(owner, OWNER_CHARS)));
        let lines = [format!("    {what}{finding}"), format!("      remedy: {remedy}")];
        lines.into_iter().chain(owner).collect()
    }
}

fn more(all: usize) -> Option<String> {
    let hidden = all.saturating_sub(SHOWN_MAX);
    (hidden > 0).then(|| format!("    and {} more; `-o json` lists all", shown::many(hidden, "reason")))
}

/// Ids and owners of the findings that reasons are about.
struct Shown<'a> {
    ids: BTreeMap<&'a Digest, String>,
    /// Owners of the findings that reasons name.
    owners: BTreeMap<Digest, Option<String>>,
    service: Option<&'a str>,
}

impl<'a> Shown<'a> {
    fn new(checked: &'a Checked<'_>, judgement: &Judgement, owners: &'a Owners) -> Self {
        let documents: Vec<_> =
            checked.lanes.documents.joined().filter_map(|all| all.findings.as_ref()).collect();
        let all: BTreeSet<&Digest> = documents.iter().flat_map(|document| document.findings.keys()).collect();
        let shown = beginnings(all.iter().copied());
        let reasons = judgement.reasons.iter().chain(&judgement.warnings).chain(&judgement.unclear);
        let named: BTreeSet<Digest> = reasons.filter_map(|reason| reason.finding).collect();
        let mut lookup = owners.lookup();
        let found = named.into_iter().filter_map(|id| {
            let finding = documents.iter().find_map(|document| document.findings.get(&id))?;
            Some((id, lookup.at(finding.site.file())))
        });
        let owned = found.collect();
        let ids = all.iter().copied().zip(shown).collect();
        Self { ids, owners: owned, service: owners.service() }
    }

    fn reason(&self, reason: &Reason) -> ReasonShown {
        let about = reason.finding.as_ref();
        ReasonShown {
            code: reason.code.clone(),
            what: reason.what.clone(),
            remedy: reason.remedy.clone(),
            finding: about.and_then(|id| self.ids.get(id)).cloned(),
            owner: match about.and_then(|id| self.owners.get(id)) {
                Some(owner) => owner.clone(),
                None => self.service.map(str::to_owned),
            },
        }
    }
}

/// The rules that the policy lists, and those of its reasons besides.
fn rules(
    listed: &BTreeSet<Rule>,
    against: &[&Reason],
    judgement: &Judgement,
    input: &Value,
    shown: &Shown<'_>,
) -> Vec<RuleShown> {
    let unread = BTreeSet::new();
    let rows = listed.iter().map(|rule| (rule.code.as_str(), (rule.effect, &rule.reads)));
    let mut rows: BTreeMap<&str, (Effect, &BTreeSet<String>)> = rows.collect();
    let warned = judgement.warnings.iter();
    for reason in against.iter().copied().chain(warned.clone()) {
        rows.entry(&reason.code).or_insert((Effect::Block, &unread));
    }
    let mut found: Vec<_> = rows
        .into_iter()
        .map(|(code, (effect, fields))| {
            let stops: Vec<_> = against.iter().filter(|reason| reason.code == code).collect();
            let warns: Vec<_> = warned.clone().filter(|reason| reason.code == code).collect();
            let verdict = match (stops.is_empty(), warns.is_empty(), effect) {
                (false, ..) => RuleVerdict::Block,
                (true, false, _) => RuleVerdict::Warn,
                (true, true, Effect::Off) => RuleVerdict::Off,
                _ if !judgement.unclear.is_empty() => RuleVerdict::Undecided,
                _ => RuleVerdict::Pass,
            };
            let reasons = stops.into_iter().copied().chain(warns).map(|reason| shown.reason(reason));
            let facts = fields.iter().take(FIELDS_MAX);
            let facts = facts
                .map(|field| FactShown { field: shown::brief(field, CODE_CHARS), value: fact(input, field) });
            let can_block = effect == Effect::Block || verdict == RuleVerdict::Block;
            RuleShown {
                code: code.to_owned(),
                verdict,
                can_block,
                facts: facts.collect(),
                reasons: reasons.collect(),
            }
        })
        .collect();
    found.sort_by(|one, other| (one.verdict, &one.code).cmp(&(other.verdict, &other.code)));
    found
}

/// A field of the input as people read it: `critical (2), high`, `3 to 40 (12)`, `none`.
fn fact<'a>(input: &'a Value, field: &str) -> String {
    let mut values = vec![input];
    for part in field.split('.') {
        let (name, is_list) = part.strip_suffix("[]").map_or((part, false), |name| (name, true));
        // People know a person by the name, which is beside the subject.
        let named = |value: &'a Value| (name == "subject").then(|| value.get("name")).flatten();
        values = values.into_iter().filter_map(|value| named(value).or_else(|| value.get(name))).collect();
        if values.is_empty() {
            return ABSENT.to_owned();
        }
        if is_list {
            values = values.into_iter().filter_map(Value::as_array).flatten().collect();
            if values.is_empty() {
                return "none".to_owned();
            }
        }
    }
    // A list at the end stands for its items.
    let items = values.iter().flat_map(|value| match value {
        Value::Array(items) => items.iter().collect::<Vec<_>>(),
        other => vec![*other],
    });
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut numbers = BTreeSet::new();
    for item in items {
        numbers.extend(item.as_u64());
        *counts.entry(word(item)).or_default() += 1;
    }
    if counts.is_empty() {
        return "none".to_owned();
    }
    if counts.len() > VALUES_MAX
        && numbers.len() == counts.len()
        && let (Some(least), Some(most)) = (numbers.first(), numbers.last())
    {
        return format!("{least} to {most} ({})", counts.values().sum::<usize>());
    }
    let shown = counts.iter().take(VALUES_MAX).map(|(value, count)| match count {
        1 => value.clone(),
        many => format!("{value} ({many})"),
    });
    let mut shown: Vec<_> = shown.collect();
    if counts.len() > VALUES_MAX {
        shown.push(format!("and {} more", counts.len() - VALUES_MAX));
    }
    shown.join(", ")
}

fn word(value: &Value) -> String {
    let text = match value {
        Value::Null => "unknown".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        // People know an item by its name.
        Value::Object(fields) => {
            fields.get("name").and_then(Value::as_str).unwrap_or("without a name").to_owned()
        }
        other => other.to_string(),
    };
    shown::brief(&text, VALUE_CHARS)
}

/// The value of a field that the input does not have.
const ABSENT: &str = "not in the input";
/// Fields about the place, which the text leaves to its title where a rule reads others.
const OF_PLACE: [&str; 2] = ["mode", "place.environment"];
/// Most reasons of one rule in text.
const SHOWN_MAX: usize = 5;
/// Most fields of one rule.
const FIELDS_MAX: usize = 20;
/// Most values of one field.
const VALUES_MAX: usize = 5;
const CODE_CHARS: usize = 60;
const OWNER_CHARS: usize = 100;
const VALUE_CHARS: usize = 40;
const TEXT_CHARS: usize = 300;

#[cfg(test)]
mod tests;
