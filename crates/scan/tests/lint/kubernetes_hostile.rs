//! Manifests and services that want to hide from the rules by their form, and forms that are no fault.

use std::collections::BTreeMap;

use scan::lint::{Lint, Subject, of};

fn lint(path: &str, text: &str) -> Lint {
    of(Subject::Infrastructure, &BTreeMap::from([(path.to_owned(), text.as_bytes().to_vec())])).unwrap()
}

fn rules(path: &str, text: &str) -> Vec<String> {
    let found = lint(path, text);
    assert!(found.unread.is_empty(), "{text}: {:?}", found.unread);
    found.document.findings.into_values().map(|finding| finding.rule).collect()
}

fn pod(kind: &str, rest: &str) -> String {
    format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {rest}\n")
}

#[test]
fn attack_forms_of_manifests_hide_nothing() {
    for (text, rule) in [
        (pod("Pod", "{hostNetwork: 'true', containers: []}"), "k8s-host-network"),
        (pod("Pod", "{securityContext: {runAsUser: 0b0}, containers: [{image: a}]}"), "k8s-root-user"),
        (pod("Pod", "{securityContext: {runAsUser: 00}, containers: [{image: a}]}"), "k8s-root-user"),
        (
            pod("Pod", "{securityContext: {runAsUser: 5}, containers: [{image: a, securityContext: {runAsUser: -0}}]}"),
            "k8s-root-user",
        ),
        (
            pod("Pod", "{securityContext: {runAsNonRoot: ~}, containers: [{image: a}]}"),
            "k8s-root-allowed",
        ),
        (
            pod("Pod", "{volumes: [{hostPath: {path: /var/../run/docker.sock}}], containers: []}"),
            "k8s-runtime-socket",
        ),
        (pod("Pod", "{volumes: [{hostPath: {path: /etc/..}}], containers: []}"), "k8s-sensitive-host-path"),
        (
            pod("Pod", "{ephemeralContainers: [{image: a, securityContext: {privileged: true}}]}"),
            "k8s-privileged",
        ),
        // Items of a list take its version and kind.
        (
            "apiVersion: v1\nkind: PodList\nitems: [{spec: {hostPID: true, containers: [{image: a}]}}]\n".to_owned(),
            "k8s-host-pid",
        ),
        // Kinds that others define run pods too.
        (
            pod("Rollout", "{template: {spec: {hostPID: true, containers: [{image: a}]}}}"),
            "k8s-host-pid",
        ),
        (
            pod("Pod", "{containers: [{image: 'registry.example:5000/a'}]}"),
            "k8s-latest-image",
        ),
        (
            pod("Pod", "{containers: [{image: a, command: [sh, -c, 'kube-apiserver --insecure-port 8080']}]}"),
            "k8s-insecure-port",
        ),
        (
            pod("Pod", "{containers: [{image: a, command: [/usr/bin/kube-apiserver], args: ['--authorization_mode=RBAC,AlwaysAllow']}]}"),
            "k8s-always-allow",
        ),
        (
            "apiVersion: rbac.authorization.k8s.io/v1beta1\nkind: ClusterRoleBindingList\nitems:\n- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, roleRef: {name: edit}, subjects: [{kind: Group, name: 'system:unauthenticated'}]}\n".to_owned(),
            "k8s-anonymous-bound",
        ),
    ] {
        let found = rules("a.yaml", &text);
        assert!(found.iter().any(|found| found == rule), "{text}: {found:?}");
    }
}

#[test]
fn attack_forms_of_services_hide_nothing() {
    for (text, rule) in [
        ("services: {a: {image: a, privileged: 'yes'}}", "compose-privileged"),
        ("services: {a: {image: a, privileged: \"${P-true}\"}}", "compose-privileged"),
        ("services: {a: {image: a, volumes: ['//var/run/./docker.sock:/s']}}", "compose-runtime-socket"),
        (
            "services: {a: {image: a, volumes: [s:/s]}}\nvolumes: {s: {driver_opts: {o: 'rw,bind', device: /run/docker.sock}}}",
            "compose-runtime-socket",
        ),
        ("services: {a: {image: a, volumes: ['${ROOT:-/}:/host']}}", "compose-sensitive-directory"),
        ("services: {a: {image: a, volumes: ['C:\\:/c']}}", "compose-sensitive-directory"),
        (
            "services: {a: {image: a, volumes: [x:/x]}}\nvolumes: {x: {driver_opts: {type: none, device: /}}}",
            "compose-sensitive-directory",
        ),
        ("services: {a: {image: a, cap_add: [cap_sys_admin]}}", "compose-dangerous-capability"),
        ("services: {a: {image: a, user: '00:1000'}}", "compose-root-user"),
        ("services: {a: {image: a, ports: ['5000-6000:5000-6000']}}", "compose-open-database"),
        ("services: {a: {image: a, environment: ['DB_PASSWORD=${X:-hunter2}']}}", "compose-secret-in-env"),
        ("services: {a: {image: a, network_mode: '${NET:-host}'}}", "compose-host-network"),
        // The first version of the format.
        ("a: {image: a, privileged: true}", "compose-privileged"),
    ] {
        for path in ["docker-compose.yml", "deploy/Compose.Prod.YAML"] {
            let found = rules(path, text);
            assert!(found.iter().any(|found| found == rule), "{text}: {found:?}");
        }
        if text.starts_with("services") {
            assert!(rules("any.yml", text).iter().any(|found| found == rule), "{text}");
        }
    }
}

#[test]
fn attack_services_that_cannot_be_read_are_undecided() {
    for (path, text) in [
        ("compose.yaml", "services: [a]"),
        ("compose.yaml", "services: {a: x}"),
        ("compose.yaml", "services: {a: {image: a}, a: {privileged: true}}"),
        ("compose.yaml", "services: ["),
        ("other.yaml", "services: {a: {image: a}\nx: ["),
        ("compose.yaml", "services: {a: {image: {{ image }}, privileged: true}}"),
        ("both.yaml", "apiVersion: v1\nkind: Pod\nservices:\n  a: {image: {{ a }} }\n"),
    ] {
        let found = lint(path, text);
        assert_eq!(found.unread.len(), 1, "{text}: {:?}", found.document.findings);
        assert!(found.document.findings.values().all(|finding| finding.undecided), "{text}");
    }
}

/// Each of these would be a false alarm.
#[test]
fn what_a_file_does_not_say_is_no_hit() {
    let all = |text: &str| rules("compose.yaml", text);
    let service = |rest: &str| {
        all(&format!(
            "services: {{a: {{image: 'a@sha256:0a', mem_limit: 1g, pids_limit: 9, security_opt: ['no-new-privileges:true'], {rest}}}}}"
        ))
    };
    for rest in [
        "privileged: '${P}'",
        "user: '${UID}'",
        "volumes: ['${DIR}:/x', data:/x, ./run:/x, /etc/localtime:/etc/localtime:ro, /anonymous]",
        "ports: ['127.0.0.1:5432:5432', '${IP}:5432:5432', '80:80', 8080]",
        "environment: {DB_PASSWORD: '${DB_PASSWORD}', API_TOKEN: '', TOKEN_URL: 'https://a.example', SECRET: ~, PASSWORD_FILE: /run/x}",
        "environment: [DB_PASSWORD, 'DB_PASSWORD=$PW']",
        "devices: ['/dev/snd:/dev/snd', /dev/fuse]",
    ] {
        let found = service(rest);
        assert!(found.is_empty(), "{rest}: {found:?}");
    }
    assert!(all("services: {a: {environment: {LOG: debug}}, b: {extends: {service: a}}}").is_empty());
    // Other tools have services, and other files these keys.
    assert!(
        rules("release.yaml", "services: {api: {artifact: api, env: {DB_PASSWORD: hunter2}}}").is_empty()
    );
    assert!(lint("release.yaml", "services: {api: {artifact: api}}").files.is_empty());

    let patch =
        pod("Deployment", "{template: {spec: {containers: [{name: a, env: [{name: X, value: y}]}]}}}");
    assert!(rules("patch.yaml", &patch).is_empty(), "{:?}", rules("patch.yaml", &patch));
    for text in [
        pod("Pod", "{containers: [{name: a, command: [exporter, --path, /var/lib/kubelet, --other, /usr/bin/etcd]}]}"),
        pod("Service", "{type: LoadBalancer, loadBalancerClass: example.com/internal}"),
        pod("Service", "{type: ClusterIP}"),
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {password: ''}\nstringData: {token: '${TOKEN}'}\n".to_owned(),
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {apiUsername: admin}\n".to_owned(),
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nsops: {version: '3'}\ndata: {password: aHVudGVyMg==}\n".to_owned(),
        "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n".to_owned(),
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec: {podSelector: {}, policyTypes: [Ingress], egress: [{}]}\n".to_owned(),
    ] {
        assert!(rules("a.yaml", &text).is_empty(), "{text}: {:?}", rules("a.yaml", &text));
    }
}
