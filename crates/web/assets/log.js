// A log as one column: pieces come as the reader nears an end, and far ones go, so that a log of any size stays quick.
const log = document.getElementById("log");
const PIECES_MAX = 6;
const PIECE_LINES = 600;
const EVERY_MS = 1000;
let reading = false;

const readPage = (address) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.setRequestHeader("accept", "text/html");
    request.responseType = "document";
    request.onload = () => (request.status === 200 && request.response ? resolve(request.response) : reject(request.status));
    request.onerror = () => reject(0);
    request.send();
  });

const turn = (which) => document.getElementById(which);
const rows = () => log.querySelectorAll(".row");
const isLive = () => log.dataset.log === "live";

// The address of what comes next. The last line of a live log may have been half a line, so it is read again.
const address = (which) => {
  const href = turn(which)?.querySelector("a")?.getAttribute("href");
  const last = [...rows()].at(-1);
  const base = last?.closest(".piece").dataset.pieceOf;
  return which === "later" && isLive() && base ? `${base}?line=${last.id.slice(1)}` : href;
};

// Changes the document, and keeps a row where it is on the screen.
const keeping = (row, change) => {
  const before = row?.getBoundingClientRect().top;
  change();
  if (row?.isConnected) scrollBy(0, row.getBoundingClientRect().top - before);
};

// Puts a piece into the document; lines that are there already are only brought up to date.
const put = (piece, isBefore) => {
  for (const row of [...piece.querySelectorAll(".row")]) {
    const shown = document.getElementById(row.id);
    if (!shown) continue;
    shown.replaceChildren(...row.childNodes);
    row.remove();
  }
  if (!piece.querySelector(".row")) return false;
  log.querySelector(".empty")?.remove();
  const last = [...log.querySelectorAll(".piece")].at(-1);
  keeping(isBefore ? rows()[0] : [...rows()].at(-1), () => {
    if (!isBefore && last && last.childElementCount + piece.childElementCount <= PIECE_LINES) last.append(...piece.childNodes);
    else log[isBefore ? "prepend" : "append"](piece);
    trim(isBefore);
  });
  return true;
};

// Fetches what comes before or after the lines that are shown, and takes over the link to go on from there.
const add = async (which) => {
  const href = address(which);
  if (!href || reading) return false;
  reading = true;
  try {
    const page = await readPage(href);
    const fresh = page.getElementById("log");
    if (!fresh) return false;
    const piece = fresh.querySelector(".piece");
    const added = Boolean(piece) && put(document.adoptNode(piece), which === "earlier");
    const link = page.getElementById(which)?.firstElementChild;
    if (link || added) turn(which).replaceChildren(...(link ? [document.adoptNode(link)] : []));
    const headline = page.getElementById("headline");
    if (headline) document.getElementById("headline").replaceWith(document.adoptNode(headline));
    log.dataset.log = fresh.dataset.log;
    return added;
  } catch {
    return false;
  } finally {
    reading = false;
  }
};

// Removes the pieces at the far end, and lets that end's link lead to the removed piece again.
const trim = (isBefore) => {
  const pieces = [...log.querySelectorAll(".piece")];
  if (pieces.length <= PIECES_MAX) return;
  const far = isBefore ? pieces.at(-1) : pieces[0];
  const first = far.querySelector(".row")?.id.slice(1);
  const which = isBefore ? "later" : "earlier";
  const link = document.createElement("a");
  link.href = `${far.dataset.pieceOf}?line=${first}`;
  link.dataset.piece = which;
  link.textContent = isBefore ? "Later lines" : "Earlier lines";
  turn(which).replaceChildren(link);
  far.remove();
};

const follow = document.querySelector("[data-follow]");
const isFollowing = () => follow?.getAttribute("aria-pressed") === "true";

const step = async () => {
  if (!isFollowing()) return;
  if (document.visibilityState === "visible" && (await add("later"))) scrollTo(0, document.documentElement.scrollHeight);
  if (isLive()) setTimeout(step, EVERY_MS);
  else follow.setAttribute("aria-pressed", "false");
};

// Searches while the reader types: the page of the search is read, and its lines take the place of those that are shown.
const form = document.querySelector("form[role=search]");
let typed = 0;

const search = async () => {
  const words = form.elements.q.value;
  const href = words ? `${form.getAttribute("action")}?${new URLSearchParams({ q: words })}` : form.getAttribute("action");
  try {
    const page = await readPage(href);
    // The reader may have typed on meanwhile.
    if (words !== form.elements.q.value || !page.getElementById("log")) return;
    for (const id of ["found", "earlier", "later", "log"]) {
      document.getElementById(id).replaceChildren(...document.adoptNode(page.getElementById(id)).childNodes);
    }
    history.replaceState(null, "", href);
  } catch {
    // The button still searches.
  }
};

form?.addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(search, 250);
});

if (log) {
  const watch = new IntersectionObserver(
    async (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting || isFollowing() || !(await add(target.id))) continue;
        // Asks again whether the end is in sight.
        watch.unobserve(target);
        watch.observe(target);
      }
    },
    { rootMargin: "600px" },
  );
  // The end above is watched only after the reader moved, so that a link to a line stays where it leads.
  watch.observe(turn("later"));
  addEventListener("scroll", () => watch.observe(turn("earlier")), { once: true });
  // A reader who goes back wants to read, not to follow.
  const stay = () => follow?.setAttribute("aria-pressed", "false");
  addEventListener("wheel", (event) => event.deltaY < 0 && stay(), { passive: true });
  addEventListener("keydown", (event) => ["PageUp", "Home", "ArrowUp"].includes(event.key) && stay());
  follow?.addEventListener("click", () => {
    follow.setAttribute("aria-pressed", String(!isFollowing()));
    step();
  });
}
