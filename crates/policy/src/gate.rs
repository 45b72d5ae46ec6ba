//! A gate: a compiled policy that is asked about an input.
//!
//! A policy is a package `countersign.gate` with two sets: `checks`, the names of the checks that it made, and `deny`,
//! an object `{code, what, remedy}` for each reason against the release. The gate passes if `checks` is not empty and
//! `deny` is. A third set, `reads`, may name the reports and observations that the policy reads. A fourth, `warn`, has the shape of `deny`
//! and stops nothing. A fifth, `explain`, says for people what each rule does at a place, and decides nothing.
//!
//! Invariant: each rule is evaluated twice, and both evaluators must agree. The bytecode machine counts instructions,
//! so an endless rule stops at the same place everywhere. But it treats an error of a built-in inside a rule as "does
//! not hold", so a `deny` that failed would let the release through. The strict interpreter stops at such errors, but
//! has no such count. So the machine bounds the work, and the interpreter decides (decision 0007). For a large input
//! the two run in parallel, with the same result.
//!
//! Where the head of a set has no value for one element, the interpreter loses the others; the machine loses elements on
//! which a built-in fails. One set that feeds another could so be empty in both, each for its own reason. Therefore each such
//! set is compared by itself (`uncertain.rs`).
//!
//! The reason texts of an undecided verdict are recorded by digest in the ledger, so existing ones never change.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use evidence::Digest;
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::program::Program;
use regorus::rvm::vm::{RegoVM, VmError};
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{CompiledPolicy, Engine, Value};
use serde::{Deserialize, Serialize};

use crate::budget::{self, Budget};
use crate::builtins::is_allowed;
use crate::bundle::Bundle;
use crate::explain::{self, Effect, ExplainError, Rule};
use crate::fields;
use crate::reads::{AllReads, Read, ReadObservation, ReadsError};
use crate::{modifiers, uncertain};

/// Name and version of the engine, stored with each decision.
pub const ENGINE: &str = "regorus 0.14.1";
/// Highest number of instructions of one rule set. A gate of 300 components and 50 findings takes less than 100,000.
pub const INSTRUCTIONS_MAX: usize = 5_000_000;
/// Largest input in bytes.
pub const INPUT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A compiled policy. A copy shares what was compiled.
#[derive(Clone)]
pub struct Gate {
    engine: Engine,
    policy: CompiledPolicy,
    program: Arc<Program>,
    instructions_max: usize,
    /// `checks`, `deny`, `warn` if the policy has it, and then the sets on which both evaluators must agree besides.
    rules: Vec<String>,
    warn: bool,
    reads: bool,
    explain: bool,
}

/// Answer of a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verdict {
    /// The policy made checks and denied nothing.
    Pass {
        /// Names of the checks.
        checks: BTreeSet<String>,
        /// Warnings, which stop nothing, sorted.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        warnings: BTreeSet<Reason>,
    },
    /// The policy denied the release.
    Fail {
        /// Names of the checks.
        checks: BTreeSet<String>,
        /// All reasons, sorted.
        reasons: BTreeSet<Reason>,
        /// Warnings besides, sorted.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        warnings: BTreeSet<Reason>,
    },
    /// The gate could not decide. This never counts as a pass.
    Undecided {
        /// Reason why it could not decide.
        why: String,
    },
}

/// One reason against a release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Stable code.
    pub code: String,
    /// Description of the problem.
    pub what: String,
    /// Action that resolves the problem.
    pub remedy: String,
    /// Identity of the finding that the reason is about. Absent if it is about something else, or the policy does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Digest>,
}

impl Reason {
    /// A reason that is about no finding.
    pub fn new(code: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code: code.into(), what: what.into(), remedy: remedy.into(), finding: None }
    }
}

/// Reasons why a bundle is not a policy.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GateError {
    /// A file does not parse or compile. The text names file and line.
    #[error("policy: {0}")]
    Compile(String),
    /// One of the two sets is missing.
    #[error("policy: package `countersign.gate` has no rule `{0}`; a gate needs `checks` and `deny`")]
    Rule(&'static str),
    /// The policy uses a built-in that is not allowed.
    #[error("policy: built-in `{0}` is not allowed: a gate depends on its input alone")]
    Builtin(String),
    /// A rule changes the input for another rule.
    #[error("policy: `with` is allowed in tests only: a gate has one input")]
    With,
    /// A rule other than a set goes through a list and may have no value for one of its elements.
    #[error(
        "policy: `{0}` goes through a list, and its value may be missing for an element: bind the value in the body, `value := ...`"
    )]
    Head(String),
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("instructions_max", &self.instructions_max).finish_non_exhaustive()
    }
}

impl Gate {
    /// Compiles a bundle.
    ///
    /// # Errors
    /// `GateError` names file and line, rule, or built-in.
    pub fn compile(bundle: &Bundle) -> Result<Self, GateError> {
        let wrong = |error: &dyn std::fmt::Display| GateError::Compile(error.to_string().trim().to_owned());
        let mut engine = Engine::new();
        engine.set_strict_builtin_errors(true);
        let (mut checks, mut deny, mut warn, mut reads, mut explain) = (false, false, false, false, false);
        for (path, text) in bundle.files() {
            let package = engine.add_policy(path.clone(), text.clone()).map_err(|error| wrong(&error))?;
            if package == PACKAGE {
                let declares = |rule| engine.has_declared_rule_rooted_at(path, rule);
                checks |= declares("checks").map_err(|error| wrong(&error))?;
                deny |= declares("deny").map_err(|error| wrong(&error))?;
                warn |= declares("warn").map_err(|error| wrong(&error))?;
                reads |= declares("reads").map_err(|error| wrong(&error))?;
                explain |= declares("explain").map_err(|error| wrong(&error))?;
            }
        }
        if !checks {
            return Err(GateError::Rule("checks"));
        }
        if !deny {
            return Err(GateError::Rule("deny"));
        }
        let policy = engine.compile_with_entrypoint(&CHECKS.into()).map_err(|error| wrong(&error))?;
        if modifiers::changes_input(&policy) {
            return Err(GateError::With);
        }
        let mut rules = vec![CHECKS.to_owned(), DENY.to_owned()];
        rules.extend(warn.then(|| WARN.to_owned()));
        let uncertain = uncertain::uncertain(&policy);
        if let Some(rule) = uncertain.refused.into_iter().next() {
            return Err(GateError::Head(rule));
        }
        rules.extend(uncertain.compared.into_iter().filter(|rule| !ASKED.contains(&rule.as_str())));
        let besides = reads.then_some(READS).into_iter().chain(explain.then_some(EXPLAIN));
        let asked: Vec<&str> = rules.iter().map(String::as_str).chain(besides).collect();
        let program = Compiler::compile_from_policy(&policy, &asked).map_err(|error| wrong(&error))?;
        let used = program.builtin_info_table.iter().find(|builtin| !is_allowed(&builtin.name));
        match used {
            Some(builtin) => Err(GateError::Builtin(builtin.name.clone())),
            None => Ok(Self {
                engine,
                policy,
                program,
                instructions_max: INSTRUCTIONS_MAX,
                rules,
                warn,
                reads,
                explain,
            }),
        }
    }

    /// The same gate with another instruction budget, for tests and dry runs.
    #[must_use]
    pub fn with_budget(mut self, instructions_max: usize) -> Self {
        self.instructions_max = instructions_max;
        self
    }

    /// The smallest budget with which all sets of the gate can be evaluated for an input, added up; `None` if no budget is enough.
    /// For tests and benches: it evaluates each set some twenty times.
    #[must_use]
    pub fn instructions(&self, input: &str) -> Option<usize> {
        let input = Value::from_json_str(input).ok()?;
        let cost = |rule: &String| {
            let within = |budget: usize| self.by_machine_within(rule, &input, budget).is_ok();
            if !within(self.instructions_max) {
                return None;
            }
            let (mut few, mut enough) = (0, self.instructions_max);
            while enough - few > 1 {
                let middle = few + (enough - few) / 2;
                if within(middle) { enough = middle } else { few = middle }
            }
            Some(enough)
        };
        self.rules.iter().map(cost).sum()
    }

    /// Asks the gate about an input in JSON.
    #[must_use]
    pub fn ask(&self, input: &str) -> Verdict {
        // The engine works on copies. So after a panic inside it, only this answer remains.
        let decided = std::panic::catch_unwind(AssertUnwindSafe(|| self.decide(input)));
        let decided = decided.unwrap_or_else(|_| Err(ENGINE_FAILED.into()));
        decided.unwrap_or_else(|why| Verdict::Undecided { why })
    }

    /// Everything that the policy reads, for an input in JSON. A policy without a set `reads` reads nothing of this.
    ///
    /// # Errors
    /// `ReadsError` when the set cannot be evaluated, or an element of it is no read.
    pub fn all_reads(&self, input: &str) -> Result<AllReads, ReadsError> {
        if !self.reads {
            return Ok(AllReads::default());
        }
        self.one_set(READS, input).map(AllReads::of).map_err(ReadsError)
    }

    /// The reports among them.
    ///
    /// # Errors
    /// As [`Self::all_reads`].
    pub fn reads(&self, input: &str) -> Result<BTreeSet<Read>, ReadsError> {
        Ok(self.all_reads(input)?.reports)
    }

    /// The observations among them.
    ///
    /// # Errors
    /// As [`Self::all_reads`].
    pub fn observes(&self, input: &str) -> Result<BTreeSet<ReadObservation>, ReadsError> {
        Ok(self.all_reads(input)?.observations)
    }

    /// Whether the policy reads how what runs in the environment before differs, likewise.
    ///
    /// # Errors
    /// As [`Self::all_reads`].
    pub fn compares(&self, input: &str) -> Result<bool, ReadsError> {
        Ok(self.all_reads(input)?.parity)
    }

    /// The rules of the policy, for an input in JSON, with their effects and the fields that they read. `None` if the policy
    /// has no set `explain`.
    ///
    /// # Errors
    /// `ExplainError` when the set cannot be evaluated, or an element of it is no rule.
    pub fn explain(&self, input: &str) -> Result<Option<BTreeSet<Rule>>, ExplainError> {
        if !self.explain {
            return Ok(None);
        }
        let explained = self.one_set(EXPLAIN, input).map_err(ExplainError)?;
        Ok(Some(explain::rules(explained, fields::by_code(&self.policy, &[DENY, WARN]))))
    }

    /// The budget of findings in a place, for an input in JSON that has mode and place. `None` if the policy has none that this
    /// program knows. It is for people and no part of the decision, so one evaluator is enough: that with a bound.
    #[must_use]
    pub fn budget(&self, input: &str) -> Option<Budget> {
        let rows = serde_json::from_value(self.within_bound(budget::ROWS, input)?).ok()?;
        let rules = self.explain(input).ok().flatten().unwrap_or_default();
        let effect = rules.iter().find(|rule| rule.code == budget::CODE).map(|rule| rule.effect);
        Some(Budget::of(rows, effect.unwrap_or(Effect::Block)))
    }

    /// Number of runners that a release needs in a place, for an input in JSON that has mode and place. `None` if the policy does
    /// not say it. The same policy and input give the same answer everywhere, so that replay agrees.
    #[must_use]
    pub fn runners_needed(&self, input: &str) -> Option<u32> {
        u32::try_from(self.within_bound(RUNNERS_NEEDED, input)?.as_u64()?).ok()
    }

    /// The value of a rule, by the evaluator that counts its instructions.
    fn within_bound(&self, rule: &str, input: &str) -> Option<serde_json::Value> {
        if input.len() > INPUT_BYTES_MAX {
            return None;
        }
        let value = || {
            let program = Compiler::compile_from_policy(&self.policy, &[rule]).ok()?;
            let mut vm = RegoVM::new_with_policy(self.policy.clone());
            vm.set_max_instructions(self.instructions_max);
            vm.load_program(program);
            vm.set_data(Value::new_object()).ok()?;
            vm.set_input(Value::from_json_str(input).ok()?);
            let value = vm.execute_entry_point_by_name(rule).ok()?;
            serde_json::from_str(&value.to_json_str().ok()?).ok()
        };
        std::panic::catch_unwind(AssertUnwindSafe(value)).ok().flatten()
    }

    /// The rules of a policy without a set `explain`, as its text shows them: those of `deny` block, the others of `warn` warn.
    #[must_use]
    pub fn rules_by_text(&self) -> BTreeSet<Rule> {
        let of = |root| explain::rules(BTreeSet::new(), fields::by_code(&self.policy, &[root]));
        let mut found = of(DENY);
        let codes: BTreeSet<String> = found.iter().map(|rule| rule.code.clone()).collect();
        let warned = of(WARN).into_iter().filter(|rule| !codes.contains(&rule.code));
        found.extend(warned.map(|rule| Rule { effect: Effect::Warn, ..rule }));
        found
    }

    /// The value of a rule of the gate's package for an input in JSON, such as a number that a policy sets. For people: it takes part
    /// in no decision, so one evaluator is enough, and after a second there is no value. `None` as well if the policy has no
    /// such rule, or it is not defined.
    #[must_use]
    pub fn value(&self, name: &str, input: &str) -> Option<serde_json::Value> {
        let rule = format!("{PACKAGE}.{name}");
        if input.len() > INPUT_BYTES_MAX || !self.policy.get_rules().contains_key(&rule) {
            return None;
        }
        let input = Value::from_json_str(input).ok()?;
        let found = std::panic::catch_unwind(AssertUnwindSafe(|| {
            self.by_interpreter(&rule, &input, Some(VALUE_WITHIN))
        }));
        let text = found.ok()?.ok().filter(|value| *value != Value::Undefined)?.to_json_str().ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Evaluates one set that is no part of the decision.
    fn one_set<T: serde::de::DeserializeOwned + Ord>(
        &self,
        rule: &str,
        input: &str,
    ) -> Result<BTreeSet<T>, String> {
        let read = || {
            let input =
                Value::from_json_str(input).map_err(|error| format!("the input is not JSON: {error}"))?;
            set(rule, self.evaluated(rule, &input))
        };
        let read = std::panic::catch_unwind(AssertUnwindSafe(read));
        read.unwrap_or_else(|_| Err(ENGINE_FAILED.into()))
    }

    fn decide(&self, input: &str) -> Result<Verdict, String> {
        if input.len() > INPUT_BYTES_MAX {
            return Err(format!("the input has more than {INPUT_BYTES_MAX} bytes"));
        }
        let large = input.len() >= SIDE_BY_SIDE_BYTES;
        let input = Value::from_json_str(input).map_err(|error| format!("the input is not JSON: {error}"))?;
        let mut found = if large { self.side_by_side(&input) } else { self.in_turn(&input) }.into_iter();
        let mut next = || found.next().ok_or("a rule was not evaluated");
        let checks: BTreeSet<String> = set(CHECKS, next()?)?;
        let reasons: BTreeSet<Reason> = set(DENY, next()?)?;
        let warnings: BTreeSet<Reason> = if self.warn { set(WARN, next()?)? } else { BTreeSet::new() };
        let decided = if self.warn { 3 } else { 2 };
        for rule in self.rules.iter().skip(decided) {
            agreed(rule, next()?)?;
        }
        match (checks.is_empty(), reasons.is_empty()) {
            (_, false) => Ok(Verdict::Fail { checks, reasons, warnings }),
            (false, true) => Ok(Verdict::Pass { checks, warnings }),
            (true, true) => Err("the policy checked nothing, and nothing is never a pass".into()),
        }
    }

    /// Evaluates all rules in both evaluators, one after the other.
    fn in_turn(&self, input: &Value) -> Vec<Evaluated> {
        self.rules.iter().map(|rule| self.evaluated(rule, input)).collect()
    }

    /// Evaluates a rule in both evaluators, one after the other.
    fn evaluated(&self, rule: &str, input: &Value) -> Evaluated {
        let bounded = self.by_machine(rule, input);
        // A rule that exceeds its bound is not started again in the interpreter, which has no bound.
        let found =
            if bounded.is_ok() { self.by_interpreter(rule, input, None) } else { Ok(Value::Undefined) };
        Evaluated { bounded, found }
    }

    /// Like [`Self::in_turn`], in parallel. The interpreter gets a time limit while the bound is unknown. If it exceeds
    /// the limit, it runs again once the machine has shown that the bound holds. So the result never depends on time.
    fn side_by_side(&self, input: &Value) -> Vec<Evaluated> {
        std::thread::scope(|scope| {
            let rules = &self.rules;
            let ahead = scope.spawn(|| {
                let ahead = rules.iter().map(|rule| self.by_interpreter(rule, input, Some(AHEAD_MAX)));
                ahead.collect::<Vec<_>>()
            });
            let bounded: Vec<_> = rules.iter().map(|rule| self.by_machine(rule, input)).collect();
            let ahead = ahead.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let pairs = bounded.into_iter().zip(ahead).zip(rules);
            let decided = pairs.map(|((bounded, found), rule)| match (bounded, found) {
                (Ok(value), Err(_)) => {
                    Evaluated { bounded: Ok(value), found: self.by_interpreter(rule, input, None) }
                }
                (bounded, found) => Evaluated { bounded, found },
            });
            decided.collect()
        })
    }

    fn by_machine(&self, rule: &str, input: &Value) -> Result<Value, String> {
        self.by_machine_within(rule, input, self.instructions_max)
    }

    fn by_machine_within(&self, rule: &str, input: &Value, most: usize) -> Result<Value, String> {
        let mut vm = RegoVM::new_with_policy(self.policy.clone());
        vm.set_max_instructions(most);
        vm.load_program(Arc::clone(&self.program));
        vm.set_data(Value::new_object()).map_err(|error| error.to_string())?;
        vm.set_input(input.clone());
        vm.execute_entry_point_by_name(rule).map_err(|error| match error {
            VmError::InstructionLimitExceeded { limit, .. } => {
                format!("`{rule}` did not end within {limit} instructions")
            }
            other => format!("`{rule}` failed: {other}"),
        })
    }

    fn by_interpreter(&self, rule: &str, input: &Value, limit: Option<Duration>) -> Result<Value, String> {
        let mut engine = self.engine.clone();
        if let Some(limit) = limit {
            engine.set_execution_timer_config(ExecutionTimerConfig { limit, check_interval: CHECKED_EVERY });
        }
        engine.set_input(input.clone());
        engine
            .eval_rule(rule.to_owned())
            .map_err(|error| format!("`{rule}` failed: {}", error.to_string().trim()))
    }
}

/// Results of both evaluators for one rule.
struct Evaluated {
    /// Result of the bytecode machine, within its bound.
    bounded: Result<Value, String>,
    /// Result of the interpreter.
    found: Result<Value, String>,
}

/// Reads one of the two sets; each element must have the expected form.
fn set<T: serde::de::DeserializeOwned + Ord>(
    rule: &str,
    evaluated: Evaluated,
) -> Result<BTreeSet<T>, String> {
    let found = agreed(rule, evaluated)?;
    let set = found.as_set().map_err(|_| format!("`{rule}` is undefined or not a set"))?;
    let read = |element: &Value| {
        let text = element.to_json_str().map_err(|error| error.to_string())?;
        let what = |error| format!("an element of `{rule}` does not have its shape: {error}");
        serde_json::from_str(&text).map_err(what)
    };
    set.iter().map(read).collect()
}

/// The value on which both evaluators agree.
fn agreed(rule: &str, evaluated: Evaluated) -> Result<Value, String> {
    let bounded = evaluated.bounded?;
    let found = evaluated.found?;
    if bounded == found {
        return Ok(found);
    }
    Err(format!("the two evaluators do not agree on `{rule}`; please report this policy"))
}

const ENGINE_FAILED: &str = "the policy engine failed on this input; please report it";
const PACKAGE: &str = "data.countersign.gate";
const CHECKS: &str = "data.countersign.gate.checks";
const DENY: &str = "data.countersign.gate.deny";
const READS: &str = "data.countersign.gate.reads";
const WARN: &str = "data.countersign.gate.warn";
const EXPLAIN: &str = "data.countersign.gate.explain";
const RUNNERS_NEEDED: &str = "data.countersign.gate.runners_needed";
/// The sets that are asked for themselves.
const ASKED: [&str; 5] = [CHECKS, DENY, WARN, READS, EXPLAIN];
/// Smallest input in bytes for which parallel evaluation is worth the start of a thread.
const SIDE_BY_SIDE_BYTES: usize = 8 * 1024;
/// Time limit of the interpreter while the bound is unknown.
const AHEAD_MAX: Duration = Duration::from_secs(2);
/// Time limit of a value for people.
const VALUE_WITHIN: Duration = Duration::from_secs(1);
const CHECKED_EVERY: NonZeroU32 = NonZeroU32::new(1_000).unwrap();
