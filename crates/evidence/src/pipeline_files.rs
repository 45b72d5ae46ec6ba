//! Files that decide how a change is built, tested and shipped: a person who changes one of them can change everything that comes after.
//!
//! Invariant: a path is enough to know them, and letters count alike in both cases. Each name here is a fact that gates read of the
//! evidence that is already on record: a further name raises `domain::RULES`.

use serde::{Deserialize, Serialize};

use crate::codeowners;

/// Sorts of such files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PipelineSort {
    /// Steps of a pipeline, places of a release, and the people who have to look at a change.
    Pipeline,
    /// Parts of a build: scripts, manifests, descriptions of images.
    Build,
    /// Versions of the dependencies that a build takes.
    Lock,
}

/// The sort of the file with this path; `None` for all other files.
#[must_use]
pub fn sort_of(path: &str) -> Option<PipelineSort> {
    let path = path.to_ascii_lowercase();
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path.as_str()));
    if is_pipeline(&path, above, name) {
        Some(PipelineSort::Pipeline)
    } else if is_lock(above, name) {
        Some(PipelineSort::Lock)
    } else if is_build(above, name) {
        Some(PipelineSort::Build)
    } else {
        None
    }
}

fn is_pipeline(path: &str, above: &str, name: &str) -> bool {
    let is_owners = || codeowners::PATHS.iter().any(|known| known.eq_ignore_ascii_case(path));
    // A link or a submodule in the place of a directory counts as a file with the name of the directory.
    let is_below = |dir: &str| above.split('/').any(|part| part == dir) || name == dir;
    let is_github = || {
        let parts: Vec<&str> = path.split('/').collect();
        parts.windows(2).any(|pair| matches!(pair, [".github", "workflows" | "actions"])) || name == ".github"
    };
    DIRECTORIES.iter().any(|dir| is_below(dir))
        || is_github()
        || PIPELINES.contains(&name)
        || name.contains("gitlab-ci")
        || name.starts_with("jenkinsfile")
        || name.ends_with(".jenkinsfile")
        || (name.starts_with("azure-pipelines") && is_yaml(name))
        || is_owners()
}

fn is_lock(above: &str, name: &str) -> bool {
    let parent = above.rsplit('/').next().unwrap_or_default();
    LOCKS.contains(&name)
        || name.ends_with(".lockfile")
        || name.ends_with("dependency-tree.txt")
        || (name.ends_with(".txt")
            && (name.contains("requirements") || name.contains("constraints") || parent == "requirements"))
}

fn is_build(above: &str, name: &str) -> bool {
    let is_image = ["dockerfile", "containerfile", "compose", "docker-compose"].iter().any(|begin| {
        let rest = name.strip_prefix(begin);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '_']))
    });
    let is_wrapper =
        || above.ends_with("gradle/wrapper") || above.ends_with(".mvn") || above.ends_with(".mvn/wrapper");
    let is_cargo = || above == ".cargo" || above.ends_with("/.cargo");
    BUILDS.contains(&name)
        || is_image
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
        || is_wrapper()
        || above.split('/').any(|part| part == ".yarn")
        || (is_cargo() && matches!(name, "config" | "config.toml"))
}

fn is_yaml(name: &str) -> bool {
    name.ends_with(".yml") || name.ends_with(".yaml")
}

/// Directories all of whose files are of pipelines.
const DIRECTORIES: &[&str] = &[
    ".countersign",
    ".gitlab",
    ".gitlab-ci",
    ".gitlab-ci.d",
    "gitlab-ci",
    ".circleci",
    ".buildkite",
    ".azure-pipelines",
    ".tekton",
    ".woodpecker",
    ".drone",
    ".teamcity",
];
/// Files of pipelines.
const PIPELINES: &[&str] = &[
    "action.yml",
    "action.yaml",
    "appveyor.yml",
    ".appveyor.yml",
    "bitbucket-pipelines.yml",
    "cloudbuild.yaml",
    "cloudbuild.yml",
    "buildspec.yml",
    "buildspec.yaml",
    "codefresh.yml",
    "dependabot.yml",
    "dependabot.yaml",
    ".drone.yml",
    ".drone.yaml",
    ".pre-commit-config.yaml",
    ".semaphore.yml",
    ".travis.yml",
    "wercker.yml",
    ".woodpecker.yml",
    ".woodpecker.yaml",
];
/// Files with versions of dependencies.
const LOCKS: &[&str] = &[
    ".terraform.lock.hcl",
    "bun.lock",
    "bun.lockb",
    "cargo.lock",
    "composer.lock",
    "conan.lock",
    "deno.lock",
    "flake.lock",
    "gemfile.lock",
    "gems.locked",
    "go.sum",
    "mix.lock",
    "module.bazel.lock",
    "npm-shrinkwrap.json",
    "package-lock.json",
    "packages.lock.json",
    "package.resolved",
    "pdm.lock",
    "pipfile.lock",
    "pnpm-lock.yaml",
    "podfile.lock",
    "poetry.lock",
    "pubspec.lock",
    "uv.lock",
    "verification-metadata.xml",
    "yarn.lock",
];
/// Files that a build reads by their name.
const BUILDS: &[&str] = &[
    ".npmrc",
    ".pnpmfile.cjs",
    ".tool-versions",
    ".bazelrc",
    ".gitattributes",
    ".yarnrc",
    ".yarnrc.yml",
    "build",
    "build.bazel",
    "build.rs",
    "build.sbt",
    "build.xml",
    "build.zig",
    "cargo.toml",
    "cmakelists.txt",
    "composer.json",
    "pnpm-workspace.yaml",
    "taskfile.yaml",
    "taskfile.yml",
    "conanfile.py",
    "conanfile.txt",
    "configure",
    "configure.ac",
    "default.nix",
    "deno.json",
    "directory.build.props",
    "directory.build.targets",
    "directory.packages.props",
    "flake.nix",
    "gemfile",
    "global.json",
    "gnumakefile",
    "go.mod",
    "gradle.properties",
    "gradlew",
    "gradlew.bat",
    "gulpfile.js",
    "justfile",
    "magefile.go",
    "makefile",
    "meson.build",
    "mise.toml",
    "mix.exs",
    "module.bazel",
    "mvnw",
    "mvnw.cmd",
    "noxfile.py",
    "nuget.config",
    "package.json",
    "pipfile",
    "pom.xml",
    "pyproject.toml",
    "rakefile",
    "rust-toolchain",
    "rust-toolchain.toml",
    "setup.cfg",
    "setup.py",
    "tox.ini",
    "workspace",
    "workspace.bazel",
];
/// Ends of the names of scripts and descriptions that builds run.
const ENDINGS: &[&str] = &[
    ".bash",
    ".bat",
    ".bzl",
    ".cmake",
    ".csproj",
    ".dockerfile",
    ".gemspec",
    ".gradle",
    ".gradle.kts",
    ".sbt",
    ".versions.toml",
    ".ksh",
    ".mak",
    ".mk",
    ".ps1",
    ".sh",
    ".vbproj",
    ".fsproj",
    ".zsh",
];

#[cfg(test)]
mod tests {
    use super::{PipelineSort, sort_of};

    #[test]
    fn files_of_pipelines_builds_and_locks_are_known_by_their_paths() {
        use PipelineSort::{Build, Lock, Pipeline};
        for (path, sort) in [
            (".countersign/pipeline.yaml", Some(Pipeline)),
            ("service/.countersign/release.yaml", Some(Pipeline)),
            (".github/workflows/ci.yml", Some(Pipeline)),
            (".github/workflows", Some(Pipeline)),
            (".github", Some(Pipeline)),
            (".countersign", Some(Pipeline)),
            (".github/actions/setup/index.js", Some(Pipeline)),
            (".github/CODEOWNERS", Some(Pipeline)),
            (".github/ISSUE_TEMPLATE.md", None),
            (".gitlab-ci.yml", Some(Pipeline)),
            ("ci/gitlab-ci-build.yaml", Some(Pipeline)),
            ("Jenkinsfile", Some(Pipeline)),
            ("ops/Jenkinsfile.release", Some(Pipeline)),
            ("azure-pipelines-nightly.yml", Some(Pipeline)),
            ("src/CODEOWNERS", None),
            ("Makefile", Some(Build)),
            ("lib/rules.mk", Some(Build)),
            ("scripts/build.SH", Some(Build)),
            ("Dockerfile.release", Some(Build)),
            ("docker-compose.yml", Some(Build)),
            ("Dockerfile-release", Some(Build)),
            ("compose-prod.yml", Some(Build)),
            ("composer.md", None),
            (".bazelrc", Some(Build)),
            ("gradle/libs.versions.toml", Some(Build)),
            (".yarn/releases/yarn-4.cjs", Some(Build)),
            ("infra/.terraform.lock.hcl", Some(Lock)),
            ("api/build.rs", Some(Build)),
            (".cargo/config.toml", Some(Build)),
            ("config.toml", None),
            ("gradle/wrapper/gradle-wrapper.jar", Some(Build)),
            ("web/package.json", Some(Build)),
            ("web/package-lock.json", Some(Lock)),
            ("Cargo.lock", Some(Lock)),
            ("requirements/dev.txt", Some(Lock)),
            ("requirements-dev.txt", Some(Lock)),
            ("notes.txt", None),
            ("src/main.rs", None),
            ("", None),
        ] {
            assert_eq!(sort_of(path), sort, "{path}");
        }
    }
}
