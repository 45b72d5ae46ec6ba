//! Facts about actions and programs: which fetch foreign files, keep caches, publish, deploy and check.

use super::subject::Step;
use crate::lint::shell::Command;

/// Whether a step fetches the files of somebody's change, as a commit that the event names.
#[must_use]
pub fn takes_foreign_files(step: &Step<'_>) -> bool {
    if step.is_one_of(&["actions/checkout"]) {
        let named = ["ref", "repository"].into_iter().filter_map(|input| step.with(input)?.text());
        return named.into_iter().any(names_foreign_commit);
    }
    let run = step.run().and_then(|run| run.text()).unwrap_or_default();
    let by_command = step.script().is_some_and(|script| {
        script.all().any(|command| match command.program() {
            "gh" => command.has(&["pr"]) && command.has(&["checkout"]),
            "git" => {
                let takes = command.has(&["fetch", "checkout", "pull", "clone", "merge", "reset", "switch"]);
                takes && command.args().iter().any(|word| is_pull_ref(&word.text))
            }
            _ => false,
        })
    });
    let takes_here = |line: &str| {
        let is_git =
            ["git checkout", "git fetch", "git pull", "git merge", "git reset", "git switch", "git clone"];
        is_git.iter().any(|verb| line.contains(verb)) && names_foreign_commit(line)
    };
    by_command || run.lines().any(takes_here)
}

fn is_pull_ref(text: &str) -> bool {
    let mut parts = text.split(['/', '+', ':']);
    parts.any(|part| part == "pull") && (text.contains("/head") || text.contains("/merge"))
}

/// Whether a text names the commit, branch or repository of somebody's change.
fn names_foreign_commit(text: &str) -> bool {
    let small = text.to_ascii_lowercase();
    FOREIGN_COMMITS.iter().any(|path| small.contains(path))
        || small.contains("refs/pull/") && small.contains("${{")
}

const FOREIGN_COMMITS: &[&str] = &[
    "github.event.pull_request.head",
    "github.event.pull_request.merge_commit_sha",
    "github.event.pull_request.number",
    "github.event.issue.number",
    "github.event.workflow_run.head",
    "github.event.number",
    "github.head_ref",
];

/// Whether a step fetches what another run made.
#[must_use]
pub fn takes_artifact_of_another_run(step: &Step<'_>) -> bool {
    if step.is_one_of(&["actions/download-artifact"]) {
        return step.with("run-id").is_some();
    }
    let scripted = step.is_one_of(&["actions/github-script"])
        && step
            .with("script")
            .and_then(|script| script.text())
            .is_some_and(|text| text.contains("downloadArtifact"));
    let by_command = step.script().is_some_and(|script| {
        script
            .all()
            .any(|command| command.program() == "gh" && command.has(&["run"]) && command.has(&["download"]))
    });
    scripted
        || by_command
        || step.is_one_of(&["dawidd6/action-download-artifact", "aochmann/actions-download-artifact"])
}

/// Whether a step restores a cache, or stores one.
#[must_use]
pub fn uses_cache(step: &Step<'_>) -> bool {
    let Some(uses) = step.uses() else { return false };
    let given = |input: &str| step.with(input).and_then(|value| value.text());
    let is_on = |input: &str| given(input).is_some_and(|text| !text.is_empty() && text != "false");
    let is_default = |input: &str| given(input) != Some("false");
    match uses.name.as_str() {
        "actions/cache" | "actions/cache/restore" => !is_on("lookup-only"),
        "swatinem/rust-cache" => !is_on("lookup-only"),
        "gradle/gradle-build-action" | "gradle/actions/setup-gradle" => {
            !is_on("cache-disabled") && !is_on("cache-read-only")
        }
        // From version 4 on it keeps a cache by itself; of a commit nobody knows.
        "actions/setup-go" => {
            let old =
                uses.reference.is_some_and(|tag| ["v1", "v2", "v3"].iter().any(|old| is_version(tag, old)));
            if old { is_on("cache") } else { is_default("cache") }
        }
        "actions/setup-node"
        | "actions/setup-java"
        | "actions/setup-python"
        | "actions/setup-dotnet"
        | "pnpm/action-setup" => is_on("cache"),
        "ruby/setup-ruby" => is_on("bundler-cache"),
        "actions-rust-lang/setup-rust-toolchain" => is_default("cache"),
        "astral-sh/setup-uv" => is_on("enable-cache"),
        "docker/build-push-action" => given("cache-from").is_some_and(|text| text.contains("type=gha")),
        "mozilla-actions/sccache-action" | "hendrikmuhs/ccache-action" => true,
        _ => false,
    }
}

fn is_version(tag: &str, major: &str) -> bool {
    tag.strip_prefix(major).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The thing that a step publishes or deploys, as the name of its action or its command.
#[must_use]
pub fn delivers(step: &Step<'_>) -> Option<String> {
    publishes(step).or_else(|| deploys(step))
}

/// The thing that a step publishes for others to use.
#[must_use]
pub fn publishes(step: &Step<'_>) -> Option<String> {
    let by_action = step.uses().filter(|uses| {
        let is_push =
            uses.name == "docker/build-push-action" && step.with("push").is_some_and(|push| push.is_true());
        is_push || PUBLISHING.contains(&uses.name.as_str())
    });
    by_action
        .map(|uses| uses.name)
        .or_else(|| step.script()?.all().find(|command| is_publish(command)).map(Command::shown))
}

/// Whether a command publishes a package.
#[must_use]
pub fn is_publish(command: &Command) -> bool {
    let args: Vec<&str> = command.operands().map(|word| word.text.as_str()).collect();
    if command.has(&["--dry-run", "-n"]) {
        return false;
    }
    match (command.program(), args.as_slice()) {
        ("npm" | "pnpm" | "cargo" | "uv" | "poetry" | "hatch" | "flit" | "lerna", ["publish", ..]) => true,
        ("yarn", ["publish", ..] | ["npm", "publish", ..]) => true,
        ("twine", ["upload", ..]) | ("gem", ["push", ..]) | ("dotnet", ["nuget", "push", ..]) => true,
        ("docker" | "podman", ["push", ..])
        | ("helm", ["push", ..])
        | ("gh", ["release", "create" | "upload", ..]) => true,
        ("python" | "python3", rest) => rest.starts_with(&["twine", "upload"]),
        _ => false,
    }
}

/// The thing that a step changes where a service runs.
#[must_use]
pub fn deploys(step: &Step<'_>) -> Option<String> {
    let by_action = step.uses().filter(|uses| DEPLOYING.contains(&uses.name.as_str()));
    by_action
        .map(|uses| uses.name)
        .or_else(|| step.script()?.all().find(|command| is_deployment(command)).map(Command::shown))
}

fn is_deployment(command: &Command) -> bool {
    let args: Vec<&str> = command.operands().map(|word| word.text.as_str()).collect();
    if args.iter().any(|arg| arg.contains("dry-run"))
        || command.args().iter().any(|word| word.text.starts_with("--dry-run"))
    {
        return false;
    }
    match (command.program(), args.as_slice()) {
        ("kubectl", rest) => {
            rest.iter().any(|arg| matches!(*arg, "apply" | "rollout" | "replace"))
                || rest.starts_with(&["set", "image"])
        }
        ("helm" | "helmfile", ["upgrade" | "install" | "apply" | "sync", ..]) => true,
        ("terraform" | "tofu" | "terragrunt", rest) => rest.contains(&"apply"),
        ("pulumi", ["up", ..])
        | (
            "cdk" | "serverless" | "sls" | "sam" | "flyctl" | "fly" | "vercel" | "firebase" | "wrangler",
            ["deploy", ..],
        ) => true,
        ("gcloud", rest) => rest.contains(&"deploy"),
        (
            "aws",
            ["ecs", "update-service", ..]
            | ["lambda", "update-function-code", ..]
            | ["cloudformation", "deploy", ..],
        ) => true,
        ("ansible-playbook", _) => true,
        _ => false,
    }
}

const PUBLISHING: &[&str] = &[
    "pypa/gh-action-pypi-publish",
    "js-devtools/npm-publish",
    "softprops/action-gh-release",
    "ncipollo/release-action",
    "goreleaser/goreleaser-action",
    "rubygems/release-gem",
    "katyo/publish-crates",
    "release-plz/action",
    "marcoieni/release-plz-action",
    "svenstaro/upload-release-action",
    "actions/upload-release-asset",
    "semantic-release/semantic-release",
    "cycjimmy/semantic-release-action",
];
const DEPLOYING: &[&str] = &[
    "actions/deploy-pages",
    "amazon/aws-lambda-deploy",
    "aws-actions/amazon-ecs-deploy-task-definition",
    "aws-actions/aws-cloudformation-github-deploy",
    "azure/webapps-deploy",
    "azure/functions-action",
    "azure/k8s-deploy",
    "azure/aks-set-context",
    "google-github-actions/deploy-cloudrun",
    "google-github-actions/deploy-appengine",
    "google-github-actions/deploy-cloud-functions",
    "cloudflare/wrangler-action",
    "superfly/flyctl-actions",
    "amondnet/vercel-action",
    "firebaseextended/action-hosting-deploy",
    "akhileshns/heroku-deploy",
    "appleboy/ssh-action",
    "appleboy/scp-action",
    "nwtgck/actions-netlify",
];

/// Whether a step looks for weaknesses, secrets or signatures.
#[must_use]
pub fn is_security_check(step: &Step<'_>) -> bool {
    step.is_one_of(SCANNERS) || step.script().is_some_and(|script| script.all().any(is_scan))
}

fn is_scan(command: &Command) -> bool {
    let first = command.operands().next().map(|word| word.text.as_str()).unwrap_or_default();
    match command.program() {
        "cargo" => matches!(first, "audit" | "deny" | "vet"),
        "npm" | "pnpm" | "yarn" => first == "audit",
        "cosign" | "gpg" | "slsa-verifier" => first.starts_with("verify") || command.has(&["--verify"]),
        program => SCANNING.contains(&program),
    }
}

const SCANNERS: &[&str] = &[
    "github/codeql-action/analyze",
    "aquasecurity/trivy-action",
    "anchore/scan-action",
    "snyk/actions",
    "snyk/actions/node",
    "snyk/actions/docker",
    "snyk/actions/python",
    "gitleaks/gitleaks-action",
    "trufflesecurity/trufflehog",
    "actions/dependency-review-action",
    "returntocorp/semgrep-action",
    "semgrep/semgrep-action",
    "bridgecrewio/checkov-action",
    "google/osv-scanner-action",
    "rustsec/audit-check",
    "actions-rs/audit-check",
    "actions-rust-lang/audit",
    "embarkstudios/cargo-deny-action",
    "securego/gosec",
    "golang/govulncheck-action",
    "pypa/gh-action-pip-audit",
    "zizmorcore/zizmor-action",
    "aquasecurity/tfsec-action",
    "checkmarx/kics-github-action",
];
const SCANNING: &[&str] = &[
    "bandit",
    "brakeman",
    "bundle-audit",
    "cargo-audit",
    "cargo-deny",
    "checkov",
    "dependency-check",
    "gitleaks",
    "gosec",
    "govulncheck",
    "grype",
    "kics",
    "osv-scanner",
    "pip-audit",
    "safety",
    "semgrep",
    "snyk",
    "terrascan",
    "tfsec",
    "trivy",
    "trufflehog",
    "zizmor",
];

/// The text that a step runs as code: `run`, or the input of an action that runs it.
#[must_use]
pub fn code<'a>(step: &Step<'a>) -> Option<&'a crate::lint::marked::Marked> {
    if let Some(run) = step.run() {
        return Some(run);
    }
    let uses = step.uses()?;
    let (_, input) = CODE_INPUTS.iter().find(|(name, _)| *name == uses.name)?;
    step.with(input)
}

const CODE_INPUTS: &[(&str, &str)] = &[
    ("actions/github-script", "script"),
    ("amadevus/pwsh-script", "script"),
    ("appleboy/ssh-action", "script"),
    ("azure/cli", "inlinescript"),
    ("azure/powershell", "inlinescript"),
    ("jannekem/run-python-script-action", "script"),
    ("mikefarah/yq", "cmd"),
    ("nick-fields/retry", "command"),
    ("nick-invision/retry", "command"),
    ("cardinalby/js-eval-action", "expression"),
];
