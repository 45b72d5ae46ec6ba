//! One Chromium with a profile and a driver process that nothing else uses; both end with it.
//!
//! Invariant: every wait has an end and a condition. The browser reaches loopback addresses alone.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::{Capabilities, TypingData, WebDriver};

use crate::settings;

/// A running browser with one open page.
pub struct Chromium {
    session: WebDriver,
    process: Pid,
    driver: Driver,
    // Dropped last: the browser writes into it until its end.
    _profile: TempDir,
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Width of the window in CSS pixels.
    pub width: u32,
    /// Whether the person prefers dark colours.
    pub dark: bool,
}

impl Chromium {
    /// Starts a driver and a browser.
    pub async fn start() -> Self {
        let profile = TempDir::new().unwrap();
        let driver = Driver::start(&profile);
        let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).to_vec();
        arguments.push(format!("--user-data-dir={}", profile.path().join("profile").display()));
        if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
            // Chromium refuses to sandbox its processes for this user.
            arguments.push("--no-sandbox".into());
        }
        let mut wanted = Capabilities::new();
        let options = json!({ "binary": settings::chromium(), "args": arguments });
        let logs = json!({ "browser": "ALL", "performance": "ALL" });
        for (name, value) in
            [("browserName", json!("chrome")), ("goog:chromeOptions", options), ("goog:loggingPrefs", logs)]
        {
            wanted.set(name, value).unwrap();
        }
        let started = WebDriver::builder(driver.url.clone(), wanted).request_timeout(ANSWER).await;
        let session = started.unwrap_or_else(|error| panic!("chromium did not start: {error}"));
        session.set_page_load_timeout(LOAD).await.unwrap();
        let process = session.capabilities().get("goog:processID").and_then(Value::as_i64);
        let process = process.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).unwrap();
        Self { session, process, driver, _profile: profile }
    }

    /// Opens an address, and waits until its page is loaded.
    pub async fn open(&self, url: &str) {
        self.session.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        // The driver may answer while the page before it is still the one that scripts see.
        self.until(&format!("{LOADED} && location.href === {}", json!(url))).await;
    }

    /// Opens an address that may lead to another one, or be refused.
    pub async fn follow(&self, url: &str) {
        self.session.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        self.until(&format!("{LOADED} && location.href !== 'about:blank'")).await;
    }

    /// Opens an address that does not answer with a page: the error's text.
    pub async fn refused(&self, url: &str) -> String {
        match self.session.goto(url).await {
            Ok(()) => panic!("{url}: a page answered"),
            Err(error) => error.to_string(),
        }
    }

    /// Sets width, colours and script for this page and later ones. Nothing moves, so that pictures and colours are those of the
    /// end of each transition.
    pub async fn look(&self, look: Look) {
        let size = json!({ "width": look.width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": false });
        self.tell("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if look.dark { "dark" } else { "light" };
        let features = [("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")];
        let features = features.map(|(name, value)| json!({ "name": name, "value": value }));
        self.tell("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Switches the scripts of pages off; those of the test go on.
    pub async fn without_script(&self) {
        self.tell("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    }

    /// Lets the test's scripts do what the page's policy forbids.
    pub async fn ignore_policy(&self) {
        self.tell("Page.setBypassCSP", json!({ "enabled": true })).await;
    }

    /// The value of an expression in the page, or of its promise.
    pub async fn value(&self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.tell("Runtime.evaluate", asked).await;
        if let Some(failure) = answer.get("exceptionDetails") {
            panic!("{}: {failure}", expression.chars().take(200).collect::<String>());
        }
        answer["result"]["value"].clone()
    }

    /// The same as text.
    pub async fn text(&self, expression: &str) -> String {
        self.value(expression).await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression in the page is true.
    pub async fn until(&self, expression: &str) {
        let end = Instant::now() + CONDITION;
        while self.value(expression).await != json!(true) {
            if Instant::now() > end {
                let page = self.text("location.href + '\\n' + document.body?.innerText").await;
                panic!("`{expression}` did not become true within {CONDITION:?}; the page says:\n{page}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until something outside the page is so.
    pub async fn when(&self, condition: impl Fn() -> bool) {
        let end = Instant::now() + CONDITION;
        while !condition() {
            assert!(Instant::now() < end, "the condition did not become true within {CONDITION:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Lets pages read and write the clipboard, which belongs to this browser alone.
    pub async fn allow_clipboard(&self) {
        let all = json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
        self.tell("Browser.grantPermissions", all).await;
    }

    /// Keeps downloads in a directory.
    pub async fn download_to(&self, dir: &Path) {
        let way = json!({ "behavior": "allow", "downloadPath": dir });
        self.tell("Browser.setDownloadBehavior", way).await;
    }

    /// Presses keys, one after the other: letters, or `thirtyfour::Key`.
    pub async fn press(&self, keys: impl Into<TypingData>) {
        self.session.action_chain().send_keys(keys).perform().await.unwrap();
    }

    /// What the browser complained about since the last question: breaches of the policy, scripts that failed, files that
    /// did not load.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.session.browser_log().await.unwrap();
        let bad = entries.into_iter().filter(|entry| matches!(entry.level.as_str(), "SEVERE" | "WARNING"));
        bad.map(|entry| entry.message).collect()
    }

    /// Addresses that the browser asked for since the last question, also in vain; without those that the page's policy stopped,
    /// and those that never leave the browser.
    pub async fn requests(&self) -> Vec<String> {
        let entries = self.session.get_log("performance").await.unwrap();
        let events = entries.iter().filter_map(|entry| serde_json::from_str::<Value>(&entry.message).ok());
        let events: Vec<Value> = events.map(|mut event| event["message"].take()).collect();
        let named = |name: &str| {
            let of_name = events.iter().filter(move |event| event["method"] == format!("Network.{name}"));
            of_name.map(|event| &event["params"]).collect::<Vec<_>>()
        };
        let failed = named("loadingFailed");
        let stopped = |id: &Value| {
            failed.iter().any(|event| event["requestId"] == *id && event["blockedReason"] == "csp")
        };
        let sent = named("requestWillBeSent").into_iter().filter(|event| !stopped(&event["requestId"]));
        let urls = sent.filter_map(|event| event["request"]["url"].as_str().map(str::to_owned));
        urls.filter(|url| !["data:", "blob:", "chrome"].iter().any(|own| url.starts_with(own))).collect()
    }

    /// A picture of the page from its top, at most so high, as WebP.
    pub async fn picture(&self, height_max: u64) -> Vec<u8> {
        let size =
            self.value("[document.documentElement.clientWidth, document.documentElement.scrollHeight]").await;
        let (width, height) = (size[0].as_u64().unwrap(), size[1].as_u64().unwrap().min(height_max));
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let asked = json!({ "format": "webp", "quality": 75, "captureBeyondViewport": true, "clip": clip });
        let answer = self.tell("Page.captureScreenshot", asked).await;
        base64::engine::general_purpose::STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
    }

    async fn tell(&self, method: &str, parameters: Value) -> Value {
        let answer = self.session.cdp().send_raw(method, parameters).await;
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The session would be ended by a request that waits for the browser; a test that fails may not be able to wait.
        // Fails only if it has ended already.
        let _ = self.session.clone().leak();
        let _ = kill_process(self.process, Signal::TERM);
        let end = Instant::now() + END;
        // The driver is its parent, and clears it away.
        while test_kill_process(self.process).is_ok() {
            if Instant::now() > end {
                let _ = kill_process(self.process, Signal::KILL);
                break;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        drop(self.driver.child.kill());
        drop(self.driver.child.wait());
    }
}

/// A chromedriver at a free port.
struct Driver {
    child: Child,
    url: String,
    // The driver would fail at its next line if nobody could read it.
    _said: BufReader<ChildStdout>,
}

impl Driver {
    fn start(profile: &TempDir) -> Self {
        let mut command = Command::new(settings::chromedriver());
        // Nothing of the person's own browser is read or written.
        for name in ["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
            command.env(name, profile.path());
        }
        command.envs(settings::surroundings());
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        // The driver ends if its free IPv6 port is taken as an IPv4 port; beside other tests that happens.
        for _ in 0..DRIVERS {
            let mut child = command
                .spawn()
                .unwrap_or_else(|error| panic!("{}: {error}", settings::chromedriver().display()));
            let mut said = BufReader::new(child.stdout.take().unwrap());
            if let Some(port) = named_port(&mut said) {
                return Self { child, url: format!("http://127.0.0.1:{port}"), _said: said };
            }
            child.wait().unwrap();
        }
        panic!("chromedriver ended {DRIVERS} times before it named its port");
    }
}

/// The port that the driver says it listens at; none if it ended.
fn named_port(said: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    while said.read_line(&mut line).unwrap() > 0 {
        if let Some((_, port)) = line.split_once(ON_PORT) {
            return Some(port.trim().trim_end_matches('.').to_owned());
        }
        line.clear();
    }
    None
}

const DRIVERS: u32 = 5;
const LOADED: &str = "document.readyState === 'complete'";
const ON_PORT: &str = "started successfully on port ";
/// Names other than loopback ones lead nowhere, but for one that a hostile resolver points at this machine.
const RESOLVER: &str = "--host-resolver-rules=MAP rebound.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, \
     EXCLUDE *.localhost, EXCLUDE 127.0.0.1";
const ARGUMENTS: [&str; 9] = [
    RESOLVER,
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--force-color-profile=srgb",
];
const HEIGHT: u32 = 1000;
const ANSWER: Duration = Duration::from_secs(60);
const LOAD: Duration = Duration::from_secs(20);
const CONDITION: Duration = Duration::from_secs(20);
const END: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);
