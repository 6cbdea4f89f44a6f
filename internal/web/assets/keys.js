// Keys: rows by j and k, pages by g and a letter. A row's focus is on its
// link, so Enter, middle click and screen readers work as ever.

const places = { o: "/", s: "/signatures", c: "/crashes", d: "/dumps", p: "/profiles", t: "/traces", k: "/kernels", v: "/cves", a: "/stacks", b: "/baselines", e: "/tests", l: "/lab", h: "/hosts", j: "/admin/jobs" };
let leader = 0; // when g was pressed

function rows() {
  return [...document.querySelectorAll("[data-nav] [data-row]")].filter((a) => a.offsetParent !== null);
}

function move(step) {
  const all = rows();
  if (all.length === 0) return;
  const tr = document.activeElement?.closest?.("tr");
  let i = all.findIndex((a) => a === document.activeElement || (tr && a.closest("tr") === tr));
  i = i < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(i + step, 0), all.length - 1);
  all[i].focus({ preventScroll: true });
  all[i].closest("tr")?.scrollIntoView({ block: "nearest" });
}

function editable(el) {
  return el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName);
}

document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
  if (e.key === "Escape" && editable(e.target)) {
    e.target.blur();
    return;
  }
  if (editable(e.target) || document.querySelector("dialog[open]")) return;
  if (leader && e.timeStamp - leader < 1500) {
    leader = 0;
    if (places[e.key]) {
      e.preventDefault();
      location.assign(places[e.key]);
      return;
    }
  }
  switch (e.key) {
    case "j":
    case "k":
      move(e.key === "j" ? 1 : -1);
      break;
    case "/": {
      const field = document.querySelector("[data-find-here]") ?? document.querySelector("[data-find]");
      field?.focus();
      field?.select();
      break;
    }
    case "g":
      leader = e.timeStamp;
      break;
    case "[":
    case "]":
      document.querySelector(e.key === "[" ? "[data-older]" : "[data-newer]")?.click();
      break;
    case "t":
      document.dispatchEvent(new CustomEvent("ringside:toggle-theme"));
      break;
    case "?":
      document.dispatchEvent(new CustomEvent("ringside:help"));
      break;
    default:
      return;
  }
  e.preventDefault();
});
