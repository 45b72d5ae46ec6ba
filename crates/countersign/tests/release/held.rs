//! A step that prints its secret in ten encodings, through the binary: the log shows none, and afterwards no file and no memory of
//! a role has one.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use mask::{Masker, Search};

use super::shop::Shop;
use super::vault::put;

/// The step prints its secret in these ways, and then in the error stream.
const TEN: &str = r#"
      v=$(cat /run/secrets/token); test "$v" = "$TOKEN"
      echo "plain $v"; printf %s "$v" | base64; printf 'admin:%s' "$v" | base64 -w0; echo
      printf 'ab%s' "$v" | base64 -w 10; printf %s "$v" | base32 -w0; echo
      printf %s "$v" | od -An -tx1; printf %s "$v" | od -An -v -tx1 | tr -d ' \n'; echo
      printf %s "$v" | rev; echo; printf %s "$v" | fold -w 3; echo; printf %s "$v" | sed 's,.,&,g'; echo
      printf '%s' "$v" | od -An -v -tx1 | sed 's, ,%,g' | tr -d '\n'; echo
      set -x; : "$v"; set +x
      echo done
"#;

#[test]
fn a_step_prints_its_secret_in_ten_encodings_and_nobody_has_it() {
    // Drawn here, so that no program and no page has it.
    let drawn = tempfile::tempdir().unwrap();
    let value = format!("{}-{}", drawn.path().display().to_string().replace('/', ""), std::process::id());
    let masker = Masker::new([value.as_bytes()]).unwrap();
    let shop = Shop::solo();
    let path = ".countersign/pipeline.yaml";
    let text = std::fs::read_to_string(shop.repository().join(path)).unwrap();
    let secrets = "secrets: { token: { secret: registry/token, env: TOKEN } }";
    let step = format!("steps:\n  publish:\n    needs: [build]\n    {secrets}\n    run: |{TEN}");
    shop.write(path, &text.replace("steps:\n", &step));
    // Each runner verifies by its own fetch that the ref has the commit.
    let (data, repository) =
        (shop.home.data().display().to_string(), shop.repository().display().to_string());
    for runner in ["runner-1", "runner-2"] {
        shop.ok(&["runner", "remote", "add", "--data", &format!("{data}.{runner}"), "shop", &repository]);
    }
    let up = shop.home.up();
    put(&shop.home, &["shop/registry/token"], value.as_bytes(), 0);
    let bounds = ["--ref", "refs/heads/main", "--pool", "branch", "--reason", "it publishes", "--yes"];
    let granted = ["secret", "grant", "shop/registry/token", "--to-step", "publish"];
    shop.ok(&[&granted[..], &bounds].concat());
    shop.commit("publishes");
    let ran = shop.ok(&["run", "--ref", "main"]);
    let run = ran["run"].as_str().unwrap();
    let log = shop.ok(&["logs", run, "publish"])["logs"].to_string();
    assert!(log.contains("plain ***") && log.contains("done"), "{log}");
    assert!(log.matches("***").count() >= 10 && !masker.finds(log.as_bytes()), "{log}");
    let mut searched = 0;
    let own = ("up".to_owned(), up.pid());
    for (role, pid) in up.roles.iter().chain([&own]) {
        assert!(!in_memory(*pid, &masker), "{role} has the value in memory");
        for file in ["environ", "cmdline"] {
            let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap();
            assert!(!masker.finds(&bytes), "{role} has the value in {file}");
        }
        searched += 1;
    }
    assert!(searched >= 5, "server, runner, agents, witness and up: {:?}", up.roles);
    let (files, found) = files(shop.home.data().parent().unwrap(), &masker);
    assert!(found.is_empty() && files > 100, "{found:?} of {files}");
    assert!(up.stop());
    // The search finds what is there.
    std::fs::write(shop.home.data().join("note"), format!("it is {value}\n")).unwrap();
    assert_eq!(self::files(shop.home.data().parent().unwrap(), &masker).1.len(), 1);
}

/// Number of files below a directory, and those that have a value in any encoding.
pub fn files(dir: &Path, masker: &Masker) -> (usize, Vec<String>) {
    let (mut count, mut found, mut dirs) = (0, Vec::new(), vec![dir.to_path_buf()]);
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if kind.is_dir() {
                dirs.push(path);
            } else if kind.is_file() {
                count += 1;
                if masker.finds(&std::fs::read(&path).unwrap_or_default()) {
                    found.push(path.display().to_string());
                }
            }
        }
    }
    (count, found)
}

/// Whether the memory of a process has a value in any encoding.
pub fn in_memory(pid: u32, masker: &Masker) -> bool {
    let mut memory = std::fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let readable = |line: &&str| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with('r'));
    let mut bytes = Vec::new();
    maps.lines().filter(readable).any(|line| {
        let (start, end) = line.split(' ').next().and_then(|range| range.split_once('-')).unwrap();
        let at = |text: &str| u64::from_str_radix(text, 16).unwrap();
        bytes.clear();
        // Some ranges are the kernel's and cannot be read.
        let read = memory.seek(SeekFrom::Start(at(start))).and_then(|_| {
            std::io::Read::by_ref(&mut memory).take(at(end) - at(start)).read_to_end(&mut bytes)
        });
        drop(read);
        Search::new(masker).push(&bytes)
    })
}
