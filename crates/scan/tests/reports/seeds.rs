//! One small report of each format, from which mutations and fuzzing begin.

pub const SARIF: &str = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T","version":"1","rules":[{"id":"R","defaultConfiguration":{"level":"error"},
"messageStrings":{"m":{"text":"{0}"}},"properties":{"security-severity":"7.5","tags":["security"]}}]}},"invocations":[{"executionSuccessful":true}],
"originalUriBaseIds":{"ROOT":{"uri":"file:///ci/"}},"artifacts":[{"location":{"uri":"a.py"}}],"results":[
{"ruleId":"R","ruleIndex":0,"kind":"fail","level":"warning","message":{"id":"m","arguments":["x"]},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a.py","uriBaseId":"ROOT"},"region":{"startLine":1,"startColumn":2,"endLine":1}}}],"suppressions":[{"kind":"inSource"}]},
{"ruleId":"Q","message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":{"index":0}}},{"logicalLocations":[{"fullyQualifiedName":"A.b"}]}]}]}]}"#;

pub const JUNIT: &str = r#"<?xml version="1.0"?><testsuites name="nextest-run" tests="2" failures="1"><testsuite name="a" tests="2" failures="1"><properties><property name="control" value="C-1"/></properties>
<testcase name="x" classname="a"><flakyFailure message="m"/></testcase><testcase name="y" classname="a"><failure message="m">t &lt;</failure></testcase></testsuite></testsuites>"#;

pub const OSV: &str = r#"{"results":[{"source":{"path":"/a/yarn.lock"},"packages":[{"package":{"name":"b","version":"1.0","ecosystem":"npm"},"vulnerabilities":[{"id":"GHSA-1","aliases":["CVE-1"],"summary":"s","published":"2023-08-01T05:29:33Z",
"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"affected":[{"package":{"name":"b"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.1"}]}]}]}],"groups":[{"ids":["GHSA-1"],"aliases":["CVE-1"],"max_severity":"9.8"}],"license_violations":["GPL-3.0"]}]}]}"#;

pub const TRIVY: &str = r#"{"SchemaVersion":2,"ArtifactName":"a","Results":[{"Target":"a.py","Class":"lang-pkgs","Type":"pip","Vulnerabilities":[{"VulnerabilityID":"CVE-1","VendorIDs":["GHSA-1"],"PkgName":"b","PkgIdentifier":{"PURL":"pkg:pypi/b@1"},"InstalledVersion":"1","FixedVersion":"2, 3","Severity":"HIGH","PublishedDate":"2023-12-07T01:15:07.16Z","CVSS":{"nvd":{"V3Vector":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:L/A:N"}}}],
"Misconfigurations":[{"ID":"DS002","Status":"FAIL","Severity":"HIGH","Message":"m","CauseMetadata":{"StartLine":1,"EndLine":2}}],"Secrets":[{"RuleID":"aws","Title":"t","Severity":"CRITICAL","StartLine":1,"EndLine":1}],"Licenses":[{"Severity":"LOW","PkgName":"b","Name":"MIT"}],
"ExperimentalModifiedFindings":[{"Type":"secret","Status":"ignored","Finding":{"RuleID":"x","Severity":"LOW"}}]}]}"#;

pub const GRYPE: &str = r#"{"matches":[{"vulnerability":{"id":"GHSA-1","severity":"High","cvss":[{"vector":"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H"}],"epss":[{"epss":0.07}],"fix":{"versions":["1.1"],"state":"fixed"}},"relatedVulnerabilities":[{"id":"CVE-1","severity":"Low"}],"artifact":{"name":"b","version":"1.0","type":"npm","purl":"pkg:npm/b@1.0"}}],
"ignoredMatches":[{"vulnerability":{"id":"CVE-2"},"artifact":{"name":"c","version":"1","type":"deb"}}],"descriptor":{"name":"grype","version":"0.94.0"}}"#;

pub const CYCLONEDX: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"tools":[{"name":"t","version":"1"}],"component":{"name":"p","bom-ref":"p"}},"components":[{"name":"b","group":"g","version":"1","bom-ref":"r","purl":"pkg:npm/g/b@1","components":[{"name":"c"}]}],
"vulnerabilities":[{"id":"CVE-1","references":[{"id":"GHSA-1"}],"ratings":[{"score":9.8,"severity":"critical","method":"CVSSv31","vector":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"description":"d","published":"2021-01-01T00:00:00.000Z","affects":[{"ref":"r"}]},{"id":"CVE-2"}]}"#;

pub const CYCLONEDX_XML: &str = r#"<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.2" xmlns:v="http://cyclonedx.org/schema/ext/vulnerability/1.0"><components><component type="library" bom-ref="r"><name>b</name><version>1</version><purl>pkg:npm/b@1</purl></component></components>
<v:vulnerabilities><v:vulnerability ref="r"><v:id>CVE-1</v:id><v:ratings><v:rating><v:score><v:base>9.8</v:base></v:score><v:severity>Critical</v:severity><v:method>CVSSv3</v:method><v:vector>AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H</v:vector></v:rating></v:ratings><v:description>d</v:description></v:vulnerability></v:vulnerabilities></bom>"#;

pub const ZAP: &str = r#"{"@version":"2.16.1","site":[{"@name":"https://a","alerts":[{"pluginid":"10055","alertRef":"10055-6","alert":"CSP","riskcode":"2","confidence":"3","instances":[{"uri":"https://a/x?y=1","method":"GET","param":"p"}]},{"pluginid":"1","alert":"b","riskcode":"0","confidence":"1"}]}]}"#;

pub const ZAP_XML: &str = r#"<?xml version="1.0"?><OWASPZAPReport version="2.9.0"><site name="https://a"><alerts><alertitem><pluginid>10055</pluginid><alert>CSP</alert><riskcode>2</riskcode><confidence>3</confidence><desc>&lt;p&gt;</desc><instances><instance><uri>https://a/x</uri><method>GET</method><param>p</param></instance></instances></alertitem></alerts></site></OWASPZAPReport>"#;

pub const WAPITI: &str = r#"{"vulnerabilities":{"SQL Injection":[{"method":"GET","path":"/a","info":"i","level":4,"parameter":"q","module":"sql"}],"XSS":[]},"anomalies":{"Internal Server Error":[{"method":"POST","path":"/b","info":"j","level":2,"parameter":null}]},"additionals":{"Fingerprint":[{"method":"GET","path":"/","info":"nginx","level":0}]},"infos":{"target":"http://a/","version":"Wapiti 3.2.3","crawled_pages_nbr":4}}"#;

pub const SEMGREP: &str = r#"{"version":"1.97.0","errors":[{"level":"warn","message":"m"}],"results":[{"check_id":"a.b","path":"a.py","start":{"line":1,"col":1,"offset":0},"end":{"line":1,"col":5,"offset":4},"extra":{"message":"m","severity":"ERROR","is_ignored":false,"metadata":{"vulnerability_class":["Hard-coded Secrets"]}}},
{"check_id":"c","path":"b.py","start":{"line":1},"end":{"line":1},"extra":{"message":"m","severity":"HIGH","sca_info":{"dependency_match":{"found_dependency":{"package":"b","version":"1","ecosystem":"npm"}}}}}]}"#;

pub const BANDIT: &str = r#"{"errors":[],"generated_at":"2021-01-01T00:00:00Z","metrics":{"_totals":{"loc":2,"nosec":0},"a.py":{"loc":2,"nosec":0}},"results":[{"filename":"a.py","test_id":"B101","test_name":"assert_used","issue_text":"Use of assert","issue_severity":"LOW","issue_confidence":"HIGH","line_number":1,"line_range":[1],"col_offset":0}]}"#;

pub const PIP_AUDIT: &str = r#"{"dependencies":[{"name":"Flask","version":"0.5","vulns":[{"id":"PYSEC-2019-179","fix_versions":["1.0"],"aliases":["CVE-2019-1010083"],"description":"d"}]},
{"name":"x","version":"1","vulns":[]},{"name":"y","skip_reason":"not found"}],"fixes":[]}"#;

pub const NPM_AUDIT: &str = r#"{"auditReportVersion":2,"vulnerabilities":{"debug":{"name":"debug","severity":"high","via":[{"source":1,"name":"debug","title":"t","url":"https://github.com/advisories/GHSA-gxpj-cx7g-858c","severity":"moderate","cvss":{"score":5.3,"vectorString":"CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L"}},"ms"],"nodes":["node_modules/debug"]},
"ms":{"name":"ms","severity":"low","via":[{"source":2,"title":"u","severity":"low"}],"nodes":[]}},"metadata":{"vulnerabilities":{"total":2}}}"#;

pub const CHECKOV: &str = r#"[{"check_type":"terraform","results":{"failed_checks":[{"check_id":"CKV_1","check_name":"n","file_path":"/a.tf","file_abs_path":"/ci/a.tf","file_line_range":[1,2],"resource":"r","severity":null}],
"skipped_checks":[{"check_id":"CKV_2","file_path":"/a.tf"}],"parsing_errors":["b.tf"]},"summary":{"failed":1,"checkov_version":"3.3.30"}}]"#;

pub const HADOLINT: &str = r#"[{"line":9,"code":"DL3008","message":"Pin versions","column":1,"file":"Dockerfile","level":"warning"},{"line":1,"code":"SC2086","message":"m","file":"a.py","level":"info"}]"#;

pub const TFSEC: &str = r#"{"results":[{"rule_id":"AVD-1","long_id":"aws-s3-x","description":"d","severity":"HIGH","status":"failed","location":{"filename":"/ci/a.tf","start_line":1,"end_line":2}},{"rule_id":"G","passed":false,"location":{"filename":"a"}}]}"#;
