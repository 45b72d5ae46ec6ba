//! Kinds of files that are read, and the names by which they are recognised.

use super::gradle;
use super::input::{base, directory};

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Cargo.lock.
    CargoLock,
    /// go.mod.
    GoMod,
    /// pom.xml.
    Pom,
    /// mvn dependency:tree.
    MavenTree,
    /// package-lock.json.
    NpmLock,
    /// pnpm-lock.yaml.
    PnpmLock,
    /// yarn.lock.
    YarnLock,
    /// pip requirements.
    PipRequirements,
    /// poetry.lock.
    PoetryLock,
    /// uv.lock.
    UvLock,
    /// composer.lock.
    ComposerLock,
    /// Gemfile.lock.
    GemLock,
    /// gradle.lockfile.
    GradleLock,
    /// packages.lock.json.
    NugetLock,
    /// pdm.lock.
    PdmLock,
    /// Pipfile.lock.
    PipfileLock,
    /// A manifest, where no lockfile covers it.
    Manifest,
}

/// A row of the table.
#[derive(Debug)]
pub struct Format {
    /// The kind.
    pub kind: FileKind,
    /// Name of the format.
    pub name: &'static str,
    /// Ecosystem; empty for manifests, which are of several.
    pub ecosystem: &'static str,
    /// File names by which it is recognised, as people write them.
    pub files: &'static [&'static str],
    /// How to make such a file again.
    pub remedy: &'static str,
    is: fn(&str) -> bool,
}

/// The formats, in alphabetical order of their ecosystems.
pub const FORMATS: [Format; 17] = [
    Format {
        kind: FileKind::CargoLock,
        name: "Cargo.lock",
        ecosystem: "cargo",
        files: &["Cargo.lock"],
        remedy: "make it again by `cargo generate-lockfile`",
        is: |path| base(path) == "Cargo.lock",
    },
    Format {
        kind: FileKind::ComposerLock,
        name: "composer.lock",
        ecosystem: "composer",
        files: &["composer.lock"],
        remedy: "make it again by `composer update --lock`",
        is: |path| base(path) == "composer.lock",
    },
    Format {
        kind: FileKind::GemLock,
        name: "Gemfile.lock",
        ecosystem: "gem",
        files: &["Gemfile.lock", "gems.locked"],
        remedy: "make it again by `bundle lock`",
        is: |path| matches!(base(path), "Gemfile.lock" | "gems.locked"),
    },
    Format {
        kind: FileKind::GoMod,
        name: "go.mod",
        ecosystem: "golang",
        files: &["go.mod", "go.sum"],
        remedy: "make it again by `go mod tidy`",
        is: |path| base(path) == "go.mod",
    },
    Format {
        kind: FileKind::Pom,
        name: "pom.xml",
        ecosystem: "maven",
        files: &["pom.xml"],
        remedy: "check it by `mvn validate`",
        is: |path| base(path) == "pom.xml",
    },
    Format {
        kind: FileKind::MavenTree,
        name: "mvn dependency:tree",
        ecosystem: "maven",
        files: &["dependency-tree.txt", "*-dependency-tree.txt"],
        remedy: "make it again by `mvn dependency:tree -DoutputFile=dependency-tree.txt`",
        is: |path| base(path).ends_with("dependency-tree.txt"),
    },
    Format {
        kind: FileKind::GradleLock,
        name: "gradle.lockfile",
        ecosystem: "maven",
        files: &[
            "gradle.lockfile",
            "buildscript-gradle.lockfile",
            "settings-gradle.lockfile",
            "gradle/dependency-locks/*.lockfile",
        ],
        remedy: "make it again by `gradle dependencies --write-locks`",
        is: gradle::is_lockfile,
    },
    Format {
        kind: FileKind::NpmLock,
        name: "package-lock.json",
        ecosystem: "npm",
        files: &["package-lock.json", "npm-shrinkwrap.json"],
        remedy: "make it again by `npm install --package-lock-only`",
        is: |path| matches!(base(path), "package-lock.json" | "npm-shrinkwrap.json"),
    },
    Format {
        kind: FileKind::PnpmLock,
        name: "pnpm-lock.yaml",
        ecosystem: "npm",
        files: &["pnpm-lock.yaml"],
        remedy: "make it again by `pnpm install --lockfile-only`",
        is: |path| base(path) == "pnpm-lock.yaml",
    },
    Format {
        kind: FileKind::YarnLock,
        name: "yarn.lock",
        ecosystem: "npm",
        files: &["yarn.lock"],
        remedy: "make it again by `yarn install`",
        is: |path| base(path) == "yarn.lock",
    },
    Format {
        kind: FileKind::NugetLock,
        name: "packages.lock.json",
        ecosystem: "nuget",
        files: &["packages.lock.json"],
        remedy: "make it again by `dotnet restore --force-evaluate`",
        is: |path| base(path) == "packages.lock.json",
    },
    Format {
        kind: FileKind::PdmLock,
        name: "pdm.lock",
        ecosystem: "pypi",
        files: &["pdm.lock"],
        remedy: "make it again by `pdm lock`",
        is: |path| base(path) == "pdm.lock",
    },
    Format {
        kind: FileKind::PipfileLock,
        name: "Pipfile.lock",
        ecosystem: "pypi",
        files: &["Pipfile.lock"],
        remedy: "make it again by `pipenv lock`",
        is: |path| base(path) == "Pipfile.lock",
    },
    Format {
        kind: FileKind::PipRequirements,
        name: "pip requirements",
        ecosystem: "pypi",
        files: &["*requirements*.txt", "requirements/*.txt"],
        remedy: "correct the line, or make the file again by `pip-compile --generate-hashes`",
        is: is_requirements,
    },
    Format {
        kind: FileKind::PoetryLock,
        name: "poetry.lock",
        ecosystem: "pypi",
        files: &["poetry.lock"],
        remedy: "make it again by `poetry lock`",
        is: |path| base(path) == "poetry.lock",
    },
    Format {
        kind: FileKind::UvLock,
        name: "uv.lock",
        ecosystem: "pypi",
        files: &["uv.lock"],
        remedy: "make it again by `uv lock`",
        is: |path| base(path) == "uv.lock",
    },
    Format {
        kind: FileKind::Manifest,
        name: "manifest",
        ecosystem: "",
        files: &["Cargo.toml", "package.json", "pyproject.toml"],
        remedy: "correct the manifest, or commit a lockfile beside it",
        is: is_manifest,
    },
];

/// The format of a file.
#[must_use]
pub fn format_of(path: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| (format.is)(path))
}

fn is_manifest(path: &str) -> bool {
    matches!(base(path), "Cargo.toml" | "package.json" | "pyproject.toml")
}

fn is_requirements(path: &str) -> bool {
    let name = base(path);
    name.ends_with(".txt") && (name.contains("requirements") || base(directory(path)) == "requirements")
}

#[cfg(test)]
mod tests {
    use evidence::pipeline_files::sort_of;

    use super::FORMATS;
    use crate::lint::{Subject, is_read};

    /// A gate is told of changes of every file that a scan reads as a lockfile, a manifest or part of a pipeline.
    #[test]
    fn files_that_scans_read_are_pipeline_files() {
        for name in FORMATS.iter().flat_map(|format| format.files) {
            assert!(sort_of(&name.replace('*', "x")).is_some(), "{name}");
        }
        for path in [
            ".countersign/pipeline.yaml",
            "a/.countersign/release.yaml",
            ".github/workflows/ci.yml",
            "a/.github/workflows/ci.yaml",
            "tools/action.yml",
            ".gitlab-ci.yml",
            "ci/.gitlab-ci-test.yaml",
            ".gitlab/ci/build.yml",
            "gitlab-ci/x.yml",
            "Jenkinsfile",
            "Jenkinsfile.nightly",
            "ops/release.jenkinsfile",
            "Makefile",
            "GNUmakefile",
            "rules.mk",
            "rules.mak",
            "web/package.json",
            "run.sh",
            "run.bash",
            "run.zsh",
            "run.ksh",
        ] {
            assert!(is_read(Subject::Pipelines, path), "{path}: no scan reads it");
            assert!(sort_of(path).is_some(), "{path}");
        }
    }
}
