"""The answers of cargo-audit about crates around the limits of RustSec's advisories.

Run by hand: python audit.py CARGO-AUDIT DATABASE > audit.txt, where DATABASE is a git repository with `crates/*/RUSTSEC-*.md`. Each line: number of
the lockfile, crate, version, and the ids of the advisories, with `~` before one that is no vulnerability.
"""
import collections, glob, json, os, random, re, subprocess, sys, tempfile, tomllib

VERSION = re.compile(r"\d+(?:\.\d+){0,2}(?:-[0-9A-Za-z.-]+)?")


def around(text):
    """The version that a requirement names, and its neighbours."""
    core, _, pre = text.partition("-")
    core = core.split(".") + ["0"] * (2 - core.count("."))
    numbers = [int(n) for n in core]
    yield ".".join(core) + ("-" + pre if pre else "")
    yield ".".join(core)
    yield ".".join(core) + "-alpha.1"
    yield f"{numbers[0]}.{numbers[1]}.{numbers[2] + 1}"
    yield f"{numbers[0]}.{numbers[1] + 1}.0"
    yield f"{numbers[0] + 1}.0.0-rc.1"
    if numbers[2]:
        yield f"{numbers[0]}.{numbers[1]}.{numbers[2] - 1}"
    elif numbers[1]:
        yield f"{numbers[0]}.{numbers[1] - 1}.9"


def main(audit, database):
    chance = random.Random(2)
    candidates = collections.defaultdict(lambda: {"0.0.1", "99.0.0"})
    for path in sorted(glob.glob(os.path.join(database, "crates/*/RUSTSEC-*.md"))):
        front = tomllib.loads(open(path).read().split("```toml\n", 1)[1].split("\n```", 1)[0])
        for requirement in front["versions"].get("patched", []) + front["versions"].get("unaffected", []):
            for version in VERSION.findall(requirement):
                candidates[front["advisory"]["package"]].update(around(version))
        candidates[front["advisory"]["package"]]
    names = sorted(candidates)
    chance.shuffle(names)
    for lock in range(LOCKS):
        rows = sorted((name, version) for name in names[lock::LOCKS][:NAMES] for version in chance.sample(sorted(candidates[name]), min(3, len(candidates[name]))))
        with tempfile.TemporaryDirectory() as directory:
            file = os.path.join(directory, "Cargo.lock")
            with open(file, "w") as out:
                out.write("version = 4\n")
                for name, version in rows:
                    out.write(f'\n[[package]]\nname = "{name}"\nversion = "{version}"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\n')
            words = [audit, "audit", "--db", database, "--no-fetch", "--stale", "--json", "-f", file]
            answer = json.loads(subprocess.run(words, capture_output=True).stdout)
        found = collections.defaultdict(set)
        for row in answer["vulnerabilities"]["list"]:
            found[row["package"]["name"], row["package"]["version"]].add(row["advisory"]["id"])
        # A warning without an advisory is about a withdrawn version, by the machine's copy of the registry.
        for row in (row for rows in answer["warnings"].values() for row in rows if row["advisory"]):
            found[row["package"]["name"], row["package"]["version"]].add("~" + row["advisory"]["id"])
        for name, version in rows:
            print(lock, name, version, " ".join(sorted(found[name, version])) or "-")


LOCKS = 5
NAMES = 60
main(sys.argv[1], sys.argv[2])
