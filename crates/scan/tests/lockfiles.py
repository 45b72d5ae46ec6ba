"""The packages of a tree of lockfiles, by other parsers than the program's: the part `expected` of `lockfiles/*.txtar`.

Run by hand: python lockfiles.py GO FILE.txtar... prints what each file lacks or has too much, with `--write` it writes the part. Needs
`packaging` and `packageurl-python`; GO is a Go 1.21 or newer, whose `go mod edit -json` reads `go.mod`.
"""
import json, os, re, subprocess, sys, tempfile, tomllib
import xml.etree.ElementTree as ElementTree
from packageurl import PackageURL
from packaging.requirements import Requirement, InvalidRequirement
from packaging.utils import canonicalize_name


def tree(path):
    files, name = {}, None
    for line in open(path, newline=""):
        mark = re.fullmatch(r"-- (.+) --\s*", line)
        if mark:
            name = mark[1]
            files[name] = ""
        else:
            files[name] += line
    return files


def purl(kind, namespace, name, version, **qualifiers):
    path, mark, rest = PackageURL(kind, namespace or None, name, version or None, qualifiers or None).to_string().partition("?")
    return path + mark + rest.replace("/", "%2F")  # The specification allows both.


def cargo(files, path):
    own = {tomllib.loads(text).get("package", {}).get("name") for p, text in files.items() if p.endswith("Cargo.toml")}
    patched = set()
    for p, text in files.items():
        if p.endswith("Cargo.toml"):
            for table in tomllib.loads(text).get("patch", {}).values():
                patched |= set(table)
    for package in tomllib.loads(files[path])["package"]:
        if "source" in package or package["name"] not in own or package["name"] in patched:
            yield purl("cargo", None, package["name"], package["version"])


def golang(files, path, go):
    with tempfile.TemporaryDirectory() as directory:
        file = os.path.join(directory, "go.mod")
        open(file, "w").write(files[path])
        mod = json.loads(subprocess.run([go, "mod", "edit", "-json", file], check=True, capture_output=True, env=os.environ | {"GOTOOLCHAIN": "local"}).stdout)
    replaced = {(r["Old"]["Path"], r["Old"].get("Version")): r["New"] for r in mod.get("Replace") or []}
    for r in mod.get("Require") or []:
        new = replaced.get((r["Path"], r["Version"])) or replaced.get((r["Path"], None)) or r
        if "Version" in new:
            yield purl("golang", *new["Path"].lower().rpartition("/")[::2], new["Version"])
    if tuple(int(n) for n in mod["Go"].split(".")[:2]) < (1, 17):
        for line in files[os.path.join(os.path.dirname(path), "go.sum")].splitlines():
            name, version, _ = line.split()
            if not version.endswith("/go.mod"):
                yield purl("golang", *name.lower().rpartition("/")[::2], version)


def requirements(files, path, pins=None):
    text = re.sub(r"\\\r?\n", " ", files[path])
    constraints = {}
    for line in text.splitlines():
        other = re.match(r"-c\s+(\S+)", line.strip())
        if other:
            for row in files[other[1]].splitlines():
                name, version = row.split("==")
                constraints[name] = version
    for line in text.splitlines():
        line = re.sub(r"(^|\s)#.*$", "", line).strip()
        other = re.match(r"-r\s+(\S+)", line)
        if other:
            yield from requirements(files, other[1])
        if not line or line.startswith("-"):
            continue
        r = Requirement(re.sub(r"\s--hash=\S+", "", line))
        name = canonicalize_name(r.name)
        if r.url and r.url.startswith("git+"):
            yield purl("pypi", None, name, r.url.rpartition("@")[2], vcs_url=r.url)
        elif r.url:
            file = r.url.split("#")[0]
            yield purl("pypi", None, name, file.rsplit("/", 1)[1].split("-")[1], download_url=file)
        else:
            exact = [s.version for s in r.specifier if s.operator in ("==", "===") and "*" not in s.version]
            yield purl("pypi", None, name, exact[0] if exact else constraints.get(r.name) if not r.specifier else None)


def python_lock(files, path):
    for package in tomllib.loads(files[path])["package"]:
        source = package.get("source", {})
        if not {"virtual", "editable"} & set(source) and source.get("type") != "directory":
            yield purl("pypi", None, canonicalize_name(package["name"]), package["version"])


def npm(files, path):
    lock = json.loads(files[path])
    for place, package in lock["packages"].items():
        if "node_modules/" in place and not package.get("link"):
            name = package.get("name") or place.rpartition("node_modules/")[2]
            scope, _, rest = name.rpartition("/")
            yield purl("npm", scope, rest, package["version"])


NODE = re.compile(r"^(?:\[INFO\] )?[|+\\ -]*(?<=[-] )([\w.-]+):([\w.-]+):[\w-]+:(?:([\w.-]+):)?([\w.-]+):(?:compile|test|runtime|provided)\b")


def maven_tree(files, path):
    for line in files[path].splitlines():
        node = NODE.match(line)
        if node:
            group, name, classifier, version = node.groups()
            yield purl("maven", group, name, version, **({"classifier": classifier} if classifier else {}))


def pom(files, path):
    text = lambda element, tag: (element.findtext("{*}" + tag) or "").strip()
    root = ElementTree.fromstring(files[path])
    properties = {child.tag.rpartition("}")[2]: child.text for child in root.findall("{*}properties/*")}
    own = {(text(ElementTree.fromstring(t), "artifactId")) for p, t in files.items() if p.endswith("pom.xml")}
    listed = {re.split("[@?]", line)[0] for p in files if p.endswith("dependency-tree.txt") for line in maven_tree(files, p)}
    for d in root.findall("{*}dependencies/{*}dependency"):
        version = re.sub(r"\$\{(.+?)\}", lambda m: properties.get(m[1], m[0]), text(d, "version"))
        if text(d, "artifactId") in own or f"pkg:maven/{text(d, 'groupId')}/{text(d, 'artifactId')}" in listed:
            continue
        exact = version if version and version[0] not in "[(" else None
        qualifiers = {"classifier": text(d, "classifier")} if text(d, "classifier") else {}
        yield purl("maven", text(d, "groupId"), text(d, "artifactId"), exact, **qualifiers)


def berry(files, path):
    """Keys and fields by their lines: Python has no YAML of its own."""
    for block in re.split(r"\n\n", files[path]):
        field = lambda name: (m := re.search(rf'^  {name}: "?([^"\n]*)"?$', block, re.M)) and m[1]
        resolution = field("resolution")
        if resolution and "@npm:" in resolution:
            scope, _, name = resolution.rpartition("@npm:")[0].rpartition("/")
            yield purl("npm", scope, name, field("version"))
        elif resolution and "@patch:" in resolution:
            yield purl("npm", None, resolution.split("@patch:")[0], field("version"))


def composer(files, path):
    lock = json.loads(files[path])
    for p in lock["packages"] + (lock["packages-dev"] or []):
        if p.get("dist", {}).get("type") == "path":
            continue
        vendor, name = p["name"].split("/")
        source = p.get("source", {}) if "notification-url" not in p else {}
        qualifiers = {"vcs_url": f"git+{source['url']}@{source['reference']}"} if source.get("type") == "git" else {}
        yield purl("composer", vendor, name, p["version"], **qualifiers)


def gems(files, path):
    kind = remote = revision = None
    asked, found = set(), set()
    for line in files[path].splitlines():
        if re.match(r"\S", line):
            kind = line
        elif m := re.fullmatch(r"  (remote|revision): (.*)", line):
            remote, revision = (m[2], None) if m[1] == "remote" else (remote, m[2])
        elif kind == "DEPENDENCIES" and line:
            asked.add(re.match(r"  ([^ !]+)", line)[1])
        elif kind in ("GEM", "GIT", "PATH") and (m := re.fullmatch(r"    (\S+) \(([^-)]*).*\)", line)):
            found.add(m[1])
            address = re.sub(r"//[^/@]*@", "//", remote)
            qualifiers = {"vcs_url": f"git+{address}@{revision}"} if kind == "GIT" else {}
            if kind == "GEM" and "rubygems.org" not in remote:
                qualifiers = {"repository_url": address}
            if kind != "PATH":
                yield purl("gem", None, m[1], m[2], **qualifiers)
    for name in asked - found:
        yield purl("gem", None, name, None)


def nuget(files, path):
    for packages in json.loads(files[path])["dependencies"].values():
        for name, p in packages.items():
            if p["type"] != "Project":
                yield purl("nuget", None, name, p["resolved"])


def gradle(files, path):
    for line in files[path].splitlines():
        if m := re.match(r"([^#:=]+):([^:]+):([^=]+)", line):
            yield purl("maven", *m.groups())


def pipenv(files, path):
    lock = json.loads(files[path])
    for category in lock.keys() - {"_meta"}:
        for name, p in lock[category].items():
            yield purl("pypi", None, canonicalize_name(name), p["version"].lstrip("="))


def pdm(files, path):
    for p in tomllib.loads(files[path])["package"]:
        qualifiers = {"vcs_url": f"git+{p['git']}@{p['revision']}"} if "git" in p else {}
        yield purl("pypi", None, canonicalize_name(p["name"]), p["version"], **qualifiers)


def packages(files, go):
    for path in files:
        base = os.path.basename(path)
        if base == "Cargo.lock":
            yield from cargo(files, path)
        elif base == "go.mod":
            yield from golang(files, path, go)
        elif base == "requirements.txt":
            yield from requirements(files, path)
        elif base in ("poetry.lock", "uv.lock"):
            yield from python_lock(files, path)
        elif base in ("package-lock.json", "npm-shrinkwrap.json") and "packages" in json.loads(files[path]):
            yield from npm(files, path)
        elif base.endswith("dependency-tree.txt"):
            yield from maven_tree(files, path)
        elif base == "pom.xml":
            yield from pom(files, path)
        elif base == "yarn.lock" and "__metadata:" in files[path]:
            yield from berry(files, path)
        elif base == "composer.lock":
            yield from composer(files, path)
        elif base in ("Gemfile.lock", "gems.locked"):
            yield from gems(files, path)
        elif base == "packages.lock.json":
            yield from nuget(files, path)
        elif base.endswith(".lockfile"):
            yield from gradle(files, path)
        elif base == "Pipfile.lock":
            yield from pipenv(files, path)
        elif base == "pdm.lock":
            yield from pdm(files, path)


def main(go, paths):
    for path in paths:
        if path == "--write":
            continue
        files = tree(path)
        before = set(files.pop("expected", "").splitlines())
        found = set(packages(files, go))
        if "--write" in paths:
            text = open(path, newline="").read().split("-- expected --\n")[0]
            open(path, "w", newline="").write(text + "-- expected --\n" + "".join(line + "\n" for line in sorted(found)))
        else:
            print(path, len(found), "lacks", sorted(found - before), "too much", sorted(before - found))


main(sys.argv[1], sys.argv[2:])
