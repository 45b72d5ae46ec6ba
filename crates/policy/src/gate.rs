//! A gate: a compiled policy, asked with an input.
//!
//! A policy is a package `countersign.gate` with two sets: `checks`, the names of all that it looked at, and
//! `deny`, an object `{code, what, remedy}` for each reason against. It passes when something was checked
//! and nothing denies.
//!
//! Each rule is evaluated twice. The bytecode machine counts instructions, so a runaway ends at the same
//! place everywhere; but it takes a built-in's error inside a rule for "does not hold", and a `deny` that
//! failed would let through. The interpreter, strict, stops at such errors; but it has no such count. So the
//! machine bounds the work, the interpreter decides, and both must agree (decision 0007). Over a large input they
//! work side by side; what comes out is the same.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::program::Program;
use regorus::rvm::vm::{RegoVM, VmError};
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{CompiledPolicy, Engine, Value};
use serde::{Deserialize, Serialize};

use crate::builtins::is_allowed;
use crate::bundle::Bundle;

/// Name and version of the engine, stored with each decision.
pub const ENGINE: &str = "regorus 0.14.1";
/// Instructions that one rule set may take; a gate of 300 components and 50 findings takes under 100,000.
pub const INSTRUCTIONS_MAX: usize = 5_000_000;
/// Largest input in bytes.
pub const INPUT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A compiled policy.
pub struct Gate {
    engine: Engine,
    policy: CompiledPolicy,
    program: Arc<Program>,
    instructions_max: usize,
}

/// What a gate says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verdict {
    /// Something was checked and nothing denies.
    Pass {
        /// What was checked.
        checks: BTreeSet<String>,
    },
    /// Something denies.
    Fail {
        /// What was checked.
        checks: BTreeSet<String>,
        /// Every reason, sorted.
        reasons: BTreeSet<Finding>,
    },
    /// No decision could be made, and why; never a pass.
    Undecided {
        /// Why.
        why: String,
    },
}

/// One reason against.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Stable name.
    pub code: String,
    /// What is the matter.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

/// Why a bundle is no policy.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GateError {
    /// It does not parse or compile; the text names file and line.
    #[error("policy: {0}")]
    Compile(String),
    /// It lacks one of the two sets.
    #[error("policy: package `countersign.gate` has no rule `{0}`; a gate needs `checks` and `deny`")]
    Rule(&'static str),
    /// It uses a built-in that is not allowed.
    #[error("policy: built-in `{0}` is not allowed: a gate depends on its input alone")]
    Builtin(String),
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
    /// `GateError` names file and line, rule or built-in.
    pub fn compile(bundle: &Bundle) -> Result<Self, GateError> {
        let wrong = |error: &dyn std::fmt::Display| GateError::Compile(error.to_string().trim().to_owned());
        let mut engine = Engine::new();
        engine.set_strict_builtin_errors(true);
        let (mut checks, mut deny) = (false, false);
        for (path, text) in bundle.files() {
            let package = engine.add_policy(path.clone(), text.clone()).map_err(|error| wrong(&error))?;
            if package == PACKAGE {
                let declares = |rule| engine.has_declared_rule_rooted_at(path, rule);
                checks |= declares("checks").map_err(|error| wrong(&error))?;
                deny |= declares("deny").map_err(|error| wrong(&error))?;
            }
        }
        if !checks {
            return Err(GateError::Rule("checks"));
        }
        if !deny {
            return Err(GateError::Rule("deny"));
        }
        let policy = engine.compile_with_entrypoint(&CHECKS.into()).map_err(|error| wrong(&error))?;
        let program =
            Compiler::compile_from_policy(&policy, &[CHECKS, DENY]).map_err(|error| wrong(&error))?;
        let used = program.builtin_info_table.iter().find(|builtin| !is_allowed(&builtin.name));
        match used {
            Some(builtin) => Err(GateError::Builtin(builtin.name.clone())),
            None => Ok(Self { engine, policy, program, instructions_max: INSTRUCTIONS_MAX }),
        }
    }

    /// The same gate with another budget, for tests and dry runs.
    #[must_use]
    pub fn with_budget(mut self, instructions_max: usize) -> Self {
        self.instructions_max = instructions_max;
        self
    }

    /// Asks the gate about an input, which is JSON text.
    #[must_use]
    pub fn ask(&self, input: &str) -> Verdict {
        // The engine works on copies, so that a panic of its own leaves nothing behind but this answer.
        let decided = std::panic::catch_unwind(AssertUnwindSafe(|| self.decide(input)));
        let decided = decided
            .unwrap_or_else(|_| Err("the policy engine failed on this input; please report it".into()));
        decided.unwrap_or_else(|why| Verdict::Undecided { why })
    }

    fn decide(&self, input: &str) -> Result<Verdict, String> {
        if input.len() > INPUT_BYTES_MAX {
            return Err(format!("the input has more than {INPUT_BYTES_MAX} bytes"));
        }
        let large = input.len() >= SIDE_BY_SIDE_BYTES;
        let input = Value::from_json_str(input).map_err(|error| format!("the input is not JSON: {error}"))?;
        let [checks, deny] = if large { self.side_by_side(&input) } else { self.in_turn(&input) };
        let checks: BTreeSet<String> = set(CHECKS, checks)?;
        let reasons: BTreeSet<Finding> = set(DENY, deny)?;
        match (checks.is_empty(), reasons.is_empty()) {
            (_, false) => Ok(Verdict::Fail { checks, reasons }),
            (false, true) => Ok(Verdict::Pass { checks }),
            (true, true) => Err("the policy checked nothing, and nothing is never a pass".into()),
        }
    }

    /// What both evaluators say of both rules, one evaluator after the other.
    fn in_turn(&self, input: &Value) -> [Evaluated; 2] {
        RULES.map(|rule| {
            let bounded = self.by_machine(rule, input);
            // What does not end within its bound is not begun again without one.
            let found =
                if bounded.is_ok() { self.by_interpreter(rule, input, None) } else { Ok(Value::Undefined) };
            Evaluated { bounded, found }
        })
    }

    /// The same, both evaluators at once. The interpreter goes ahead of the bound for a while at most; what it
    /// could not do by then it does again once the bound is known to hold, so that time decides nothing.
    fn side_by_side(&self, input: &Value) -> [Evaluated; 2] {
        std::thread::scope(|scope| {
            let ahead = scope.spawn(|| RULES.map(|rule| self.by_interpreter(rule, input, Some(AHEAD_MAX))));
            let bounded = RULES.map(|rule| self.by_machine(rule, input));
            let ahead = ahead.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let mut pairs = bounded.into_iter().zip(ahead).zip(RULES);
            [(); 2].map(|()| match pairs.next() {
                Some(((Ok(value), Err(_)), rule)) => {
                    Evaluated { bounded: Ok(value), found: self.by_interpreter(rule, input, None) }
                }
                Some(((bounded, found), _)) => Evaluated { bounded, found },
                None => {
                    Evaluated { bounded: Err("a rule was not evaluated".into()), found: Ok(Value::Undefined) }
                }
            })
        })
    }

    fn by_machine(&self, rule: &str, input: &Value) -> Result<Value, String> {
        let mut vm = RegoVM::new_with_policy(self.policy.clone());
        vm.set_max_instructions(self.instructions_max);
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

/// What both evaluators say of a rule.
struct Evaluated {
    /// The machine, within its bound.
    bounded: Result<Value, String>,
    /// The interpreter.
    found: Result<Value, String>,
}

/// One of the two sets, each element of the expected shape.
fn set<T: serde::de::DeserializeOwned + Ord>(
    rule: &str,
    evaluated: Evaluated,
) -> Result<BTreeSet<T>, String> {
    let bounded = evaluated.bounded?;
    let found = evaluated.found?;
    if bounded != found {
        return Err(format!("the two evaluators do not agree on `{rule}`; please report this policy"));
    }
    let set = found.as_set().map_err(|_| format!("`{rule}` is undefined or not a set"))?;
    let read = |element: &Value| {
        let text = element.to_json_str().map_err(|error| error.to_string())?;
        let what = |error| format!("an element of `{rule}` does not have its shape: {error}");
        serde_json::from_str(&text).map_err(what)
    };
    set.iter().map(read).collect()
}

const PACKAGE: &str = "data.countersign.gate";
const CHECKS: &str = "data.countersign.gate.checks";
const DENY: &str = "data.countersign.gate.deny";
const RULES: [&str; 2] = [CHECKS, DENY];
/// Inputs of so many bytes keep an evaluator busy for longer than a thread takes to start.
const SIDE_BY_SIDE_BYTES: usize = 8 * 1024;
/// How long the interpreter goes ahead of the bound.
const AHEAD_MAX: Duration = Duration::from_secs(2);
const CHECKED_EVERY: NonZeroU32 = NonZeroU32::new(1_000).unwrap();
