// The view: one canvas, a table, and the controls.

(function () {
  const m = Model(JSON.parse(document.getElementById("data").textContent));
  const d = m.d, ROW = 18;
  const f = {byTask: false, comm: null, cpu: null, cgroup: null, from: null, to: null, reverse: false, byModule: false};
  let root = null, zoom = null, rects = [], byDepth = [], focus = null, query = null, view = "graph", order = "self", upside = true;

  const el = (tag, props, ...kids) => {
    const e = document.createElement(tag);
    for (const k in props || {}) {
      if (k.startsWith("on")) e.addEventListener(k.slice(2), props[k]);
      else if (k in e && k !== "list") e[k] = props[k];
      else e.setAttribute(k, props[k]);
    }
    e.append(...kids);
    return e;
  };
  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const percent = x => (100 * x).toFixed(x < 0.001 ? 3 : 2) + " %";
  const amount = (v, unit) => {
    if (unit === "ns") {
      for (const [n, u] of [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]]) if (v >= n) return (v / n).toFixed(2) + " " + u;
      return v + " ns";
    }
    return Math.round(v).toLocaleString("en") + " " + unit;
  };

  // Who embeds the page has said what it is about, and may choose its theme:
  // page.html#embedded&theme=dark.
  const themed = () => {
    document.body.classList.toggle("embedded", location.hash.includes("embedded"));
    const t = /theme=(light|dark)/.exec(location.hash);
    if (t) document.documentElement.dataset.theme = t[1];
    else delete document.documentElement.dataset.theme;
  };
  themed();
  addEventListener("hashchange", () => { themed(); draw(); });

  // ---- controls
  const app = document.getElementById("app");
  const values = (list, texts) => [...new Set(list)].filter(v => texts ? d.s[v] !== "" : v >= 0)
    .sort((a, b) => texts ? (d.s[a] < d.s[b] ? -1 : 1) : a - b);
  const chooser = (name, label, list, texts) => {
    const vs = values(list, texts);
    if (vs.length < 2) return [];
    const s = el("select", {id: "by-" + name, onchange: e => {
      f[name] = e.target.value === "" ? null : +e.target.value;
      rebuild();
    }}, el("option", {value: ""}, "all"));
    for (const v of vs) s.append(el("option", {value: v}, texts ? d.s[v] : "" + v));
    return [el("label", {htmlFor: "by-" + name}, label), s];
  };
  const toggle = (id, text, title, act) => {
    const b = el("button", {id, title, type: "button", onclick: () => {
      const on = b.getAttribute("aria-pressed") !== "true";
      b.setAttribute("aria-pressed", on);
      act(on);
    }}, text);
    b.setAttribute("aria-pressed", "false");
    return b;
  };
  const search = el("input", {id: "search", type: "search", placeholder: "search, a regular expression", size: 28, oninput: () => { find(search.value); }});
  search.setAttribute("aria-label", "search functions and modules");
  const matched = el("output", {id: "matched"});
  const crumbs = el("nav", {className: "crumbs"});
  crumbs.setAttribute("aria-label", "zoomed into");
  const canvas = el("canvas", {id: "graph", tabIndex: 0});
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", "flame graph; arrow keys move, Enter zooms, Escape zooms out, t shows the table");
  const spoken = el("div", {className: "sr"});
  spoken.setAttribute("aria-live", "polite");
  const tip = el("div", {className: "tip", hidden: true});
  const strip = el("canvas", {id: "heat", tabIndex: -1});
  strip.setAttribute("aria-label", "weight over time; drag to choose a window");
  const from = el("input", {id: "from", type: "number", step: "any", min: 0, onchange: () => typed()});
  const to = el("input", {id: "to", type: "number", step: "any", min: 0, onchange: () => typed()});
  from.setAttribute("aria-label", "from, seconds");
  to.setAttribute("aria-label", "to, seconds");
  const tableBox = el("div", {id: "table", hidden: true});
  const graphBox = el("div", {className: "graph"}, canvas, tip, spoken);

  app.append(el("h1", {}, d.title || "Flame graph"), el("p", {className: "facts"}, d.facts.join(" · ")));
  const notes = d.losses.slice();
  if (d.pruned > 0) notes.push("leaves that hold " + percent(d.pruned) + " are too small for this page and are counted to their callers");
  if (notes.length) {
    app.append(notes.length < 3 ? el("div", {className: "warn", id: "losses"}, notes.join("; ")) :
      el("details", {className: "warn", id: "losses"}, el("summary", {}, notes[0] + " – and " + (notes.length - 1) + " more"), ...notes.slice(1).map(t => el("div", {}, t))));
  }
  if (m.diff) {
    app.append(el("p", {id: "verdict", className: m.diff.verdict}, el("b", {}, m.diff.verdict), " · A: " + m.diff.a + " · B: " + m.diff.b), el("ul", {className: "why"}, ...m.diff.why.map(t => el("li", {}, t))));
  }
  const tableToggle = toggle("show-table", "table", "the same as a table (t)", on => { view = on ? "table" : "graph"; show(); });
  app.append(el("div", {className: "bar"}, search, matched,
    toggle("reverse", "callers first", "merge stacks from their leaves (r)", on => { f.reverse = on; rebuild(); }),
    ...(new Set(d.lc).size > 1 ? [toggle("by-task", "tasks", "the task below its stacks (k)", on => { f.byTask = on; rebuild(); })] : []),
    toggle("by-module", "modules", "one frame for all functions of a module", on => { f.byModule = on; rebuild(); }),
    toggle("icicle", "icicle", "roots on top", on => { upside = !on; draw(); }),
    tableToggle,
    ...(d.lc.some(c => d.s[c].startsWith("swapper")) ? [toggle("no-idle", "without idle", "leave the idle task out", on => { f.noIdle = on; rebuild(); })] : []),
    ...chooser("comm", "task", d.lc, true), ...chooser("cpu", "CPU", d.lu, false), ...chooser("cgroup", "cgroup", d.lg, true)));
  if (d.width > 0 && !m.diff) {
    app.append(el("div", {className: "bar"}, el("label", {}, "window of time, s"), from, "–", to, el("button", {type: "button", id: "all-time", onclick: () => { f.from = f.to = null; rebuild(); }}, "all")), strip);
  }
  app.append(crumbs, graphBox, tableBox, el("div", {className: "legend", id: "legend"}),
    el("p", {className: "help"}, el("kbd", {}, "/"), " search  ", el("kbd", {}, "←↑↓→"), " move  ", el("kbd", {}, "Enter"), " zoom  ", el("kbd", {}, "Esc"), " out  ", el("kbd", {}, "r"), " callers first  ", el("kbd", {}, "k"), " tasks  ", el("kbd", {}, "t"), " table"));

  // ---- colours
  const kinds = ["--user", "--kernel", "--unknown", "--user", "--kernel", "--marker"];
  const colour = n => {
    if (m.diff && n.frame >= 0) {
      const a = root.a ? n.a / root.a : 0, b = root.b ? n.b / root.b : 0;
      const rel = (b - a) / Math.max(a, b, 1e-12);
      if (Math.abs(rel) < 0.02) return css("--same");
      return mix(css("--same"), css(rel > 0 ? "--up" : "--down"), Math.min(1, 0.25 + Math.abs(rel) * 0.75));
    }
    if (n.frame < 0) return css("--marker");
    if (m.name(n.frame).startsWith("[")) return css("--unknown");
    if (m.inlined(n.frame)) return css("--inline");
    const mod = m.module(n.frame);
    if (m.kind(n.frame) === 1 && mod !== "[kernel.kallsyms]") return css("--module");
    return css(kinds[m.kind(n.frame)] || "--unknown");
  };
  const mix = (p, q, t) => "color-mix(in oklab, " + q + " " + Math.round(100 * t) + "%, " + p + ")";
  const fate = n => {
    if (!m.diff) return "";
    if (n.a === 0 && n.b > 0) return "new";
    if (n.b === 0 && n.a > 0) return "vanished";
    return "";
  };

  // ---- drawing
  // A tall picture is read from its roots: they go where the reader begins.
  let turned = false;
  function turn() {
    if (turned) return;
    turned = true;
    let deep = 0;
    for (const r of layout(m, root, root, 1 / (graphBox.clientWidth || 800))) deep = Math.max(deep, r.depth);
    if (deep * ROW > 0.7 * innerHeight) document.getElementById("icicle").click();
  }
  function rebuild() {
    const path = [];
    for (let n = zoom; n && n.parent; n = n.parent) path.unshift(n);
    root = build(m, f);
    zoom = root;
    for (const fr of path) {
      const next = [...zoom.kids.values()].find(k => k.frame === fr.frame && k.text === fr.text);
      if (!next) break;
      zoom = next;
    }
    focus = zoom;
    turn();
    find(search.value);
    show();
  }
  function show() {
    tableBox.hidden = view !== "table";
    graphBox.hidden = view === "table";
    tip.hidden = true;
    drawHeat();
    if (view === "table") return rows();
    draw();
  }
  function draw() {
    const width = graphBox.clientWidth || 800, dpr = window.devicePixelRatio || 1;
    rects = layout(m, root, zoom, 0.4 / width);
    let depth = 0;
    byDepth = [];
    for (const r of rects) { depth = Math.max(depth, r.depth); (byDepth[r.depth] = byDepth[r.depth] || []).push(r); }
    const height = (depth + 1) * ROW;
    canvas.width = width * dpr; canvas.height = height * dpr; canvas.style.height = height + "px";
    const c = canvas.getContext("2d");
    c.scale(dpr, dpr);
    c.font = "12px system-ui, sans-serif"; c.textBaseline = "middle";
    const fg = css("--fg"), bg = css("--bg"), hit = css("--hit"), accent = css("--accent");
    for (const r of rects) {
      const x = r.x * width, w = r.w * width, y = (upside ? depth - r.depth : r.depth) * ROW;
      r.px = x; r.pw = w; r.py = y;
      c.globalAlpha = r.node.depth < zoom.depth ? 0.5 : 1;
      c.fillStyle = query && query(r.node) ? hit : colour(r.node);
      c.fillRect(x, y, Math.max(w - 0.6, 0.4), ROW - 1);
      const mark = fate(r.node);
      if (mark && w > 3) {
        c.strokeStyle = fg;
        c.setLineDash(mark === "vanished" ? [4, 3] : []);
        c.lineWidth = 2;
        c.strokeRect(x + 1, y + 1, w - 2.6, ROW - 3);
        c.setLineDash([]);
      }
      if (r.node === focus && document.activeElement === canvas) {
        c.strokeStyle = accent; c.lineWidth = 2; c.strokeRect(x + 1, y + 1, Math.max(w - 2, 2), ROW - 3);
      }
      if (w > 28) {
        let text = label(r.node);
        const room = w - 8;
        if (c.measureText(text).width > room) {
          let lo = 0, hi = text.length;
          while (lo < hi) { const mid = (lo + hi + 1) >> 1; if (c.measureText(text.slice(0, mid) + "…").width <= room) lo = mid; else hi = mid - 1; }
          text = lo > 1 ? text.slice(0, lo) + "…" : "";
        }
        c.fillStyle = query && query(r.node) ? bg : fg;
        c.fillText(text, x + 4, y + ROW / 2);
      }
      c.globalAlpha = 1;
    }
    crumbs.replaceChildren();
    const path = [];
    for (let n = zoom; n; n = n.parent) path.unshift(n);
    if (path.length > 1) path.forEach((n, i) => {
      if (i) crumbs.append(" › ");
      crumbs.append(el("button", {type: "button", onclick: () => into(n)}, label(n)));
    });
    legend();
  }
  function label(n) { return n.text || (n.frame < 0) ? n.text || "all" : f.byModule ? (m.module(n.frame) || "[unknown]") : m.name(n.frame); }
  function legend() {
    const box = document.getElementById("legend");
    const item = (c, t) => el("span", {}, Object.assign(el("i", {}), {style: "background:" + c}), t);
    box.replaceChildren();
    if (m.diff) box.append(item(css("--up"), "grew"), item(css("--down"), "shrank"), item(css("--same"), "same"), "outlined: new · dashed: vanished · width: mean of both shares");
    else box.append(item(css("--user"), "user"), item(css("--kernel"), "kernel"), item(css("--module"), "kernel module"), item(css("--inline"), "inlined"), item(css("--unknown"), "unknown"));
  }
  function describe(n) {
    const lines = [label(n)];
    if (n.frame >= 0 && m.module(n.frame)) lines.push(m.module(n.frame));
    if (m.diff) {
      const a = root.a ? n.a / root.a : 0, b = root.b ? n.b / root.b : 0;
      lines.push("A " + percent(a) + " → B " + percent(b) + " (" + (b >= a ? "+" : "−") + percent(Math.abs(b - a)) + ")" + (fate(n) ? ", " + fate(n) : ""));
      const c = n.frame >= 0 && m.diff.functions[m.name(n.frame) + "\u0000" + m.module(n.frame)];
      if (c) lines.push("function in all stacks: " + percent(c.a) + " → " + percent(c.b) + ", difference within [" + percent(c.lo) + ", " + percent(c.hi) + "], 95 %: " + c.v + (c.sv && c.sv !== c.v ? " · by itself: " + c.sv : ""));
    } else {
      lines.push(percent(root.a ? n.a / root.a : 0) + " · " + amount(n.a, d.unit) + (n.sa ? " · itself " + percent(n.sa / root.a) : ""));
    }
    return lines;
  }
  function into(n) { zoom = n; focus = n; say(n); draw(); }
  function say(n) { spoken.textContent = describe(n).join(", "); }

  // ---- search
  function find(text) {
    query = null;
    if (text) {
      let re;
      try { re = new RegExp(text, "i"); } catch (e) { matched.textContent = "not a regular expression"; return draw(); }
      const known = new Map();
      query = n => {
        if (n.frame < 0) return !!n.text && re.test(n.text);
        let v = known.get(n.frame);
        if (v === undefined) known.set(n.frame, v = re.test(m.name(n.frame)) || re.test(m.module(n.frame)));
        return v;
      };
      let sum = 0;
      const walk = n => { if (query(n)) { sum += shareOf(m, root, n); return; } for (const k of n.kids.values()) walk(k); };
      if (root) walk(root);
      matched.textContent = percent(sum) + " matched";
    } else matched.textContent = "";
    if (root && view === "graph") draw();
    if (view === "table") rows();
  }

  // ---- pointer
  const at = e => {
    const b = canvas.getBoundingClientRect(), x = e.clientX - b.left, y = e.clientY - b.top;
    return rects.find(r => y >= r.py && y < r.py + ROW && x >= r.px && x < r.px + Math.max(r.pw, 1));
  };
  canvas.addEventListener("mousemove", e => {
    const r = at(e);
    tip.hidden = !r;
    if (!r) return;
    const [first, ...rest] = describe(r.node);
    tip.replaceChildren(el("b", {}, first), ...rest.map(t => el("div", {}, t)));
    tip.style.left = Math.min(e.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
    tip.style.top = Math.min(e.clientY + 14, innerHeight - tip.offsetHeight - 8) + "px";
  });
  canvas.addEventListener("mouseleave", () => { tip.hidden = true; });
  canvas.addEventListener("click", e => { const r = at(e); if (r) into(r.node); });
  canvas.addEventListener("focus", () => draw());
  canvas.addEventListener("blur", () => draw());

  // ---- keyboard
  const move = key => {
    const here = rects.find(r => r.node === focus) || rects[0];
    if (!here) return;
    let next = null;
    const up = upside ? "ArrowUp" : "ArrowDown", down = upside ? "ArrowDown" : "ArrowUp";
    if (key === up) {
      next = (byDepth[here.depth + 1] || []).filter(r => r.node.parent === here.node).sort((p, q) => q.w - p.w)[0];
    } else if (key === down) {
      next = rects.find(r => r.node === here.node.parent);
    } else {
      const row = (byDepth[here.depth] || []).slice().sort((p, q) => p.x - q.x), i = row.indexOf(here);
      next = row[i + (key === "ArrowRight" ? 1 : -1)];
    }
    if (next) { focus = next.node; say(focus); draw(); }
  };
  document.addEventListener("keydown", e => {
    if (e.target.matches("input, select")) { if (e.key === "Escape") { e.target.blur(); canvas.focus(); } return; }
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    switch (e.key) {
      case "/": search.focus(); break;
      case "t": tableToggle.click(); break;
      case "r": document.getElementById("reverse").click(); break;
      case "k": document.getElementById("by-task")?.click(); break;
      case "Escape": if (zoom !== root) into(zoom.parent || root); break;
      case "Enter": if (document.activeElement !== canvas) return; into(focus); break;
      case "ArrowUp": case "ArrowDown": case "ArrowLeft": case "ArrowRight":
        if (document.activeElement !== canvas) return;
        move(e.key); break;
      default: return;
    }
    e.preventDefault();
  });

  // ---- table
  function rows() {
    let list = table(m, root);
    if (query) list = list.filter(r => query({frame: r.frame}));
    const share = (v, whole) => whole ? v / whole : 0;
    const by = {
      self: r => share(r.sa, root.a) + share(r.sb, root.b), total: r => share(r.a, root.a) + share(r.b, root.b), name: r => m.name(r.frame),
      delta: r => Math.abs(share(r.sb, root.b) - share(r.sa, root.a)),
    }[order];
    list.sort((p, q) => order === "name" ? (by(p) < by(q) ? -1 : 1) : by(q) - by(p));
    const head = (id, text, n) => {
      const th = el("th", {className: n ? "n" : "", scope: "col"}, el("button", {type: "button", onclick: () => { order = id; rows(); }}, text));
      th.setAttribute("aria-sort", order === id ? (id === "name" ? "ascending" : "descending") : "none");
      return th;
    };
    const columns = m.diff ? [head("self", "self A", true), head("delta", "self B", true), head("delta", "difference", true)] : [head("self", "self", true), head("total", "total", true)];
    const t = el("table", {}, el("caption", {className: "sr"}, "functions by weight"), el("thead", {}, el("tr", {}, ...columns, head("name", "function"), el("th", {scope: "col"}, "module"))));
    const body = el("tbody", {});
    for (const r of list.slice(0, 1000)) {
      const cells = m.diff ? [percent(share(r.sa, root.a)), percent(share(r.sb, root.b)), (share(r.sb, root.b) >= share(r.sa, root.a) ? "+" : "−") + percent(Math.abs(share(r.sb, root.b) - share(r.sa, root.a)))]
        : [percent(share(r.sa, root.a)), percent(share(r.a, root.a))];
      body.append(el("tr", {}, ...cells.map(x => el("td", {className: "n"}, x)), el("td", {}, m.name(r.frame)), el("td", {}, m.module(r.frame))));
    }
    t.append(body);
    tableBox.replaceChildren(t);
    if (list.length > 1000) tableBox.append(el("p", {className: "help"}, (list.length - 1000) + " more functions; search to find them"));
  }

  // ---- time: seconds across, fractions of a second down
  let heatCells = null;
  function drawHeat() {
    if (!strip.isConnected) return;
    const {sums, last} = heat(m, f), width = d.width / 1e9;
    const per = Math.max(1, Math.round(1 / width)), columns = Math.floor(last / per) + 1, down = Math.min(per, 50);
    const dpr = window.devicePixelRatio || 1, w = strip.parentElement.clientWidth - 32, h = down > 1 ? 80 : 24;
    strip.width = w * dpr; strip.height = h * dpr; strip.style.height = h + "px";
    const c = strip.getContext("2d");
    c.scale(dpr, dpr);
    const grid = new Float64Array(columns * down);
    let top = 0;
    for (const [s, v] of sums) {
      const i = Math.floor(s / per) * down + Math.floor((s % per) * down / per);
      grid[i] += v;
      top = Math.max(top, grid[i]);
    }
    const cw = w / columns, ch = h / down, line = css("--panel"), full = css("--accent");
    for (let x = 0; x < columns; x++) for (let y = 0; y < down; y++) {
      const v = grid[x * down + y];
      c.fillStyle = v ? mix(line, full, 0.15 + 0.85 * v / top) : line;
      c.fillRect(x * cw, h - (y + 1) * ch, cw - (cw > 4 ? 1 : 0), ch - (ch > 3 ? 0.5 : 0));
    }
    heatCells = {per, columns, down, w, h, last};
    if (f.from !== null) {
      c.strokeStyle = css("--hit"); c.lineWidth = 2;
      c.strokeRect(f.from / per * cw, 1, Math.max((f.to - f.from) / per * cw, 2), h - 2);
    }
    from.value = f.from === null ? 0 : (f.from * width).toFixed(3);
    to.value = ((f.to === null ? last + 1 : f.to) * width).toFixed(3);
  }
  function typed() {
    const width = d.width / 1e9, p = Math.floor(+from.value / width), q = Math.ceil(+to.value / width);
    if (q > p) { f.from = p; f.to = q; rebuild(); }
  }
  let drag = null;
  const sliceAt = e => {
    const b = strip.getBoundingClientRect(), h = heatCells;
    const column = Math.max(0, Math.min(h.columns - 1e-6, (e.clientX - b.left) / h.w * h.columns));
    const fraction = 1 - Math.max(0, Math.min(1, (e.clientY - b.top) / h.h));
    return {whole: Math.floor(column) * h.per, exact: Math.floor(Math.floor(column) * h.per + fraction * h.per)};
  };
  strip.addEventListener("mousedown", e => { drag = sliceAt(e); });
  strip.addEventListener("mouseup", e => {
    if (!drag) return;
    const end = sliceAt(e), p = Math.min(drag.exact, end.exact), q = Math.max(drag.exact, end.exact);
    // A click takes its second, a drag the stretch between both ends.
    if (q - p < Math.max(1, heatCells.per / 50)) { f.from = drag.whole; f.to = drag.whole + heatCells.per; }
    else { f.from = p; f.to = q + 1; }
    drag = null;
    rebuild();
  });

  addEventListener("resize", () => show());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());
  rebuild();
})();
