// What every page has: the theme, the help, times that stay true, filters that
// apply themselves, and an overview that stays fresh.

const root = document.documentElement;

function dark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function toggleTheme() {
  root.dataset.theme = dark() ? "light" : "dark";
  try {
    localStorage.setItem("ringside-theme", root.dataset.theme);
  } catch {
    // It holds for this page.
  }
  document.dispatchEvent(new CustomEvent("ringside:theme"));
}

document.querySelector("[data-theme-toggle]")?.addEventListener("click", toggleTheme);
document.addEventListener("ringside:toggle-theme", toggleTheme);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new CustomEvent("ringside:theme")));

// Pictures have no origin and so cannot read the chosen theme: it is told them.
function themePictures() {
  for (const frame of document.querySelectorAll("[data-picture]")) {
    const src = frame.src.split("#")[0] + "#embedded" + (root.dataset.theme ? "&theme=" + root.dataset.theme : "");
    if (frame.src !== src) frame.src = src;
  }
}
themePictures();
document.addEventListener("ringside:theme", themePictures);

const help = document.getElementById("help");
function showHelp() {
  if (help && !help.open) help.showModal();
}
document.querySelector("[data-help]")?.addEventListener("click", showHelp);
document.addEventListener("ringside:help", showHelp);

// The same steps as ago() on the server.
function ago(ms) {
  const suffix = ms < 0 ? " from now" : " ago";
  const min = Math.abs(ms) / 60000;
  const say = (n, unit) => Math.floor(n) + " " + unit + suffix;
  if (min < 1) return "just now";
  if (min < 60) return say(min, "min");
  if (min < 48 * 60) return say(min / 60, "h");
  if (min < 60 * 24 * 60) return say(min / 1440, "d");
  if (min < 2 * 365 * 24 * 60) return say(min / 43200, "months");
  return say(min / 525600, "years");
}

// The server's clock made the texts; a client's clock that is off must not
// rewrite them, so only the time that has passed here since counts.
const opened = Date.now();
const texts = new WeakMap();
function freshen() {
  const passed = Date.now() - opened;
  for (const el of document.querySelectorAll("time[datetime]")) {
    if (!texts.has(el)) texts.set(el, { text: el.textContent, since: passed });
    const first = texts.get(el);
    if (!/ ago$|^just now$/.test(first.text) || passed - first.since < 60000) continue;
    el.textContent = ago(opened - Date.parse(el.dateTime) + passed);
  }
}
freshen();
setInterval(freshen, 30000);

for (const form of document.querySelectorAll("[data-filters]")) {
  form.classList.add("auto");
  let timer;
  const apply = () => (window.htmx ? htmx.trigger(form, "filter") : form.requestSubmit());
  form.addEventListener("input", (e) => {
    clearTimeout(timer);
    timer = setTimeout(apply, e.target.type === "search" ? 250 : 0);
  });
  form.addEventListener("submit", (e) => {
    if (!window.htmx) return;
    e.preventDefault();
    clearTimeout(timer);
    apply();
  });
}

// Addresses say only what is filtered by.
document.addEventListener("htmx:configRequest", (e) => {
  if (!e.target.matches("[data-filters]")) return;
  for (const [name, value] of Object.entries(e.detail.parameters)) {
    if (value === "") delete e.detail.parameters[name];
  }
});

// Lists stay where they are while somebody is in them.
if (document.querySelector("[data-live]")) {
  setInterval(() => {
    const live = document.querySelector("[data-live]");
    if (document.hidden || !window.htmx || !live || live.contains(document.activeElement) || help?.open) return;
    htmx.ajax("GET", location.pathname + location.search, { target: "#live", select: "#live", swap: "outerHTML" });
  }, 60000);
}
