"""Answers of an independent matcher over published OSV records: `packaging` for PyPI, `semver` for Go.

Run by hand: python pairs.py DIR-OF-osv-records > pairs.txt. Each line: ecosystem, package, version, and the rules of the findings, `?` before one
that cannot be decided. Rules are the first ids of the groups of records that share an id.
"""
import json, os, random, sys
from packaging.version import Version as PyVersion, InvalidVersion
from packaging.utils import canonicalize_name
import semver


def py(text):
    try:
        return PyVersion(text)
    except InvalidVersion:
        return None


def go(text):
    text = text[1:] if text[:1] in "vV" else text
    core = text.split("-")[0].split("+")[0]
    rest = text[len(core):]
    core += ".0" * (2 - core.count("."))
    try:
        return semver.Version.parse(core + rest).replace(build=None)
    except ValueError:
        return None


ORDERS = {"PyPI": py, "Go": go}


def affected(order, entry, text):
    """True, False, or None if it cannot be decided. The evaluation of the OSV schema, word by word."""
    version = order(text)
    versions = entry.get("versions") or []
    if text in versions or (version is not None and any(order(v) == version for v in versions)):
        return True
    ranges = [r for r in entry.get("ranges") or [] if r["type"] != "GIT"]
    if not ranges and not versions:
        return None
    unclear = False
    for r in ranges:
        events = [(k, v) for e in r["events"] for k, v in e.items()]
        parsed = []
        for kind, value in events:
            at = "start" if (kind, value) == ("introduced", "0") else order(value)
            parsed.append((kind, at))
        if version is None or any(at is None for _, at in parsed):
            unclear = True
            continue
        start = [e for e in parsed if isinstance(e[1], str)]
        rest = sorted((e for e in parsed if not isinstance(e[1], str)), key=lambda e: (e[1], e[0] == "introduced"))
        hit = bool(start)
        for kind, at in rest:
            if kind == "introduced" and version >= at:
                hit = True
            elif kind == "fixed" and version >= at:
                hit = False
            elif kind == "last_affected" and version > at:
                hit = False
        if hit:
            return True
    return None if unclear else False


def main(root):
    packages = {}
    for ecosystem in ORDERS:
        for name in sorted(os.listdir(os.path.join(root, ecosystem))):
            record = json.load(open(os.path.join(root, ecosystem, name)))
            if record.get("withdrawn"):
                continue
            for entry in record.get("affected", []):
                package = entry.get("package") or {}
                if package.get("ecosystem") in ORDERS:
                    own = package["name"]
                    key = (package["ecosystem"], canonicalize_name(own) if package["ecosystem"] == "PyPI" else own.lower())
                    packages.setdefault(key, {}).setdefault(record["id"], (record, []))[1].append(entry)
    chance = random.Random(17)
    for (ecosystem, name), records in sorted(packages.items()):
        if name in ("stdlib", "toolchain"):
            continue
        order = ORDERS[ecosystem]
        candidates = set()
        for record, entries in records.values():
            for entry in entries:
                candidates.update(chance.sample(entry.get("versions") or [], min(2, len(entry.get("versions") or []))))
                for r in entry.get("ranges") or []:
                    if r["type"] == "GIT":
                        continue
                    for event in r["events"]:
                        for value in event.values():
                            if value != "0":
                                candidates.add(value)
                                candidates.update({"Go": [value + "-rc.1"], "PyPI": [value + "rc1", value + ".1"]}[ecosystem] if value[-1].isdigit() else [])
        candidates.update(["0.0.1", "99.0.0"])
        candidates = sorted(v for v in candidates if order(v) is not None)
        for version in chance.sample(candidates, min(4, len(candidates))):
            found = {}
            for id, (record, entries) in records.items():
                answers = [affected(order, entry, version) for entry in entries]
                if True in answers:
                    found[id] = True
                elif None in answers:
                    found[id] = None
            groups = []
            for id in sorted(found):
                ids = {id, *(records[id][0].get("aliases") or [])}
                joined = [g for g in groups if g["ids"] & ids]
                groups = [g for g in groups if g not in joined]
                merged = {"ids": ids.union(*(g["ids"] for g in joined)), "members": sorted([id] + [m for g in joined for m in g["members"]])}
                groups.append(merged)
            rules = sorted((g["members"][0], any(found[m] for m in g["members"])) for g in groups)
            text = ("v" + version) if ecosystem == "Go" else version
            print(ecosystem, name, text, " ".join(("" if sure else "?") + rule for rule, sure in rules) or "-")


main(sys.argv[1])
