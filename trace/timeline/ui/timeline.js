// The view: an overview, the rows, the longest waits, a table.

(function () {
  const m = Model(JSON.parse(document.getElementById("data").textContent));
  const d = m.d, AXIS = 28, CPU = 34, TASK = 20;
  const el = (tag, props, ...kids) => {
    const e = document.createElement(tag);
    for (const k in props || {}) {
      if (k.startsWith("on")) e.addEventListener(k.slice(2), props[k]);
      else if (k in e) e[k] = props[k];
      else e.setAttribute(k, props[k]);
    }
    e.append(...kids);
    return e;
  };
  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const count = n => Math.round(n).toLocaleString("en");
  const percent = x => (100 * x).toFixed(x > 0 && x < 0.01 ? 2 : 1) + " %";
  let colours = {};

  const themed = () => {
    document.body.classList.toggle("embedded", location.hash.includes("embedded"));
    const t = /theme=(light|dark)/.exec(location.hash);
    if (t) document.documentElement.dataset.theme = t[1];
    else delete document.documentElement.dataset.theme;
    colours = {};
  };
  themed();
  addEventListener("hashchange", () => { themed(); linked(); draw(); });

  // ---- what is looked at
  let a = 0, b = m.span; // the window
  let query = null, selected = -1, mark = -1, view = "rows", order = "run";
  let focus = null; // {row, part, i}: a slice
  let rows = [];

  // ---- controls
  const app = document.getElementById("app");
  const toggle = (id, text, title, on, act) => {
    const x = el("button", {id, title, type: "button", onclick: () => {
      const on = x.getAttribute("aria-pressed") !== "true";
      x.setAttribute("aria-pressed", on);
      act(on);
    }}, text);
    x.setAttribute("aria-pressed", on);
    return x;
  };
  const button = (id, text, title, act) => el("button", {id, title, type: "button", onclick: act}, text);
  const search = el("input", {id: "search", type: "search", placeholder: "search tasks", oninput: () => find(search.value)});
  search.setAttribute("aria-label", "search tasks by name, number or cgroup, a regular expression");
  const matched = el("output", {id: "matched"});
  const from = el("input", {id: "from", type: "number", step: "any", min: 0, onchange: () => typed()});
  const to = el("input", {id: "to", type: "number", step: "any", min: 0, onchange: () => typed()});
  from.setAttribute("aria-label", "from, seconds after the begin");
  to.setAttribute("aria-label", "to, seconds after the begin");
  const width = el("output", {id: "width"});
  const map = el("canvas", {id: "map"});
  map.setAttribute("role", "img");
  map.setAttribute("aria-label", "how busy the CPUs were, over all the time; drag to choose a window");
  const canvas = el("canvas", {id: "rows", tabIndex: 0});
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", "timeline; arrow keys move, Enter zooms in on a slice, plus and minus zoom, t shows the table");
  const sheet = el("div", {className: "sheet"}, canvas);
  const plot = el("div", {className: "plot", onscroll: () => draw()}, sheet);
  const said = el("div", {className: "said", id: "said"}, "Click a slice, or move to one with the arrow keys, to see what it is.");
  said.setAttribute("aria-live", "polite");
  const tip = el("div", {className: "tip", hidden: true});
  const tableBox = el("div", {id: "table", className: "scroll", hidden: true});
  const show = {cpus: true, tasks: true};

  app.append(el("h1", {}, d.title || "Timeline"), el("p", {className: "facts"}, (d.facts || []).join(" · ")));
  const notes = (d.losses || []).slice();
  if (d.merged > 0) notes.push(count(d.merged) + " of " + count(d.slices) + " slices are shorter than " + spell(d.least) + " together with their neighbours and are drawn merged; --from and --to show a window in full");
  if (d.lostTasks > 0) notes.push(count(d.lostTasks) + " tasks that did the least have no row of their own");
  if (notes.length) {
    app.append(notes.length < 3 ? el("div", {className: "warn", id: "losses"}, ...notes.map(t => el("div", {}, t))) :
      el("details", {className: "warn", id: "losses"}, el("summary", {}, notes[0] + " – and " + (notes.length - 1) + " more"), ...notes.slice(1).map(t => el("div", {}, t))));
  }
  const tableToggle = toggle("show-table", "table", "the window as a table (t)", false, on => { view = on ? "table" : "rows"; draw(); });
  app.append(el("div", {className: "bar"}, search, matched,
    el("span", {className: "group"}, button("out", "−", "zoom out (-)", () => zoom(2)), button("in", "+", "zoom in (+)", () => zoom(0.5)), button("all", "all", "all the time (0)", () => look(0, m.span))),
    el("span", {className: "group"}, toggle("cpus", "CPUs", "show the CPUs", true, on => { show.cpus = on; list(); }), toggle("tasks", "tasks", "show the tasks", true, on => { show.tasks = on; list(); })),
    tableToggle,
    el("label", {htmlFor: "from"}, "window, s"), from, "–", to, width), map, said, plot, tableBox, tip);
  const swatch = (name, text, low) => el("span", {}, Object.assign(el("i", {}), {style: "background:var(" + name + ")" + (low ? ";height:7px;vertical-align:0" : "")}), text);
  app.append(el("div", {className: "legend"}, swatch("--run", "running"), swatch("--wait", "woken, waits for a CPU", true), swatch("--pre", "preempted, waits for a CPU", true), swatch("--block", "blocked", true), swatch("--sleep", "sleeps", true), swatch("--irq", "interrupt", true), swatch("--soft", "softirq", true), el("span", {}, "hatched: merged · ▼ one of the longest waits")));
  const marks = m.marks.map((x, i) => ({x, i})).sort((p, q) => q.x.l - p.x.l);
  if (marks.length) {
    const kinds = {runq: "waited for a CPU", irq: "interrupt", softirq: "softirq", softirq_wait: "softirq waited", irq_off: "interrupts off", preempt_off: "preemption off", block: "disk", syscall: "system call", lock: "lock"};
    app.append(el("h2", {}, "The longest"), el("ul", {className: "marks", id: "marks"}, ...marks.slice(0, 60).map(({x, i}) =>
      el("li", {}, el("button", {type: "button", onclick: () => jump(i)}, el("b", {}, spell(x.l)), el("span", {}, (kinds[x.k] || x.k) + ": " + x.t, " ", el("small", {}, "CPU " + x.c + ", at +" + spell(x.f))))))));
  }
  app.append(el("p", {className: "help"}, el("kbd", {}, "/"), " search  ", el("kbd", {}, "+"), " ", el("kbd", {}, "−"), " or Ctrl and wheel: zoom  ", el("kbd", {}, "a"), " ", el("kbd", {}, "d"), ", drag or Shift and wheel: pan  ", el("kbd", {}, "←↑↓→"), " move  ", el("kbd", {}, "Enter"), " or double click: zoom to a slice  ", el("kbd", {}, "n"), " ", el("kbd", {}, "p"), " next and previous of the longest  ", el("kbd", {}, "Esc"), " back  ", el("kbd", {}, "t"), " table"));

  // ---- rows
  const gutter = () => plot.clientWidth < 500 ? 92 : 168;
  const name = t => t.pid > 0 ? t.comm + " " + t.pid : t.comm;
  function list() {
    rows = [];
    let y = AXIS;
    if (show.cpus) for (const c of m.cpus) { rows.push({y, h: CPU, cpu: c}); y += CPU; }
    if (show.tasks) for (const t of m.tasks) if (t.row && (!query || query(t))) { rows.push({y, h: TASK, task: t}); y += TASK; }
    sheet.style.height = y + 6 + "px";
    focus = null;
    draw();
  }
  function find(text) {
    query = null;
    matched.textContent = "";
    if (text) {
      let re;
      try { re = new RegExp(text, "i"); } catch (e) { matched.textContent = "not a regular expression"; return; }
      query = t => re.test(name(t)) || re.test(t.cgroup);
      const n = m.tasks.filter(query).length;
      matched.textContent = count(n) + (n === 1 ? " task" : " tasks");
    }
    list();
  }
  const history = [];
  // linked reads a window out of the address: #from=1.2&to=1.3, in seconds.
  function linked() {
    const p = /[#&]from=([\d.]+)/.exec(location.hash), q = /[#&]to=([\d.]+)/.exec(location.hash);
    if (p && q && +q[1] > +p[1]) look(+p[1] * 1e9, +q[1] * 1e9);
  }
  function look(p, q, quiet) {
    const least = 200, w = Math.min(m.span, Math.max(least, q - p));
    if (!quiet) history.push([a, b]);
    if (history.length > 100) history.shift();
    a = Math.max(0, Math.min(m.span - w, p));
    b = a + w;
    draw();
  }
  function zoom(factor, at) {
    const t = at === undefined ? (a + b) / 2 : at;
    look(t - (t - a) * factor, t + (b - t) * factor, true);
  }
  function typed() {
    const p = +from.value * 1e9, q = +to.value * 1e9;
    if (q > p) look(p, q); else draw();
  }
  function jump(i) {
    const x = m.marks[i];
    mark = i;
    const t = m.tasks.findIndex(t => t.pid === x.p && t.row);
    selected = x.p > 0 && t >= 0 ? t : -1;
    say([spell(x.l) + ": " + x.t]);
    look(x.f - x.l * 0.6, x.f + x.l * 1.6);
    const r = rows.find(r => r.cpu && r.cpu.cpu === x.c);
    if (r && selected < 0) plot.scrollTop = Math.max(0, r.y - AXIS - 40);
    if (selected >= 0) reveal(rows.find(r => r.task && r.task.id === selected));
    plot.scrollIntoView({block: "nearest"});
  }
  function reveal(r) {
    if (!r) return;
    if (r.y < plot.scrollTop + AXIS) plot.scrollTop = r.y - AXIS;
    else if (r.y + r.h > plot.scrollTop + plot.clientHeight) plot.scrollTop = r.y + r.h - plot.clientHeight + 4;
  }

  // ---- colours
  // Tasks of one name have one colour; those that ran the most are the furthest
  // apart.
  const hues = new Map();
  for (const t of m.tasks) if (!hues.has(t.comm)) hues.set(t.comm, (hues.size * 137.508 + 205) % 360);
  const taskColour = t => {
    const k = "task " + t.comm;
    return colours[k] || (colours[k] = "hsl(" + hues.get(t.comm).toFixed(0) + " " + css("--task-s") + " " + css("--task-l") + ")");
  };
  const colour = n => colours[n] || (colours[n] = css(n));
  const stateColour = s => colour({1: "--run", 2: "--wait", 3: "--pre", 5: "--block"}[s] || "--sleep");

  // ---- drawing
  let pending = false;
  function draw() {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => { pending = false; paint(); });
  }
  function size(cv, w, h) {
    const r = window.devicePixelRatio || 1;
    if (cv.width !== Math.round(w * r) || cv.height !== Math.round(h * r)) { cv.width = Math.round(w * r); cv.height = Math.round(h * r); }
    cv.style.height = h + "px";
    const c = cv.getContext("2d");
    c.setTransform(r, 0, 0, r, 0, 0);
    return c;
  }
  function paint() {
    plot.hidden = view === "table";
    tableBox.hidden = view !== "table";
    if (document.activeElement !== from) from.value = +(a / 1e9).toFixed(9);
    if (document.activeElement !== to) to.value = +(b / 1e9).toFixed(9);
    width.textContent = spell(b - a);
    overview();
    if (view === "table") { table(); return; }
    const h = Math.max(60, Math.min(sheet.offsetHeight || 60, plot.clientHeight || 60)), w = plot.clientWidth, g = gutter();
    const c = size(canvas, w, h), top = plot.scrollTop, x = t => g + (t - a) / (b - a) * (w - g);
    c.clearRect(0, 0, w, h);
    c.font = "12px system-ui,sans-serif";
    c.textBaseline = "middle";
    const ticks = axis(c, x, w, h, g);
    for (const r of rows) {
      const y = r.y - top;
      if (y + r.h < AXIS || y > h) continue;
      if (r.cpu) cpuRow(c, r, y, x, w, g); else taskRow(c, r, y, x, w, g);
    }
    // Labels over what runs into the gutter.
    c.fillStyle = colour("--bg");
    c.fillRect(0, 0, g - 1, h);
    c.fillStyle = colour("--line");
    c.fillRect(g - 1, 0, 1, h);
    for (const r of rows) {
      const y = r.y - top;
      if (y + r.h < AXIS || y > h) continue;
      label(c, r, y, g);
    }
    c.fillStyle = colour("--panel");
    c.fillRect(0, 0, w, AXIS);
    c.fillStyle = colour("--line");
    c.fillRect(0, AXIS - 1, w, 1);
    c.fillStyle = colour("--dim");
    c.textAlign = "left";
    for (const t of ticks) {
      const label = t === 0 ? "0" : "+" + spell(t);
      if (x(t) >= g - 1 && x(t) + c.measureText(label).width < w) c.fillText(label, x(t) + 3, 10);
    }
    c.fillText(g > 100 ? "since the begin" : "time", 6, 10);
    flags(c, x, w, h, g, top);
  }
  function axis(c, x, w, h, g) {
    const s = step(b - a, (w - g) / 110), ticks = [];
    c.fillStyle = colour("--grid");
    for (let t = Math.ceil(a / s) * s; t <= b; t += s) { ticks.push(t); c.fillRect(Math.round(x(t)), AXIS, 1, h); }
    return ticks;
  }
  function label(c, r, y, g) {
    const text = r.cpu ? "CPU " + r.cpu.cpu : name(r.task);
    c.textAlign = "left";
    c.save();
    c.beginPath();
    c.rect(0, y, g - 4, r.h);
    c.clip();
    const row = r.task && r.task.row, i = row ? first(row, a) : 0;
    c.fillStyle = r.task && r.task.id === selected ? colour("--accent") : row && (i >= row.n || row.from[i] > b) ? colour("--dim") : colour("--fg");
    if (r.cpu) c.font = "600 12px system-ui,sans-serif";
    c.fillText(text, 6, y + r.h / 2 + (r.cpu ? 4 : 0));
    c.font = "12px system-ui,sans-serif";
    c.restore();
  }
  // each draws a row's slices in the window; of those that share a pixel, the
  // longest.
  function each(row, x, w, g, act) {
    let best = -1, column = -1, most = 0;
    const flush = () => { if (best >= 0) act(best, column, 1); best = -1; most = 0; };
    for (let i = first(row, a); i < row.n && row.from[i] < b; i++) {
      const p = Math.max(g, x(row.from[i])), q = Math.min(w, x(row.to[i])), at = Math.floor(p);
      if (q - p >= 1) {
        flush();
        act(i, p, q - p);
        continue;
      }
      if (at !== column) { flush(); column = at; }
      if (best < 0 || row.to[i] - row.from[i] > most) { best = i; most = row.to[i] - row.from[i]; }
    }
    flush();
  }
  function hatch(c, x, y, w, h) {
    if (w < 3) return;
    c.save();
    c.beginPath();
    c.rect(x, y, w, h);
    c.clip();
    c.strokeStyle = colour("--bg");
    c.globalAlpha = 0.5;
    c.lineWidth = 1;
    c.beginPath();
    for (let k = x - h - x % 6; k < x + w; k += 6) { c.moveTo(k, y + h); c.lineTo(k + h, y); }
    c.stroke();
    c.restore();
  }
  function cpuRow(c, r, y, x, w, g) {
    const top = y + 10, h = r.h - 13, row = r.cpu.tasks;
    c.fillStyle = colour("--grid");
    c.fillRect(g, top + h, w - g, 1);
    each(row, x, w, g, (i, p, n) => {
      const t = m.tasks[row.what[i]];
      if (!t) return;
      const lit = (selected < 0 || mark >= 0 || t.id === selected) && (!query || query(t)), s = row.merged.get(i);
      c.globalAlpha = lit ? 1 : 0.22;
      c.fillStyle = taskColour(t);
      c.fillRect(p, top, n > 3 ? n - 0.5 : n, h);
      c.globalAlpha = 1;
      if (s && lit) hatch(c, p, top, n, h);
      if (n > 34 && lit) {
        c.save();
        c.beginPath();
        c.rect(p, top, n - 3, h);
        c.clip();
        c.fillStyle = colour("--task-fg");
        c.textAlign = "left";
        c.fillText(s ? "mostly " + t.comm + ", " + count(s.n) + " slices" : t.comm, p + 4, top + h / 2 + 1);
        c.restore();
      }
      ring(c, r, "tasks", i, p, top, n, h);
    });
    const irqs = r.cpu.irqs;
    each(irqs, x, w, g, (i, p, n) => {
      c.fillStyle = colour(irqs.state[i] === RUNNABLE ? "--soft" : "--irq");
      c.fillRect(p, y + 3, n, 5);
      ring(c, r, "irqs", i, p, y + 3, n, 5);
    });
  }
  function taskRow(c, r, y, x, w, g) {
    const row = r.task.row, mid = y + r.h / 2;
    if (r.task.id === selected) { c.fillStyle = colour("--panel"); c.fillRect(g, y, w - g, r.h); }
    if (row.n) {
      c.fillStyle = colour("--sleep");
      const p = Math.max(g, x(row.from[0])), q = Math.min(w, x(row.to[row.n - 1]));
      if (q > p) c.fillRect(p, mid - 0.5, q - p, 1);
    }
    each(row, x, w, g, (i, p, n) => {
      const s = row.state[i], high = s === RUNNING, t = high ? y + 3 : mid - 3.5, h = high ? r.h - 6 : 7;
      c.fillStyle = stateColour(s);
      c.fillRect(p, t, n > 3 ? n - 0.5 : n, h);
      const mg = row.merged.get(i);
      if (mg) hatch(c, p, t, n, h);
      if (high && n > 44 && !mg) {
        c.fillStyle = "#fff";
        c.font = "11px system-ui,sans-serif";
        c.textAlign = "left";
        c.fillText("CPU " + row.what[i], p + 4, mid + 0.5);
        c.font = "12px system-ui,sans-serif";
      }
      ring(c, r, "row", i, p, t, n, h);
    });
  }
  function ring(c, r, part, i, p, y, n, h) {
    if (!focus || focus.r !== r || focus.part !== part || focus.i !== i) return;
    c.strokeStyle = colour("--fg");
    c.lineWidth = 2;
    c.strokeRect(p, y, Math.max(2, n), h);
  }
  function flags(c, x, w, h, g, top) {
    m.marks.forEach((k, i) => {
      const p = x(k.f), q = x(k.f + k.l);
      if (q < g || p > w) return;
      c.fillStyle = colour("--hit");
      if (i === mark) {
        c.globalAlpha = 0.13;
        c.fillRect(Math.max(g, p), AXIS, Math.max(1, Math.min(w, q) - Math.max(g, p)), h);
        c.globalAlpha = 1;
        if (p >= g) c.fillRect(p, AXIS, 1, h);
        c.fillRect(Math.min(w - 1, q), AXIS, 1, h);
      }
      const at = Math.min(w - 6, Math.max(g + 5, p));
      if (p < g && i !== mark) return;
      c.beginPath();
      c.moveTo(at - 5, AXIS - 8);
      c.lineTo(at + 5, AXIS - 8);
      c.lineTo(at, AXIS - 1);
      c.fill();
    });
  }
  let loads = null;
  function overview() {
    const w = map.clientWidth, h = 42, c = size(map, w, h), n = Math.max(1, Math.floor(w / 2));
    if (!loads || loads.length !== n) loads = load(m, n);
    c.clearRect(0, 0, w, h);
    c.fillStyle = colour("--run");
    for (let i = 0; i < n; i++) {
      const v = loads[i] * (h - 6);
      c.globalAlpha = 0.75;
      const p = Math.round(i * w / n);
      if (v > 0) c.fillRect(p, h - v, Math.round((i + 1) * w / n) - p, v);
    }
    c.globalAlpha = 1;
    const p = a / m.span * w, q = b / m.span * w;
    if (p > 0.5 || q < w - 0.5) {
      c.fillStyle = colour("--bg");
      c.globalAlpha = 0.65;
      c.fillRect(0, 0, p, h);
      c.fillRect(q, 0, w - q, h);
      c.globalAlpha = 1;
      c.strokeStyle = colour("--accent");
      c.lineWidth = 2;
      c.strokeRect(Math.min(p, w - 3), 1, Math.max(2, q - p), h - 2);
    }
    c.fillStyle = colour("--hit");
    for (const k of m.marks) c.fillRect(k.f / m.span * w - 0.5, 0, 1.5, 5);
  }

  // ---- what a slice is
  function describe(r, part, i) {
    const row = part === "tasks" ? r.cpu.tasks : part === "irqs" ? r.cpu.irqs : r.task.row;
    const g = row.merged.get(i), n = spell(row.to[i] - row.from[i]), out = [];
    if (part === "tasks") {
      const t = m.tasks[row.what[i]];
      out.push((g ? "mostly " : "") + (t ? name(t) : "?"), "on CPU " + r.cpu.cpu + " for " + n);
      if (t && t.cgroup) out.push(t.cgroup);
    } else if (part === "irqs") {
      out.push((g ? "mostly " : "") + d.s[row.what[i]], "on CPU " + r.cpu.cpu + " for " + n);
    } else {
      const s = row.state[i], who = d.s[s === RUNNING ? 0 : row.what[i]];
      out.push(name(r.task), (g ? "mostly " : "") + STATES[s] + (s === RUNNING ? " on CPU " + row.what[i] : "") + " for " + n);
      if (who) out.push("woken by " + who);
    }
    if (g) out.push(count(g.n) + " slices merged, " + percent(g.busy) + " of the time");
    out.push("at +" + spell(row.from[i]) + ", " + clock(row.from[i]));
    return out;
  }
  const clock = t => {
    const ns = m.begin + BigInt(Math.round(t)), s = ns / 1000000000n;
    return s + "." + String(ns % 1000000000n).padStart(9, "0").slice(0, 6);
  };
  const say = lines => { said.textContent = lines.join(" · "); };
  function at(e) {
    const box = canvas.getBoundingClientRect(), px = e.clientX - box.left, py = e.clientY - box.top, g = gutter();
    const t = a + (px - g) / (box.width - g) * (b - a);
    if (py < AXIS) {
      const i = m.marks.findIndex(k => Math.abs((k.f - a) / (b - a) * (box.width - g) + g - px) < 6);
      return {t, px, mark: i};
    }
    const y = py + plot.scrollTop, r = rows.find(r => y >= r.y && y < r.y + r.h);
    if (!r || px < g) return {t, px, r, label: px < g, mark: -1};
    const part = r.task ? "row" : y - r.y < 10 ? "irqs" : "tasks";
    const row = part === "row" ? r.task.row : part === "irqs" ? r.cpu.irqs : r.cpu.tasks;
    const near = 2 * (b - a) / (box.width - g), i = first(row, t - near);
    return {t, px, r, part, mark: -1, i: i < row.n && row.from[i] <= t + near ? i : -1};
  }

  // ---- pointer: one drags, two pinch
  const down = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", e => { down.set(e.pointerId, e); moved = 0; if (e.pointerType === "mouse") canvas.setPointerCapture(e.pointerId); });
  const up = e => { down.delete(e.pointerId); if (!down.size) canvas.classList.remove("drag"); };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointermove", e => {
    const before = down.get(e.pointerId), scale = (b - a) / Math.max(1, canvas.clientWidth - gutter());
    if (before) {
      const dx = e.clientX - before.clientX;
      moved += Math.abs(dx) + Math.abs(e.clientY - before.clientY);
      if (down.size === 2) {
        const other = [...down.values()].find(o => o.pointerId !== e.pointerId);
        const p = Math.abs(before.clientX - other.clientX), q = Math.abs(e.clientX - other.clientX);
        if (p > 4 && q > 4) zoom(p / q, at({clientX: (e.clientX + other.clientX) / 2, clientY: e.clientY}).t);
      } else if (moved > 3) {
        canvas.classList.add("drag");
        look(a - dx * scale, b - dx * scale, true);
        if (e.pointerType === "mouse") plot.scrollTop -= e.clientY - before.clientY;
      }
      down.set(e.pointerId, e);
      tip.hidden = true;
      return;
    }
    hover(e);
  });
  function hover(e) {
    const x = at(e);
    let lines = null;
    if (x.mark >= 0) lines = [spell(m.marks[x.mark].l), m.marks[x.mark].t];
    else if (x.label && x.r && x.r.task) {
      const t = x.r.task;
      lines = [name(t), "ran " + spell(t.spent[1]) + ", waited " + spell(t.spent[2] + t.spent[3]) + ", blocked " + spell(t.spent[5]) + ", slept " + spell(t.spent[4])].concat(t.cgroup ? [t.cgroup] : []);
    } else if (x.r && x.i >= 0 && !x.label) lines = describe(x.r, x.part, x.i);
    tip.hidden = !lines;
    if (!lines) return;
    tip.replaceChildren(el("b", {}, lines[0]), ...lines.slice(1).map(t => el("div", {}, t)));
    tip.style.left = Math.max(8, Math.min(e.clientX + 14, innerWidth - tip.offsetWidth - 8)) + "px";
    tip.style.top = Math.max(8, Math.min(e.clientY + 16, innerHeight - tip.offsetHeight - 8)) + "px";
  }
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("click", e => {
    if (moved > 3) return;
    const x = at(e);
    if (x.mark >= 0) return jump(x.mark);
    if (x.label && x.r && x.r.task) selected = selected === x.r.task.id ? -1 : x.r.task.id;
    else if (x.r && x.i >= 0 && !x.label) {
      focus = {r: x.r, part: x.part, i: x.i};
      say(describe(x.r, x.part, x.i));
      mark = -1;
      if (x.part === "tasks") selected = x.r.cpu.tasks.what[x.i];
      if (x.part === "row") selected = x.r.task.id;
    } else { selected = -1; focus = null; mark = -1; }
    draw();
  });
  canvas.addEventListener("dblclick", e => { const x = at(e); if (x.r && x.i >= 0 && !x.label) into({r: x.r, part: x.part, i: x.i}); });
  canvas.addEventListener("wheel", e => {
    const unit = e.deltaMode === 1 ? 16 : 1;
    if (e.ctrlKey || e.metaKey || e.altKey || at(e).px >= 0 && e.clientY - canvas.getBoundingClientRect().top < AXIS) zoom(Math.pow(1.002, e.deltaY * unit), at(e).t);
    else if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) {
      const s = (e.shiftKey && !e.deltaX ? e.deltaY : e.deltaX) * unit * (b - a) / Math.max(1, canvas.clientWidth - gutter());
      look(a + s, b + s, true);
    } else return;
    e.preventDefault();
  }, {passive: false});
  let brush = null;
  const mapTime = e => { const r = map.getBoundingClientRect(); return Math.max(0, Math.min(1, (e.clientX - r.left) / r.width)) * m.span; };
  map.addEventListener("pointerdown", e => { brush = mapTime(e); map.setPointerCapture(e.pointerId); });
  map.addEventListener("pointerup", e => {
    if (brush === null) return;
    const p = Math.min(brush, mapTime(e)), q = Math.max(brush, mapTime(e)), w = b - a;
    brush = null;
    if ((q - p) / m.span * map.clientWidth > 3) look(p, q);
    else look(p - w / 2, p + w / 2); // a click moves the window there
  });
  map.addEventListener("dblclick", () => look(0, m.span));

  // ---- keyboard
  const rowOf = x => x.part === "row" ? x.r.task.row : x.part === "irqs" ? x.r.cpu.irqs : x.r.cpu.tasks;
  function into(x) {
    const row = rowOf(x), w = row.to[x.i] - row.from[x.i];
    focus = x;
    say(describe(x.r, x.part, x.i));
    look(row.from[x.i] - w * 0.15, row.to[x.i] + w * 0.15);
  }
  function move(key) {
    const usable = rows.filter(r => (r.task ? r.task.row : r.cpu.tasks).n > 0);
    if (!usable.length) return;
    let x = focus;
    const mid = x ? (rowOf(x).from[x.i] + rowOf(x).to[x.i]) / 2 : a;
    if (!x || !usable.includes(x.r)) x = {r: usable[0], part: usable[0].task ? "row" : "tasks", i: first(usable[0].task ? usable[0].task.row : usable[0].cpu.tasks, a)};
    else if (key === "ArrowLeft" || key === "ArrowRight") x = {r: x.r, part: x.part, i: x.i + (key === "ArrowRight" ? 1 : -1)};
    else {
      const r = usable[usable.indexOf(x.r) + (key === "ArrowDown" ? 1 : -1)];
      if (!r) return;
      const row = r.task ? r.task.row : r.cpu.tasks;
      x = {r, part: r.task ? "row" : "tasks", i: first(row, mid)};
    }
    const row = rowOf(x);
    x.i = Math.max(0, Math.min(row.n - 1, x.i));
    focus = x;
    say(describe(x.r, x.part, x.i));
    if (row.to[x.i] < a || row.from[x.i] > b) { const c = (row.from[x.i] + row.to[x.i]) / 2, w = b - a; look(c - w / 2, c + w / 2, true); }
    reveal(x.r);
    draw();
  }
  document.addEventListener("keydown", e => {
    if (e.target.matches("input, select")) { if (e.key === "Escape") { e.target.blur(); canvas.focus(); } return; }
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const w = b - a, here = document.activeElement === canvas;
    const sorted = () => marks.map(k => k.i);
    switch (e.key) {
      case "/": search.focus(); break;
      case "t": tableToggle.click(); break;
      case "+": case "=": case "w": zoom(0.6, focus && (rowOf(focus).from[focus.i] + rowOf(focus).to[focus.i]) / 2); break;
      case "-": case "s": zoom(1 / 0.6); break;
      case "a": look(a - w * 0.2, b - w * 0.2, true); break;
      case "d": look(a + w * 0.2, b + w * 0.2, true); break;
      case "0": look(0, m.span); break;
      case "n": case "p": {
        const order = sorted(), k = order.indexOf(mark);
        if (order.length) jump(order[(k + (e.key === "n" ? 1 : k < 0 ? 0 : -1) + order.length) % order.length]);
        break;
      }
      case "Escape": {
        if (selected >= 0 || mark >= 0) { selected = mark = -1; draw(); break; }
        const back = history.pop();
        if (back) look(back[0], back[1], true); else look(0, m.span, true);
        break;
      }
      case "Enter": if (!here || !focus) return; into(focus); break;
      case "ArrowUp": case "ArrowDown": case "ArrowLeft": case "ArrowRight": if (!here) return; move(e.key); break;
      default: return;
    }
    e.preventDefault();
  });

  // ---- table of the window
  function table() {
    const ran = ranTotals(m, a, b), whole = (b - a) * Math.max(1, m.cpus.length);
    let lines = m.tasks.map(t => {
      const s = t.row ? within(t.row, a, b) : new Float64Array(8);
      return {t, run: t.row ? s[RUNNING] : ran[t.id], wait: s[RUNNABLE], pre: s[PREEMPTED], block: s[BLOCKED]};
    }).filter(x => x.run + x.wait + x.pre + x.block > 0 && (!query || query(x.t)));
    lines.sort((p, q) => order === "name" ? (p.t.comm < q.t.comm ? -1 : p.t.comm > q.t.comm ? 1 : p.t.pid - q.t.pid) : q[order] - p[order]);
    const head = (id, text, n) => {
      const th = el("th", {className: n ? "n" : "", scope: "col"}, el("button", {type: "button", onclick: () => { order = id; draw(); }}, text));
      th.setAttribute("aria-sort", order === id ? (id === "name" ? "ascending" : "descending") : "none");
      return th;
    };
    const body = el("tbody", {}), grouped = m.tasks.some(t => t.cgroup);
    const extra = (tag, props, text) => grouped ? [el(tag, props, text)] : [];
    for (const x of lines.slice(0, 1000)) body.append(el("tr", {}, el("td", {className: "n"}, percent(x.run / whole)), ...[x.run, x.wait, x.pre, x.block].map(v => el("td", {className: "n"}, v ? spell(v) : "–")), el("td", {}, name(x.t)), ...extra("td", {}, x.t.cgroup)));
    tableBox.replaceChildren(el("table", {}, el("caption", {className: "sr"}, "tasks in the window"), el("thead", {}, el("tr", {}, el("th", {className: "n", scope: "col"}, "share"), head("run", "ran", true), head("wait", "woken, waited", true), head("pre", "preempted", true), head("block", "blocked", true), head("name", "task"), ...extra("th", {scope: "col"}, "cgroup"))), body));
    if (lines.length > 1000) tableBox.append(el("p", {className: "help"}, (lines.length - 1000) + " more tasks; search to find them"));
  }

  addEventListener("resize", () => { loads = null; draw(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours = {}; draw(); });
  list();
  linked();
})();
