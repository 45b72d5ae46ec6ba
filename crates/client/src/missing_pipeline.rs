//! Advice for a commit in which a file is missing that its author expected there, such as the pipeline file.

use std::path::{Path, PathBuf};

use evidence::pipeline;

use shown::shell;

/// The remedy for a commit without a pipeline file; it depends on the files of the work tree.
pub fn instead(repository: &Path) -> String {
    let place = repository.join(pipeline::PATH);
    if place.exists() {
        return "the file is there and not committed: `git add -f .countersign && git commit -S`, and run that commit".into();
    }
    if let Some(found) = elsewhere(repository).first() {
        return format!(
            "there is {}, which is not where it belongs: `git mv {} {}`, commit it and run that commit",
            found.display(),
            shell::path(found),
            pipeline::PATH
        );
    }
    "`countersign init` writes one to start from for a new installation, `countersign project add` for the one that you have".into()
}

/// Whether tracked files have changed since the last commit.
pub fn has_uncommitted(repository: &Path) -> bool {
    let mut command = runner::program::of_person("git");
    command.arg("--no-optional-locks").arg("-C").arg(repository).args(["-c", "core.fsmonitor=false"]);
    command.args(["status", "--porcelain", "--untracked-files=no"]);
    command.output().is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
}

/// Files of the work tree that look like a pipeline in the wrong directory or with the wrong extension.
fn elsewhere(repository: &Path) -> Vec<PathBuf> {
    let mut command = runner::program::of_person("git");
    command.arg("-C").arg(repository).args(["-c", "core.fsmonitor=false"]);
    command.args(["ls-files", "-z", "--cached", "--others", "--"]);
    command.args(["*pipeline.yaml", "*pipeline.yml", "*countersign.yaml", "*countersign.yml"]);
    let output = command.output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let paths = text.split(|byte| *byte == 0).filter_map(|path| std::str::from_utf8(path).ok());
    let ours = |path: &&str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        let near = path.contains(".countersign/") || !path.contains('/');
        near && ["pipeline.yaml", "pipeline.yml", ".countersign.yaml", ".countersign.yml"].contains(&name)
    };
    paths.filter(|path| !path.is_empty()).filter(ours).map(PathBuf::from).collect()
}
