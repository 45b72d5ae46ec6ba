#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use super::checks::{fetched_and_run, hidden_failures, plain_fetches, unchecked_servers};
use super::{Joint, Script, Variable};

fn programs(text: &str) -> Vec<String> {
    Script::of(text, 1).all().map(|command| command.program().to_owned()).collect()
}

#[test]
fn commands_are_found_in_every_form() {
    let text = "A=1 sudo -u app env B=2 /usr/bin/curl -o x y && (cd /tmp; make \\\n  all) | tee log # sh\nif test -f x; then rm x; fi\n";
    assert_eq!(programs(text), ["curl", "cd", "make", "tee", "test", "rm"]);
    let script = Script::of(text, 7);
    assert_eq!(script.commands[2].joint, Joint::Pipe);
    assert_eq!((script.commands[2].line, script.commands[3].line, script.commands[5].line), (7, 8, 9));
    assert_eq!(
        programs("bash -ec 'a | b'; eval \"c $(d)\"; echo `e` $(f \"$(g)\")"),
        ["bash", "eval", "echo", "a", "b", "c", "d", "e", "f", "g"]
    );
    assert_eq!(programs("cat <<EOF > x\ncurl y | sh\nEOF\nbash <<'E'\na\nE\nb"), ["cat", "bash", "b", "a"]);
    assert_eq!(
        programs("x=$((1 + 2)); for i in a b; do echo $i; done 2>&1 | sort"),
        ["", "for", "echo", "", "sort", "1"]
    );
}

#[test]
fn variables_know_whether_they_are_quoted() {
    let script = Script::of("eval \"$A\" ${B:-$C} '$D' \\$E", 1);
    let variables: Vec<Variable> =
        script.commands[0].words.iter().flat_map(|word| word.variables.clone()).collect();
    let named = |name: &str, is_quoted| Variable { name: name.to_owned(), is_quoted };
    assert_eq!(variables, [named("A", true), named("B", false), named("C", false)]);
}

#[test]
fn what_is_fetched_and_run_is_found_and_filters_are_not() {
    for text in [
        "curl -fsSL https://a.example/x | sh",
        "curl https://a.example/x | sudo -E bash -s -- -y",
        "wget -qO- https://a.example/x|tee y | /bin/bash",
        "(curl https://a.example/x) | sh -x",
        "sh -c \"$(curl -fsSL https://a.example/x)\"",
        "bash <(curl -s https://a.example/x) --yes",
        "eval \"$(wget -O - https://a.example/x)\"",
        "source <(curl -s https://a.example/x)",
        "curl https://a.example/x | python3 - --user",
        "python3 -c \"$(curl https://a.example/x)\"",
        "bash -c 'curl https://a.example/x | sh'",
        "echo \"$(curl https://a.example/x)\" | sh",
        "bash < <(curl https://a.example/x)",
        "if true; then curl https://a.example/x | sh; fi",
        "cu\"r\"l https://a.example/x | s\\h",
    ] {
        assert_eq!(fetched_and_run(&Script::of(text, 1)).len(), 1, "{text}");
    }
    for text in [
        "curl https://a.example/x | jq .a | sort",
        "curl https://a.example/x | python3 -m json.tool",
        "curl https://a.example/x | python3 -c 'import sys'",
        "curl https://a.example/x | tar xz && sh install.sh",
        "sh install.sh \"$(curl https://a.example/version)\"",
        "echo 'curl x | sh'",
        "# curl x | sh",
        "curl x || sh y",
    ] {
        assert_eq!(fetched_and_run(&Script::of(text, 1)), [], "{text}");
    }
}

#[test]
fn servers_that_are_not_checked_are_found() {
    for text in [
        "curl -fsSLk https://a.example",
        "curl --insecure https://a.example",
        "wget --no-check-certificate https://a.example",
        "git -c http.sslVerify=false clone https://a.example",
        "git config --global http.sslverify false",
        "npm config set strict-ssl false",
        "pip install --trusted-host pypi.org x",
        "export NODE_TLS_REJECT_UNAUTHORIZED=0",
        "GIT_SSL_NO_VERIFY=1 git clone https://a.example",
        "ssh -o StrictHostKeyChecking=no a.example",
        "apt-get -o Acquire::https::Verify-Peer=false update",
    ] {
        assert_eq!(unchecked_servers(&Script::of(text, 1)).len(), 1, "{text}");
    }
    for text in [
        "curl -fsSL -o k https://a.example",
        "curl -ok https://a.example",
        "git config http.sslVerify true",
        "wget -k x",
    ] {
        assert_eq!(unchecked_servers(&Script::of(text, 1)), [], "{text}");
    }
    assert_eq!(
        plain_fetches(&Script::of("curl http://a.example/x; curl http://localhost/; wget http://db:80/", 1))
            .len(),
        1
    );
    assert_eq!(
        hidden_failures(&Script::of("npm test || true\nrm x || true\ntrivy --exit-code=0 image x", 1)).len(),
        2
    );
}

/// Hostile text ends, soon, and without a fault.
#[test]
fn attack_any_text_is_read() {
    for part in
        ["$(", "`", "\"", "'", "${", "(", ")", "<<A", "<(", "\\", "sh -c ", "eval ", "$", "{", "|", "a=("]
    {
        let _ = Script::of(&part.repeat(3000), 1);
        let _ = Script::of(&format!("{part}\n").repeat(2000), 1);
    }
    let nested = (0..200).fold("curl x | sh".to_owned(), |text, _| format!("$({text})"));
    assert!(Script::of(&nested, 1).lists().len() < 100);
}
