//! Python: a package that `pip` builds (PEP 517), or sources with a `requirements.txt`.

use std::fs;
use std::path::{Path, PathBuf};

use super::recipe::{self, Recipe, Test};
use crate::failure::Failure;

/// The recipe of a repository of either kind.
pub fn recipe(repository: &Path, out: &str, start: Option<&str>) -> Result<Option<Recipe>, Failure> {
    if is_package(repository) {
        return Ok(Some(package(repository, out, start)));
    }
    Ok(repository.join("requirements.txt").exists().then(|| sources(repository, out, start)))
}

/// Whether `pyproject.toml` describes a package: some hold only settings of tools.
fn is_package(repository: &Path) -> bool {
    let text = fs::read_to_string(repository.join("pyproject.toml")).unwrap_or_default();
    let sections = ["[project]", "[build-system]", "[tool.poetry]"];
    let described = text.lines().any(|line| sections.iter().any(|section| line.trim_end() == *section));
    described || repository.join("setup.py").exists()
}

fn package(repository: &Path, out: &str, start: Option<&str>) -> Recipe {
    let mut build =
        format!("{SAME_BYTES}python3 -m pip install --no-compile --target {out}/site .\n{}", modules(out));
    build += &tidied(out);
    let line = "PYTHONPATH=\"$here/site\" PYTHONDONTWRITEBYTECODE=1 exec python3 -c 'import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)' $(cat \"$here/modules\")";
    build += &recipe::program(out, "check", line);
    build += &started(out, start, "$here");
    let (test, note) = tests(repository, out);
    Recipe {
        kind: "a Python package",
        out: out.to_owned(),
        build,
        network: vec!["pip".into()],
        test: Some(Test { run: test.unwrap_or_else(|| format!("{out}/check")), after_build: true }),
        notes: note.into_iter().collect(),
    }
}

fn sources(repository: &Path, out: &str, start: Option<&str>) -> Recipe {
    let mut build = recipe::copied(out);
    build += &format!("mkdir -p {out}/site\n{SAME_BYTES}");
    build += &format!("python3 -m pip install --no-compile --target {out}/site -r requirements.txt\n");
    build += &tidied(out);
    let line = "PYTHONPATH=\"$here/site\" PYTHONDONTWRITEBYTECODE=1 exec python3 -c 'import importlib.metadata\nfor found in importlib.metadata.distributions():\n    print(found.metadata[\"Name\"], found.version)'";
    build += &recipe::program(out, "check", line);
    build += &started(out, start, "$here/app");
    let (test, note) = tests(repository, out);
    Recipe {
        kind: "Python sources with a requirements.txt",
        out: out.to_owned(),
        build,
        network: vec!["pip".into()],
        test: test.map(|run| Test { run, after_build: true }),
        notes: note.into_iter().collect(),
    }
}

fn started(out: &str, start: Option<&str>, dir: &str) -> String {
    start.map_or_else(String::new, |line| {
        let settings = "export HOME=\"$STATE_DIRECTORY\" PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1\nexport PYTHONPATH=\"$here/site\" PATH=\"$here/site/bin:$PATH\"";
        recipe::program(out, "start", &format!("{settings}\ncd \"{dir}\" && {}", recipe::exec(line)))
    })
}

/// pip compiles modules in a directory with a random name, which debug information would hold.
const SAME_BYTES: &str = "export CFLAGS=-g0    # two runners must compile the same bytes\n";

/// Lines that list the package's own modules: pip marks those that it installed from a directory (PEP 610).
fn modules(out: &str) -> String {
    format!(
        "python3 - > {out}/modules <<'COUNTERSIGN'
import pathlib
own = next(pathlib.Path(\"{out}/site\").glob(\"*.dist-info/direct_url.json\")).parent
names = {{line.split(\",\")[0].split(\"/\")[0].removesuffix(\".py\") for line in (own / \"RECORD\").read_text().splitlines()}}
others = {{\"__pycache__\", \"test\", \"tests\", \"docs\", \"examples\"}}
print(*sorted(name for name in names - others if name.isidentifier()))
COUNTERSIGN
"
    )
}

/// Lines that remove files that differ from one build to the next.
fn tidied(out: &str) -> String {
    format!(
        "find {out} -name __pycache__ -prune -exec rm -rf {{}} +\nfind {out}/site -name RECORD -delete\nfind {out}/site -name direct_url.json -delete\n"
    )
}

/// The script for tests that need nothing but Python, and a note about tests that need more.
fn tests(repository: &Path, out: &str) -> (Option<String>, Option<String>) {
    let files = test_files(repository);
    let imports = |name: &str| {
        let named = |line: &str| line.split([' ', '.', ',']).any(|word| word == name);
        let uses = |file: &PathBuf| {
            let text = fs::read_to_string(file).unwrap_or_default();
            text.lines().any(|line| (line.starts_with("import ") || line.starts_with("from ")) && named(line))
        };
        files.iter().any(uses)
    };
    if files.is_empty() {
        return (None, None);
    }
    if imports("pytest") || !imports("unittest") {
        let note = "Tests are not run yet: no file that `init` reads lists the packages that they need. A step for them: `run: python3 -m pip install --target /tmp/t pytest . && PYTHONPATH=/tmp/t python3 -m pytest`, `network: [pip]`.";
        return (None, Some(note.to_owned()));
    }
    let run = format!(
        "PYTHONPATH={out}/site PYTHONDONTWRITEBYTECODE=1 python3 -m unittest discover -s {}",
        dir_of(repository, &files)
    );
    (Some(run), None)
}

/// Test files at the usual paths.
fn test_files(repository: &Path) -> Vec<PathBuf> {
    let is_test = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let named = name.starts_with("test") || name.ends_with("_test.py") || name == "conftest.py";
        named && path.extension().is_some_and(|ending| ending == "py")
    };
    let dirs = ["tests", "test", "."].map(|dir| repository.join(dir));
    let items = dirs.iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten();
    let mut files: Vec<_> = items.map(|item| item.path()).filter(is_test).collect();
    files.sort();
    files
}

fn dir_of(repository: &Path, files: &[PathBuf]) -> String {
    let dir = files.first().and_then(|file| file.parent()?.strip_prefix(repository).ok());
    let dir = dir.map(|dir| dir.display().to_string()).unwrap_or_default();
    if ["tests", "test"].contains(&dir.as_str()) { dir } else { ".".into() }
}
