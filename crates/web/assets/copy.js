// Copies the text of a button's `data-copy`.
document.documentElement.dataset.script = "";
const said = document.getElementById("said");

const put = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const done = await put(button.dataset.copy);
  button.textContent = done ? "copied" : "select it";
  button.classList.toggle("done", done);
  if (said) said.textContent = done ? `copied ${button.dataset.copy}` : "the browser refused to copy; select the text";
  if (!done) {
    const line = button.parentElement.querySelector("code");
    if (line) getSelection().selectAllChildren(line);
  }
  setTimeout(() => {
    button.textContent = "copy";
    button.classList.remove("done");
  }, 1600);
});
