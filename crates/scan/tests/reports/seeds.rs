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

pub const KICS: &str = r#"{"kics_version":"v1.7.0","files_scanned":2,"files_parsed":2,"files_failed_to_scan":0,"queries_failed_to_execute":0,"queries":[{"query_name":"Privileged","query_id":"dd29336b","severity":"HIGH","platform":"Kubernetes","category":"Insecure Configurations",
"files":[{"file_name":"../../path/a.py","line":1,"search_key":"spec.containers"},{"file_name":"b.yaml","line":2,"search_key":"k"}]},{"query_name":"Passwords","query_id":"f996f3cb","severity":"TRACE","category":"Secret Management","files":[{"file_name":"a.py","line":1,"search_key":"x"}]}],"total_counter":3}"#;

pub const TERRASCAN: &str = r#"{"results":{"scan_errors":[{"iac_type":"helm","directory":"d","errMsg":"no helm charts found in directory d"},{"iac_type":"k8s","errMsg":"e"}],"violations":[{"rule_name":"n","description":"d","rule_id":"AC_AWS_1","severity":"HIGH","resource_name":"r","resource_type":"aws_s3_bucket","file":"a.py","plan_root":"./","line":1}],
"skipped_violations":[{"rule_id":"AC_AWS_2","severity":"LOW","file":"b.tf","line":2}],"scan_summary":{"file/folder":"/ci","iac_type":"all","policies_validated":6,"violated_policies":1}}}"#;

pub const SNYK: &str = r#"[{"vulnerabilities":[{"id":"SNYK-JS-LODASH-590103","title":"Prototype Pollution","CVSSv3":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H","cvssScore":9.8,"severity":"critical","identifiers":{"CVE":["CVE-2020-8203"],"CWE":["CWE-400"],"GHSA":["GHSA-p6mc-m468-83gw"]},"fixedIn":["4.17.20"],"publicationTime":"2020-08-16T13:09:06Z",
"epssDetails":{"probability":"0.0146"},"packageManager":"npm","name":"lodash","version":"4.17.13"},{"id":"snyk:lic:npm:a:GPL-3.0","type":"license","license":"GPL-3.0","title":"GPL-3.0 license","severity":"medium","name":"a","version":"1"}],"ok":false,"uniqueCount":2,"packageManager":"npm","projectName":"p","filtered":{"ignore":[{"id":"SNYK-JS-B-1","title":"t","severity":"low","name":"b","version":"2"}],"patch":[]}},
{"vulnerabilities":[],"ok":true,"uniqueCount":0,"packageManager":"deb","applications":[{"vulnerabilities":[{"id":"SNYK-DEBIAN11-GCC10-1","title":"t","packageManager":"debian:11","name":"gcc-10/libgcc-s1","version":"10.2.1-6","severity":"low"}],"uniqueCount":1}]}]"#;

pub const DEPENDENCY_CHECK: &str = r#"{"reportSchema":"1.1","scanInfo":{"engineVersion":"12.1.0"},"dependencies":[{"isVirtual":false,"fileName":"log4j-core-2.14.1.jar","packages":[{"id":"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1","confidence":"HIGH"}],
"vulnerabilities":[{"source":"NVD","name":"CVE-2021-44228","severity":"CRITICAL","cvssv3":{"baseScore":10.0,"attackVector":"NETWORK","attackComplexity":"LOW","privilegesRequired":"NONE","userInteraction":"NONE","scope":"CHANGED","confidentialityImpact":"HIGH","integrityImpact":"HIGH","availabilityImpact":"HIGH","baseSeverity":"CRITICAL"},"description":"d",
"vulnerableSoftware":[{"software":{"id":"cpe","vulnerabilityIdMatched":"true","versionEndExcluding":"2.15.0"}}]}],"suppressedVulnerabilities":[{"name":"CVE-2021-45046","cvssv2":{"score":5.1,"severity":"MEDIUM"}}]},{"fileName":"x.js"}]}"#;

pub const SONARQUBE: &str = r#"[{"paging":{"pageIndex":1,"pageSize":100,"total":3},"issues":[{"key":"k","rule":"python:S1","severity":"CRITICAL","component":"p:src/cart.js","project":"p","textRange":{"startLine":1,"endLine":2,"startOffset":0,"endOffset":3},"status":"OPEN","message":"m","type":"BUG"},
{"key":"l","rule":"secrets:S6290","impacts":[{"softwareQuality":"SECURITY","severity":"HIGH"}],"component":"p:a.py","project":"p","line":1,"status":"RESOLVED","resolution":"FALSE-POSITIVE","message":"AKIA"},{"key":"m","rule":"terraform:S1","severity":"MINOR","component":"p","project":"p","status":"OPEN"}],"components":[{"key":"p:a.py","path":"a.py"}]},
{"paging":{"total":1},"hotspots":[{"ruleKey":"python:S2","component":"p:a.py","project":"p","vulnerabilityProbability":"HIGH","status":"TO_REVIEW","line":1,"message":"m"}]}]"#;

pub const CHECKMARX_XML: &str = r#"<?xml version="1.0" encoding="utf-8"?><CxXMLResults ProjectName="p" FilesScanned="4" LinesOfCodeScanned="9" CheckmarxVersion="9.5"><Query id="595" cweId="79" name="Stored_XSS" group="g" Severity="High" Language="Java">
<Result NodeId="1" FileName="a.py" Status="New" Line="1" Column="2" FalsePositive="False" Severity="High" state="0"><Path ResultId="1"><PathNode><FileName>a.py</FileName><Line>1</Line><Snippet><Line><Number>1</Number><Code>x &lt; y</Code></Line></Snippet></PathNode></Path></Result>
<Result NodeId="2" FileName="src\cart.js" Line="3" Column="1" FalsePositive="True" Severity="Information" state="1"/></Query></CxXMLResults>"#;

pub const CHECKMARX_JSON: &str = r#"{"results":[{"type":"sast","id":"1","status":"NEW","state":"NOT_EXPLOITABLE","severity":"HIGH","description":"d","data":{"queryName":"SQL_Injection","nodes":[{"line":1,"column":2,"fileName":"/a.py"},{"line":9,"fileName":"/b.py"}]}},
{"type":"kics","id":"2","severity":"LOW","data":{"queryId":"555ab8f9 [Taken from query_id]","queryName":"Unpinned","fileName":"/src/cart.js","line":3}},{"type":"sca","id":"CVE-2013-7285","severity":"HIGH","description":"d","data":{"packageIdentifier":"Maven-com.thoughtworks.xstream:xstream-1.4-beta","scaPackageData":{"dependencyPaths":[[{"id":"Maven-com.thoughtworks.xstream:xstream-1.4-beta","name":"com.thoughtworks.xstream:xstream"}]]}},
"vulnerabilityDetails":{"cvssScore":9.8,"cveName":"CVE-2013-7285"}},{"type":"sscs-secret-detection","id":"3","severity":"CRITICAL","description":"AKIA","data":{"ruleName":"aws-token","fileName":"/a.py"}}],"totalCount":4,"scanID":"s"}"#;

pub const BURP_XML: &str = r#"<?xml version="1.0"?><!DOCTYPE issues [<!ELEMENT issues (issue*)><!ATTLIST issues burpVersion CDATA "">]><issues burpVersion="2023.1" exportTime="t"><issue><serialNumber>1</serialNumber><type>1049088</type><name>SQL injection</name><host ip="192.0.2.1">http://a</host><path><![CDATA[/basket.jsp]]></path><location><![CDATA[/basket.jsp [b_id cookie]]]></location>
<severity>High</severity><confidence>Tentative</confidence><requestresponse><request method="POST" base64="true"><![CDATA[R0VU]]></request></requestresponse></issue><issue><type>8389120</type><name>n</name><path>/x?y=1</path><location>/x</location><severity>Information</severity><confidence>Certain</confidence></issue></issues>"#;

pub const OPENSCAP: &str = r#"<?xml version="1.0"?><Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" id="b"><Group id="g"><Rule id="r_a" severity="high"><title>Disable root login</title></Rule><Rule id="r_b"><title>t</title></Rule></Group><TestResult id="t"><target>host</target><rule-result idref="r_a" severity="high"><result>fail</result><ident system="http://cve.mitre.org">CVE-2005-1038</ident></rule-result>
<rule-result idref="r_b"><result>pass</result><override><old-result>fail</old-result><new-result>pass</new-result></override></rule-result><rule-result idref="r_c"><result>error</result></rule-result><rule-result idref="r_d"><result>notchecked</result></rule-result><rule-result idref="r_e"><result>notselected</result></rule-result><rule-result idref="r_f"><result>pass</result></rule-result></TestResult></Benchmark>"#;

pub const INSPEC: &str = r#"{"platform":{"name":"debian","release":"12"},"profiles":[{"name":"p","version":"1","status":"loaded","controls":[{"id":"ssh-1","title":"No root login","impact":0.7,"waiver_data":{},"results":[{"status":"failed","code_desc":"sshd_config PermitRootLogin is expected to eq \"no\"","message":"m"},{"status":"passed","code_desc":"c"}]},
{"id":"ssh-2","impact":1.0,"waiver_data":{"run":false,"justification":"j"},"results":[{"status":"skipped","code_desc":"c","skip_message":"waived"}]},{"id":"ssh-3","title":"t","impact":0.0,"results":[{"status":"failed","code_desc":"d"}]}]},{"name":"q","status":"skipped","skip_message":"other platform","controls":[]}],"statistics":{"duration":0.1},"version":"5.22.3"}"#;
