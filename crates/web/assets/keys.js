// Keys: `?` shows them, `/` searches, `g` and a letter goes, `j` and `k` move, `y` copies. A reader can turn them off.
const dialog = document.getElementById("keys");
const box = dialog?.querySelector("[data-keys-on]");
const STORE = "countersign-keys";
let going = 0;

const isOn = () => {
  try {
    return localStorage.getItem(STORE) !== "off";
  } catch {
    return true;
  }
};

if (box) {
  box.checked = isOn();
  box.addEventListener("change", () => {
    try {
      localStorage.setItem(STORE, box.checked ? "on" : "off");
    } catch {
      // A browser without storage forgets the choice with the page.
    }
  });
}

const isTyping = (target) => target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");

const handle = (item) => item.querySelector("h3 a, .pair a, h3[tabindex], th a, td a, summary");

const move = (step) => {
  const handles = [...document.querySelectorAll("main [data-item]")].map(handle).filter(Boolean);
  if (!handles.length) return;
  const at = handles.findIndex((one) => one.closest("[data-item]").contains(document.activeElement));
  const next = at < 0 ? (step > 0 ? 0 : handles.length - 1) : Math.min(Math.max(at + step, 0), handles.length - 1);
  handles[next].focus();
  handles[next].closest("[data-item]").scrollIntoView({ block: "nearest" });
};

const act = (event) => {
  if (going) {
    clearTimeout(going);
    going = 0;
    const place = [...document.querySelectorAll("[data-key]")].find((link) => link.dataset.key === event.key);
    if (place) place.click();
    return Boolean(place);
  }
  switch (event.key) {
    case "?":
      if (dialog && !dialog.open) dialog.showModal();
      return true;
    case "/": {
      const search = document.querySelector("[data-search]");
      search?.focus();
      return Boolean(search);
    }
    case "g":
      going = setTimeout(() => { going = 0; }, 1500);
      return true;
    case "j":
    case "k":
      move(event.key === "j" ? 1 : -1);
      return true;
    case "y": {
      const copy = document.activeElement?.closest("[data-item]")?.querySelector("[data-copy]");
      copy?.click();
      return Boolean(copy);
    }
    default:
      return false;
  }
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target) || dialog?.open) return;
  if ((isOn() || event.key === "?") && act(event)) event.preventDefault();
});

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-keys]")) dialog?.showModal();
});
