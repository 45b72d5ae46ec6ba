//! Whether a pipeline tests what it builds, as far as names and commands tell.
//!
//! Invariant: no decision rests on this guess. It only gives people a hint.

use crate::pipeline::{Pipeline, Run, Step};

/// Hint for a pipeline without a step that tests.
pub const UNTESTED: &str =
    "no step of this pipeline runs tests: add a step named `test`, or one that calls what tests your project";

/// Whether some step tests, by its name or by a common command.
#[must_use]
pub fn is_tested(pipeline: &Pipeline) -> bool {
    pipeline.steps.iter().any(|(name, step)| is_named(name.as_str()) || calls(step))
}

fn is_named(name: &str) -> bool {
    name.split('-').any(|part| NAMES.contains(&part))
}

fn calls(step: &Step) -> bool {
    let text = match &step.run {
        None => return false,
        Some(Run::Script(text)) => text.clone(),
        Some(Run::Program(words)) => words.join(" "),
    };
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || ";&|()'\"".contains(c)).collect();
    let is_runner = |word: &&str| RUNNERS.contains(&word.rsplit('/').next().unwrap_or_default());
    let pair = |pair: &[&str]| {
        let [first, second] = pair else { return false };
        // `cargo check` and similar commands only compile.
        let is_check = |part: &str| matches!(part, "check" | "checks");
        let says = |part| NAMES.contains(&part) && (!is_check(part) || CHECK_TESTS.contains(first));
        TOOLS.contains(first) && (second.split('-').any(says) || second.starts_with("test:"))
    };
    words.iter().any(is_runner) || words.windows(2).any(pair) || text.contains("npm run test")
}

/// Parts of a step's name that say that it tests.
const NAMES: [&str; 8] = ["test", "tests", "tested", "testing", "check", "checks", "spec", "e2e"];
/// Programs and modules that only test.
const RUNNERS: [&str; 13] = [
    "pytest", "unittest", "tox", "nox", "jest", "vitest", "mocha", "ava", "rspec", "ctest", "nextest",
    "bats", "phpunit",
];
/// Programs that test if their next word says so: `cargo test`, `make check`.
const TOOLS: [&str; 13] = [
    "cargo",
    "go",
    "npm",
    "yarn",
    "pnpm",
    "make",
    "mvn",
    "gradle",
    "./gradlew",
    "./mvnw",
    "meson",
    "ninja",
    "just",
];
/// Programs for which `check` is a common name of a target that tests.
const CHECK_TESTS: [&str; 6] = ["make", "just", "gradle", "./gradlew", "meson", "ninja"];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::is_tested;
    use crate::pipeline::Pipeline;

    #[test]
    fn steps_that_test_are_told_from_those_that_build() {
        let tests = |step: &str| {
            let text = format!("version: 1\nsteps:\n  {step}\n");
            is_tested(&Pipeline::parse(text.as_bytes()).unwrap())
        };
        for step in [
            "unit-tests: { run: x }",
            "check: { run: x }",
            "build: { run: 'cargo build && cargo test --locked' }",
            "ci: { run: [npm, test] }",
            "ci: { run: npm run test:unit }",
            "ci: { run: [python3, -m, pytest] }",
            "ci: { run: .venv/bin/pytest -q }",
            "ci: { run: make check }",
            "ci: { run: ./gradlew check }",
            "build: { run: 'cargo check && cargo test' }",
        ] {
            assert!(tests(step), "{step}");
        }
        for step in [
            "build: { run: cargo build }",
            "build: { run: test -e out || mkdir out }",
            "latest: { run: echo testing is for others }",
            "deploy: { run: npm run build }",
            "build: { run: cargo check --locked }",
            "build: { run: [cargo, check] }",
            "build: { run: pnpm check }",
            "build: { run: yarn check-types }",
        ] {
            assert!(!tests(step), "{step}");
        }
    }
}
