"use strict";
// The model: what is in the page. Nothing here touches the document.

// The states of a task, in the order of sched.State.
const STATES = ["unknown", "running", "runnable", "preempted", "sleeping", "blocked", "stopped", "dead"];
const RUNNING = 1, RUNNABLE = 2, PREEMPTED = 3, BLOCKED = 5;

// Row unpacks columns: slices by number, in the order of time.
function Row(c) {
  const n = c ? c.l.length : 0;
  const from = new Float64Array(n), to = new Float64Array(n), what = new Int32Array(n), state = new Uint8Array(n);
  let end = 0;
  for (let i = 0; i < n; i++) {
    from[i] = end + c.g[i];
    to[i] = end = from[i] + c.l[i];
    what[i] = c.w[i];
    state[i] = c.s ? c.s[i] : RUNNING;
  }
  const merged = new Map();
  if (c && c.mp) c.mp.forEach((i, k) => merged.set(i, {n: c.mn[k], busy: c.mb[k] / 100}));
  return {n, from, to, what, state, merged};
}

// first is the first slice that ends after a time.
function first(row, t) {
  let low = 0, high = row.n;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (row.to[mid] > t) high = mid; else low = mid + 1;
  }
  return low;
}

// Model reads the embedded data.
function Model(d) {
  const cpus = (d.cpus || []).map(c => ({cpu: c.cpu, tasks: Row(c.t), irqs: Row(c.i)}));
  const tasks = (d.tasks || []).map((t, id) => ({id, comm: t.n, pid: t.p, cgroup: t.g || "", spent: t.d, row: t.r ? Row(t.r) : null}));
  return {d, cpus, tasks, marks: d.marks || [], span: d.span, begin: BigInt(d.begin)};
}

// within sums a row's states up in a window. Of what was merged only its share.
function within(row, a, b) {
  const sums = new Float64Array(8);
  for (let i = first(row, a); i < row.n && row.from[i] < b; i++) {
    const m = row.merged.get(i);
    sums[row.state[i]] += (Math.min(row.to[i], b) - Math.max(row.from[i], a)) * (m ? m.busy : 1);
  }
  return sums;
}

// ranTotals sums up how long each task ran in a window, by the rows of CPUs.
function ranTotals(m, a, b) {
  const sums = new Float64Array(m.tasks.length);
  for (const c of m.cpus) {
    const r = c.tasks;
    for (let i = first(r, a); i < r.n && r.from[i] < b; i++) {
      const g = r.merged.get(i);
      if (r.what[i] >= 0) sums[r.what[i]] += (Math.min(r.to[i], b) - Math.max(r.from[i], a)) * (g ? g.busy : 1);
    }
  }
  return sums;
}

// load is how busy the CPUs were, in stretches of equal length.
function load(m, n) {
  const out = new Float64Array(n), step = m.span / n;
  for (const c of m.cpus) {
    const r = c.tasks;
    for (let i = 0; i < r.n; i++) {
      const g = r.merged.get(i), weight = g ? g.busy : 1;
      const p = Math.max(0, Math.floor(r.from[i] / step)), q = Math.min(n - 1, Math.floor(r.to[i] / step));
      for (let k = p; k <= q; k++) out[k] += (Math.min(r.to[i], (k + 1) * step) - Math.max(r.from[i], k * step)) * weight;
    }
  }
  for (let k = 0; k < n; k++) out[k] = Math.min(1, out[k] / step / Math.max(1, m.cpus.length));
  return out;
}

// spell writes a length of time.
function spell(ns) {
  const a = Math.abs(ns);
  for (const [n, u] of [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]]) {
    if (a >= n) return +(ns / n).toPrecision(4) + " " + u;
  }
  return Math.round(ns) + " ns";
}

// step is a round distance between marks of an axis.
function step(span, most) {
  const raw = span / Math.max(1, most), p = Math.pow(10, Math.floor(Math.log10(raw)));
  for (const k of [1, 2, 5, 10]) if (k * p >= raw) return k * p;
  return 10 * p;
}
