// Live updates: one stream of events for all tabs of a browser. The tab that holds the lock reads the stream and tells the
// others; each tab then reads its own page again and replaces the regions that differ.
//
// Trusted Types: a page is parsed by XMLHttpRequest with `responseType = "document"`, which makes no text into markup here, so no policy is needed.
const root = document.documentElement;
const box = document.getElementById("stream");
const channel = "BroadcastChannel" in self ? new BroadcastChannel("countersign-live") : null;
let newest = Number(root.dataset.entries ?? 0);
let shown = newest;
let reading = false;
let dirty = false;
let waits = 1000;
let broken = "";
let ended = false;
const STALE = "This page could not be read again. It shows an earlier state; it tries again by itself.";

const readPage = (address) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.setRequestHeader("accept", "text/html");
    request.responseType = "document";
    request.timeout = 20000;
    request.onload = () => (request.status === 200 && request.response ? resolve(request.response) : reject(request.status));
    request.onerror = request.ontimeout = () => reject(0);
    request.send();
  });

const say = (text) => {
  if (!box || broken === text) return;
  broken = text;
  box.lastElementChild.textContent = text;
  box.hidden = !text;
};

// A region without what changes by itself, to compare it.
const still = (region) => {
  const copy = region.cloneNode(true);
  for (const time of copy.querySelectorAll("time[data-ms]")) time.textContent = "";
  for (const button of copy.querySelectorAll("[data-copy]")) {
    button.textContent = "";
    button.classList.remove("done");
  }
  for (const one of [copy, ...copy.querySelectorAll("details, .changed")]) {
    one.removeAttribute("open");
    one.classList.remove("changed");
    if (!one.className) one.removeAttribute("class");
  }
  return copy.outerHTML;
};

// Where the focus is within a region, so that it can return to the same place.
const focusIn = (region) => {
  const active = document.activeElement;
  if (!active || active === document.body || !region.contains(active)) return null;
  const all = [...region.querySelectorAll("a, button, summary, [tabindex]")];
  return { at: all.indexOf(active), href: active.getAttribute("href") };
};

const replace = (old, fresh) => {
  const focus = focusIn(old);
  const open = new Set([...old.querySelectorAll("details[open][id]")].map((one) => one.id));
  const next = document.adoptNode(fresh);
  for (const one of next.querySelectorAll("details[id]")) one.open = open.has(one.id);
  old.replaceWith(next);
  next.classList.add("changed");
  if (focus) {
    const all = [...next.querySelectorAll("a, button, summary, [tabindex]")];
    const same = focus.href && all.find((one) => one.getAttribute("href") === focus.href);
    (same || all[focus.at])?.focus({ preventScroll: true });
  }
};

// A log has its own way to new lines (log.js); to read it again for each event would read all of it.
const isLog = Boolean(document.getElementById("log"));

const refresh = async () => {
  if (isLog) return;
  if (reading) {
    dirty = true;
    return;
  }
  reading = true;
  dirty = false;
  const wanted = newest;
  let failed = false;
  try {
    const fresh = await readPage(location.pathname + location.search);
    const regions = new Map([...fresh.querySelectorAll("[data-live]")].map((one) => [one.id, one]));
    for (const old of document.querySelectorAll("[data-live]")) {
      const next = regions.get(old.id);
      if (next && still(next) !== still(old)) replace(old, next);
    }
    root.dataset.entries = fresh.documentElement.dataset.entries;
    shown = Math.max(wanted, Number(root.dataset.entries));
    if (broken === STALE) say("");
    document.dispatchEvent(new Event("console:replaced"));
  } catch (status) {
    failed = true;
    if (status === 401) {
      ended = true;
      say(`Your session has ended. This opens a new one: countersign open ${location.pathname}`);
    } else if (!broken) say(STALE);
  } finally {
    reading = false;
  }
  // At most four pages a second, however many events come.
  if (!ended && (dirty || failed)) setTimeout(refresh, failed ? 5000 : 250);
};

// `all` means that anything may have changed; the ledger may even be another one, with fewer entries.
const heard = (entry, all) => {
  newest = all ? entry : Math.max(newest, entry);
  if (all) shown = Math.min(shown, entry - 1);
  if (newest > shown && document.visibilityState === "visible") refresh();
};

const state = (isWhole) => {
  if (ended) return;
  if (isWhole) {
    if (broken) {
      if (broken !== STALE) say("");
      refresh();
    }
  } else say("Live updates are interrupted. The page shows an earlier state; it connects again by itself.");
};

const tell = (message) => {
  channel?.postMessage(message);
  take(message);
};

const take = (message) => {
  if (message.entry) heard(message.entry, message.all);
  if (message.whole !== undefined) state(message.whole);
};

const listen = () => {
  const source = new EventSource(`${root.dataset.stream}?after=${newest}`);
  source.addEventListener("entry", (event) => {
    const { all } = JSON.parse(event.data);
    tell({ entry: Number(event.lastEventId), all: Boolean(all), whole: true });
  });
  source.onopen = () => {
    waits = 1000;
    tell({ whole: true });
  };
  source.onerror = () => {
    tell({ whole: false });
    // A browser connects again by itself unless the answer was no stream at all.
    if (source.readyState === EventSource.CLOSED) {
      // The page itself says why, for instance that the session has ended.
      refresh();
      setTimeout(listen, waits);
      waits = Math.min(waits * 2, 30000);
    }
  };
};

// A page with a part `data-poll` shows what no event tells: it is read again after so many milliseconds.
let polls = false;
const poll = () => {
  const wait = Number(document.querySelector("[data-poll]")?.dataset.poll);
  polls = wait > 0 && !ended;
  if (!polls) return;
  setTimeout(() => {
    if (document.visibilityState === "visible") refresh();
    poll();
  }, wait);
};
poll();
document.addEventListener("console:replaced", () => polls || poll());

if (root.dataset.stream) {
  if (channel) channel.onmessage = (event) => take(event.data);
  if (channel && navigator.locks) {
    // The lock is free again when its tab ends, and the next tab takes over.
    navigator.locks.request("countersign-live", () => new Promise(listen));
  } else listen();
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && newest > shown) refresh();
  });
}
