"""Answers of other matchers about packages of npm and Maven: Node's `semver` and Maven's `ComparableVersion`.

Run by hand: python more_pairs.py VECTORS SEMVER MAVEN > more_pairs.txt, where SEMVER is the directory of Node's package, and MAVEN the archive
`maven-artifact.jar` of Maven 3. Each line: ecosystem, package, version, and the ids of the records.
"""
import functools, glob, json, os, random, re, subprocess, sys, tempfile

VERSION = re.compile(r"\d+(?:\.\d+)*(?:-[0-9A-Za-z.-]+)?")
MATCH = """
const semver = require(process.argv[1]);
const rows = JSON.parse(require('fs').readFileSync(0));
console.log(JSON.stringify(rows.map(([version, range]) => semver.valid(version) && semver.satisfies(version, range, {includePrerelease: true}))));
"""
COMPARE = """
import org.apache.maven.artifact.versioning.ComparableVersion;
public class Compare {
    public static void main(String[] words) throws Exception {
        for (String line : new String(System.in.readAllBytes()).split("\\n")) {
            String[] two = line.split(" ");
            System.out.println(Integer.signum(new ComparableVersion(two[0]).compareTo(new ComparableVersion(two[1]))));
        }
    }
}
"""


def npm(vectors, semver, chance):
    records = [json.load(open(p)) for p in sorted(glob.glob(os.path.join(vectors, "osv-records/npm-node-security/*.json")))]
    records = [r for r in records if r.get("vulnerable_versions")]
    packages = {}
    for record in records:
        found = VERSION.findall(record["vulnerable_versions"] + " " + (record["patched_versions"] or ""))
        full = [v for v in found if re.match(r"\d+\.\d+\.\d+(-|$)", v)]
        near = {"0.0.1", "99.0.0"} | set(full)
        for version in full:
            a, b, c = re.match(r"(\d+)\.(\d+)\.(\d+)", version).groups()
            near |= {f"{a}.{b}.{int(c) + 1}", f"{a}.{b}.{c}", f"{a}.{b}.{c}-beta.1"} | ({f"{a}.{b}.{int(c) - 1}"} if int(c) else set())
        entry = packages.setdefault(record["module_name"], ([], set()))
        entry[0].append(record)
        entry[1].update(near)
    asked = []
    for name, (records, near) in sorted(packages.items()):
        for version in chance.sample(sorted(near), min(4, len(near))):
            asked += [(name, version, str(r["id"]), r["vulnerable_versions"]) for r in records]
    rows = json.dumps([[version, vulnerable] for _, version, _, vulnerable in asked])
    answers = json.loads(subprocess.run(["node", "-e", MATCH, semver], input=rows, capture_output=True, text=True, check=True).stdout)
    return [("npm", name, version, id, answer) for (name, version, id, _), answer in zip(asked, answers)]


class Maven:
    """Orders versions by one run of Java for all pairs."""

    def __init__(self, jar, pairs):
        with tempfile.TemporaryDirectory() as directory:
            source = os.path.join(directory, "Compare.java")
            open(source, "w").write(COMPARE)
            text = "\n".join(" ".join(pair) for pair in pairs)
            jars = ":".join(glob.glob(os.path.join(os.path.dirname(jar), "*.jar")))
            out = subprocess.run(["java", "-cp", jars, source], input=text, capture_output=True, text=True, check=True).stdout
        self.known = dict(zip(pairs, map(int, out.split())))


def maven(vectors, jar, chance):
    records = [json.load(open(p)) for p in sorted(glob.glob(os.path.join(vectors, "osv-schema/tools/ghsa/testdata/*.osv.json")))]
    entries = {}
    for record in records:
        for affected in record["affected"]:
            if affected["package"]["ecosystem"] == "Maven":
                entries.setdefault(affected["package"]["name"], []).append((record["id"], affected))
    asked = []
    for name, rows in sorted(entries.items()):
        bounds = {v for _, a in rows for r in a["ranges"] for e in r["events"] for v in e.values() if v != "0"}
        near = {"0.1", "99", "1.0-SNAPSHOT"}
        for bound in bounds:
            near |= {bound, bound + ".1", bound + "-1", bound + ".0", bound + ".Final", bound + "-SNAPSHOT", bound + "-rc1", bound + "-alpha-2", bound + "-sp", bound + ".RELEASE", bound + "-jre", bound + "-m3", bound + "-beta.3", bound + "-20200101.120000-1", bound + "a1", bound + ".ga", bound + "-final-2"}
        asked += [(name, version) for version in sorted(near)]
    pairs = sorted({(v, b) for n, v in asked for _, a in entries[n] for r in a["ranges"] for e in r["events"] for b in e.values() if b != "0"})
    bounds = sorted({b for rows in entries.values() for _, a in rows for r in a["ranges"] for e in r["events"] for b in e.values() if b != "0"})
    known = Maven(jar, sorted({*pairs, *((a, b) for a in bounds for b in bounds)})).known
    order = lambda one, other: (one[1] != "0") - (other[1] != "0") if "0" in (one[1], other[1]) else known[one[1], other[1]]
    for name, version in asked:
        for id, affected in entries[name]:
            hit = False
            for r in affected["ranges"]:
                inside = False
                events = sorted(((k, v) for e in r["events"] for k, v in e.items()), key=functools.cmp_to_key(order))
                for kind, bound in events:
                    if kind == "introduced" and (bound == "0" or known[version, bound] >= 0):
                        inside = True
                    elif kind == "fixed" and known[version, bound] >= 0 or kind == "last_affected" and known[version, bound] > 0:
                        inside = False
                hit = hit or inside
            yield ("Maven", name, version, id, hit)


def main(vectors, semver, jar):
    chance = random.Random(18)
    found = {}
    for ecosystem, name, version, id, hit in [*npm(vectors, semver, chance), *maven(vectors, jar, chance)]:
        if hit is not None:
            found.setdefault((ecosystem, name, version), set()).update({id} if hit else set())
    for key in sorted(found):
        print(*key, " ".join(sorted(found[key])) or "-")


main(*sys.argv[1:])
