// The light between a fact and the bytes it was read from. Both sides carry
// the IDs of their marks in data-e; whatever shares one lights up.

const log = document.querySelector("[data-log]");
const facts = document.querySelector("[data-facts]");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let pinned = null; // a fact that was clicked stays lit

function light(source) {
  for (const el of document.querySelectorAll(".lit")) el.classList.remove("lit");
  if (!source) return;
  source.classList.add("lit");
  for (const id of source.dataset.e.split(" ")) {
    for (const el of document.querySelectorAll(`[data-e~="${CSS.escape(id)}"]`)) el.classList.add("lit");
  }
}

// Scrolls a pane, and never the page, until el is in view in it.
function reveal(pane, el) {
  if (!pane || !el || pane.scrollHeight <= pane.clientHeight) return;
  const box = pane.getBoundingClientRect();
  const at = el.getBoundingClientRect();
  const margin = Math.min(48, box.height / 4);
  if (at.top >= box.top + margin && at.bottom <= box.bottom - margin) return;
  pane.scrollTo({
    top: pane.scrollTop + at.top - box.top - box.height / 3,
    behavior: calm.matches ? "auto" : "smooth",
  });
}

function point(el) {
  light(el);
  const id = el.dataset.e.split(" ")[0];
  if (log?.contains(el)) {
    reveal(facts, facts?.querySelector(`[data-e~="${CSS.escape(id)}"]`));
  } else {
    reveal(log, log?.querySelector(`[data-e~="${CSS.escape(id)}"]`));
  }
}

const marked = (e) => e.target.closest?.("[data-e]");

document.addEventListener("pointerover", (e) => {
  if (e.pointerType === "touch") return;
  const el = marked(e);
  if (el) point(el);
  else light(pinned);
});
document.addEventListener("focusin", (e) => {
  const el = marked(e);
  if (el) point(el);
});
document.addEventListener("focusout", () => light(pinned));

document.addEventListener("click", (e) => {
  const el = marked(e);
  if (!el) {
    if (!e.target.closest?.("a, button, summary")) pinned = null;
    light(pinned);
    return;
  }
  pinned = el;
  point(el);
  // In two panes the page stays put; in one column the link leads to the line.
  if (el.hasAttribute("href") && log && log.scrollHeight > log.clientHeight) {
    const line = log.querySelector(el.getAttribute("href"));
    if (!line) return; // in a gap: let the browser try
    e.preventDefault();
    history.replaceState(null, "", el.getAttribute("href"));
    const box = log.getBoundingClientRect();
    if (box.top < 0 || box.top > innerHeight - 120) log.scrollIntoView({ block: "nearest" });
  }
});
document.addEventListener("keydown", (e) => {
  if (e.key === "Escape") light((pinned = null));
});

// The log opens at the selected report, unless the address names a line.
const start = location.hash.startsWith("#L") ? document.getElementById(location.hash.slice(1)) : log?.querySelector(".rep-head.sel");
if (start && log && log.scrollHeight > log.clientHeight) {
  log.scrollTop += start.getBoundingClientRect().top - log.getBoundingClientRect().top - 24;
}
