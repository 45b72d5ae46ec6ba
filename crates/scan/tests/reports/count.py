#!/usr/bin/env python3
"""Counts the findings of the published reports without the product, for the table in published.rs.

Usage: count.py VECTORS. Prints one row a file. Reads with Python's own parsers and by rules written down apart from
the product: an entry is a finding; entries with the same rule, place and sentence are one; vulnerabilities of one
component that share an id are one.
"""
import glob, json, os, re, sys, xml.etree.ElementTree as ET
from urllib.parse import unquote, urlsplit


def load(path):
    return json.loads(open(path, "rb").read().decode("utf-8-sig"))


def clusters(rows):
    """Rows are (component, ids). Counts connected sets of ids a component."""
    groups = []
    for component, ids in rows:
        ids, rest = set(ids), []
        for other, known in groups:
            if other == component and known & ids:
                ids |= known
            else:
                rest.append((other, known))
        groups = rest + [(component, ids)]
    return len(groups)


def purl(text):
    text = unquote(text)
    if re.match(r"pkg:(deb|apk|rpm|generic)/", text):
        return text
    text = text.split("?")[0].split("#")[0]
    return text.lower().replace("_", "-") if text.startswith("pkg:pypi/") else text


def sarif(path):
    doc, seen = load(path), set()
    if doc.get("version") != "2.1.0":
        return "error: version"
    if not doc.get("runs"):
        return "error: no runs"
    for run in doc["runs"]:
        if any(i.get("executionSuccessful") is False for i in run.get("invocations", [])):
            return "error: failed"
        if run.get("results") is None:
            return "error: no results"
        for result in run["results"]:
            if result.get("kind", "fail") in ("pass", "notApplicable", "informational"):
                continue
            for place in result.get("locations") or [{}]:
                physical = place.get("physicalLocation", {})
                region = {k: v for k, v in physical.get("region", {}).items() if k.startswith(("start", "end"))}
                uri = unquote(physical.get("artifactLocation", {}).get("uri", ""))
                logical = "" if uri else json.dumps(place.get("logicalLocations", [{}])[0].get("fullyQualifiedName"))
                seen.add((result.get("ruleId"), uri, logical, json.dumps(region, sort_keys=True), json.dumps(result.get("message", {}).get("text") or result.get("message"))))
    return len(seen)


def trivy(path):
    doc = load(path)
    if isinstance(doc, list) or doc.get("SchemaVersion") != 2:
        return "error: schema"
    if "Results" not in doc:
        return "error: no results"
    vulnerable, others = [], set()
    for result in doc["Results"]:
        target = result.get("Target")
        for v in result.get("Vulnerabilities") or []:
            component = purl((v.get("PkgIdentifier") or {}).get("PURL") or f'{result.get("Type")}/{v["PkgName"]}@{v.get("InstalledVersion")}')
            vulnerable.append((component, {v["VulnerabilityID"], *v.get("VendorIDs", [])}))
        for m in result.get("Misconfigurations") or []:
            if m.get("Status") != "PASS":
                others.add(("m", m["ID"], target, str(m.get("CauseMetadata", {}).get("StartLine")), m.get("Message")))
        for s in result.get("Secrets") or []:
            others.add(("s", s["RuleID"], target, s.get("StartLine"), s.get("EndLine")))
        for l in result.get("Licenses") or []:
            others.add(("l", l["Name"], l.get("PkgName"), "" if l.get("PkgName") else l.get("FilePath")))
    return clusters(vulnerable) + len(others)


def grype(path):
    doc = load(path)
    rows = []
    for m in doc["matches"] + (doc.get("ignoredMatches") or []):
        a = m["artifact"]
        rows.append((purl(a.get("purl") or f'{a["type"]}/{a["name"]}@{a["version"]}'), {m["vulnerability"]["id"], *(r["id"] for r in m.get("relatedVulnerabilities") or [])}))
    return clusters(rows)


def osv(path):
    rows, licences = [], set()
    for source in load(path)["results"]:
        for p in source["packages"]:
            name = (p["package"].get("ecosystem"), p["package"]["name"], p["package"].get("version"))
            rows += [(name, {v["id"], *v.get("aliases", [])}) for v in p.get("vulnerabilities", [])]
            licences |= {(name, l) for l in p.get("license_violations", [])}
    return clusters(rows) + len(licences)


def semgrep(path):
    doc = load(path)
    if any(e.get("level") == "error" for e in doc["errors"]):
        return "error: failed"
    return len({(r["check_id"], r["path"], json.dumps([r["start"]["line"], r["start"]["col"], r["end"]["line"], r["end"]["col"]]), r["extra"]["message"]) for r in doc["results"]})


def bandit(path):
    doc = load(path)
    if doc["errors"] or doc.get("metrics", {}).get("_totals", {}).get("nosec"):
        return "error: failed or suppressed"
    if set(doc["metrics"]) <= {"_totals"}:
        return "error: no file was read"
    return len({(r["test_id"], r["filename"], r["line_number"], r.get("col_offset"), r["issue_text"]) for r in doc["results"]})


def cyclonedx_json(path):
    doc = load(path)
    if doc.get("bomFormat") != "CycloneDX":
        return "error: format"
    if "vulnerabilities" not in doc:
        return "error: no vulnerabilities"
    components, open_ = {}, list(doc.get("components", [])) + ([doc["metadata"]["component"]] if doc.get("metadata", {}).get("component") else [])
    while open_:
        c = open_.pop()
        open_ += c.get("components", [])
        components[c.get("bom-ref")] = purl(c["purl"]) if c.get("purl") else f'{c.get("group")}/{c["name"]}@{c.get("version")}'
    rows, whole = [], set()
    for v in doc["vulnerabilities"]:
        ids = {v["id"], *(r["id"] for r in v.get("references", []))}
        rows += [(components.get(a["ref"], purl(a["ref"])), ids) for a in v.get("affects", [])]
        if not v.get("affects"):
            whole.add((v["id"], v.get("description")))
    return clusters(rows) + len(whole)


def local(node):
    return node.tag.split("}")[-1]


def cyclonedx_xml(path):
    root = ET.parse(path).getroot()
    if not any(local(n) == "vulnerabilities" for n in root.iter()):
        return "error: no vulnerabilities"
    text = lambda n, name: next((c.text.strip() for c in n if local(c) == name and c.text), None)
    components = {n.get("bom-ref"): purl(text(n, "purl") or text(n, "name")) for n in root.iter() if local(n) == "component"}
    rows = []
    for v in (n for n in root.iter() if local(n) == "vulnerability"):
        ids = {text(v, "id"), *(text(r, "id") for l in v if local(l) == "references" for r in l)}
        refs = [v.get("ref")] if v.get("ref") else []
        refs += [text(t, "ref") for a in v if local(a) == "affects" for t in a]
        rows += [(components.get(r, purl(r)), ids) for r in refs] or [("", ids)]
    return clusters(rows)


def zap(path):
    root, seen = ET.parse(path).getroot(), set()
    if not root.findall("site"):
        return "error: no site"
    for alert in root.iter("alertitem"):
        rule = alert.findtext("alertRef") or alert.findtext("pluginid")
        instances = list(alert.iter("instance"))
        for i in instances:
            seen.add((rule, (i.findtext("method") or "GET").strip(), urlsplit(i.findtext("uri").strip()).path or "/", (i.findtext("param") or "").strip()))
        if not instances:
            seen.add((rule, alert.findtext("alert")))
    return len(seen)


def pip_audit(path):
    doc = load(path)
    rows = [((p["name"], p["version"]), {v["id"], *v.get("aliases", [])}) for p in (doc if isinstance(doc, list) else doc["dependencies"]) for v in p.get("vulns", [])]
    return clusters(rows)


def npm_audit(path):
    entries = load(path)["vulnerabilities"]
    vias = [(name, n, v) for name, e in entries.items() for n in e["nodes"] for v in e["via"]]
    undescribed = {(name, n, v) for name, n, v in vias if isinstance(v, str) and v not in entries}
    return len({(name, n, v["url"]) for name, n, v in vias if isinstance(v, dict)}) + len(undescribed)


def checkov(path):
    doc, seen = load(path), set()
    for part in doc if isinstance(doc, list) else [doc]:
        for c in part.get("results", {}).get("failed_checks", []) + part.get("results", {}).get("skipped_checks", []):
            seen.add((c["check_id"], c["file_path"], str(c["file_line_range"]), c["resource"]))
    return len(seen)


def hadolint(path):
    return len({(e["code"], e["file"], e["line"], e["column"], e["message"]) for e in load(path)})


def tfsec(path):
    return len({(e["rule_id"], json.dumps(e["location"]), e["description"]) for e in load(path)["results"] or [] if e.get("status") != "passed" and not e.get("passed")})


def kics(path):
    doc = load(path)
    seen = {(q["query_id"], f["file_name"], f["line"], "" if q["category"] == "Secret Management" else f["search_key"]) for q in doc["queries"] for f in q["files"]}
    return len(seen) + sum(doc[name] > 0 for name in ("files_failed_to_scan", "queries_failed_to_execute"))


def terrascan(path):
    results = load(path)["results"]
    return len({(v["rule_id"], v["file"], v["line"], v["resource_name"]) for v in (results["violations"] or []) + (results["skipped_violations"] or [])})


FORMATS = [
    ("sarif/SpecExamples/*.sarif", sarif), ("scanner-reports/sarif/*", sarif), ("scanner-reports/trivy/*", trivy),
    ("scanner-reports/anchore_grype/*", grype), ("scanner-reports/osv_scanner/*", osv), ("scanner-reports/semgrep/*", semgrep),
    ("scanner-reports/bandit/*", bandit), ("scanner-reports/zap/*.xml", zap), ("cyclonedx/1.*/*.json", cyclonedx_json),
    ("scanner-reports/cyclonedx/*.json", cyclonedx_json), ("scanner-reports/cyclonedx/*.xml", cyclonedx_xml),
    ("scanner-reports/pip_audit/*", pip_audit), ("scanner-reports/npm_audit_7_plus/*", npm_audit), ("scanner-reports/checkov/*", checkov),
    ("scanner-reports/hadolint/*", hadolint), ("scanner-reports/tfsec/*", tfsec), ("scanner-reports/kics/*", kics), ("scanner-reports/terrascan/*", terrascan),
    ("osv-scanner/*/*.cdx.json", cyclonedx_json), ("osv-scanner/*/*.cdx.xml", cyclonedx_xml),
]

for pattern, count in FORMATS:
    for path in sorted(glob.glob(os.path.join(sys.argv[1], pattern))):
        try:
            found = count(path)
        except (KeyError, TypeError, ValueError, ET.ParseError) as error:
            found = f"error: {type(error).__name__} {error}"
        print(f"{count.__name__}\t{os.path.relpath(path, sys.argv[1])}\t{found}")
