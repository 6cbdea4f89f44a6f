"use strict";
// The model: what is in the page, and what a filter leaves of it. Nothing here
// touches the document.

// undelta turns distances into positions.
function undelta(list) {
  const out = new Array(list.length);
  let at = 0;
  for (let i = 0; i < list.length; i++) out[i] = at += list[i];
  return out;
}

// Model reads the embedded data.
function Model(d) {
  for (const k in d) if (d[k] === null) d[k] = []; // a list of nothing
  const n = d.np.length;
  const parent = new Int32Array(n), frame = new Int32Array(n);
  for (let i = 0; i < n; i++) { parent[i] = i - d.np[i]; frame[i] = d.nf[i]; }
  const w = d.whole;
  return {
    d, n, parent, frame, diff: d.diff || null,
    // Cells with their time, and those that a picture of all time is made of.
    timed: {n: d.cn, l: d.cl, w: d.cw, o: d.co, slices: undelta(d.cs)},
    whole: w ? {n: w.cn, l: w.cl, w: w.cw, o: w.co, slices: null} : null,
    name: f => f < 0 ? "all" : d.s[d.fn[f]],
    module: f => f < 0 ? "" : d.s[d.fm[f]],
    kind: f => f < 0 ? 5 : d.fk[f],
    inlined: f => f >= 0 && d.fi[f] === 1,
  };
}

// cells are those that a filter chooses from.
function cells(m, f) { return f.from === null && m.whole ? m.whole : m.timed; }

// passes says whether a cell is within the filter.
function passes(m, f, c, i) {
  const d = m.d, l = c.l[i];
  if (f.comm !== null && d.lc[l] !== f.comm) return false;
  if (f.noIdle && d.s[d.lc[l]].startsWith("swapper")) return false;
  if (f.cpu !== null && d.lu[l] !== f.cpu) return false;
  if (f.cgroup !== null && d.lg[l] !== f.cgroup) return false;
  if (f.from !== null && (c.slices[i] < f.from || c.slices[i] >= f.to)) return false;
  return true;
}

// build makes the tree that is drawn: nodes of {frame, children, self, total}
// with the weights of A and B. Reversed, a stack begins at its leaf.
function build(m, f) {
  if (f.byTask) return byTask(m, f);
  const root = {frame: -1, a: 0, b: 0, sa: 0, sb: 0, kids: new Map(), parent: null, depth: 0};
  const selfA = new Float64Array(m.n), selfB = new Float64Array(m.n);
  const d = m.d, c = cells(m, f);
  for (let i = 0; i < c.n.length; i++) {
    if (!passes(m, f, c, i)) continue;
    selfA[c.n[i]] += c.w[i];
    if (c.o) selfB[c.n[i]] += c.o[i];
  }
  const key = f.byModule ? fr => fr < 0 ? -1 : d.fm[fr] : fr => fr;
  const child = (p, fr) => {
    const k = key(fr);
    let c = p.kids.get(k);
    if (!c) p.kids.set(k, c = {frame: fr, a: 0, b: 0, sa: 0, sb: 0, kids: new Map(), parent: p, depth: p.depth + 1});
    return c;
  };
  if (!f.reverse && !f.byModule) {
    // Callers come before callees: one pass up for totals, one down for nodes.
    const ta = selfA.slice(), tb = selfB.slice();
    for (let i = m.n - 1; i > 0; i--) { ta[m.parent[i]] += ta[i]; tb[m.parent[i]] += tb[i]; }
    const made = new Array(m.n);
    made[0] = root; root.a = ta[0]; root.b = tb[0]; root.sa = selfA[0]; root.sb = selfB[0];
    for (let i = 1; i < m.n; i++) {
      if (ta[i] === 0 && tb[i] === 0) continue;
      const c = child(made[m.parent[i]], m.frame[i]);
      c.a += ta[i]; c.b += tb[i]; c.sa += selfA[i]; c.sb += selfB[i];
      made[i] = c;
    }
    return root;
  }
  for (let i = 0; i < m.n; i++) {
    const a = selfA[i], b = selfB[i];
    if (a === 0 && b === 0) continue;
    const stack = [];
    for (let k = i; k > 0; k = m.parent[k]) stack.push(m.frame[k]);
    if (!f.reverse) stack.reverse();
    let at = root;
    root.a += a; root.b += b;
    let last = null;
    for (const fr of stack) {
      if (f.byModule && last !== null && key(last) === key(fr)) continue;
      at = child(at, fr);
      at.a += a; at.b += b;
      last = fr;
    }
    at.sa += a; at.sb += b;
  }
  return root;
}

// byTask is build with a node for each task above its stacks.
function byTask(m, f) {
  const root = {frame: -1, a: 0, b: 0, sa: 0, sb: 0, kids: new Map(), parent: null, depth: 0};
  const deeper = n => {
    n.depth++;
    for (const k of n.kids.values()) deeper(k);
  };
  for (const comm of new Set(m.d.lc)) {
    if (f.comm !== null && f.comm !== comm) continue;
    const task = build(m, Object.assign({}, f, {byTask: false, comm}));
    if (!task.a && !task.b) continue;
    deeper(task);
    task.text = m.d.s[comm] || "[unknown task]";
    task.parent = root;
    root.kids.set("task " + comm, task);
    root.a += task.a; root.b += task.b;
  }
  return root;
}

// textOf is what a node is called.
function textOf(m, n) { return n.text || m.name(n.frame); }

// share is how wide a node is: of a comparison the mean of both shares.
function shareOf(m, root, node) {
  const a = root.a ? node.a / root.a : 0;
  if (!m.diff) return a;
  return (a + (root.b ? node.b / root.b : 0)) / 2;
}

// layout gives rectangles of the nodes under zoom, in shares of the width.
function layout(m, root, zoom, least) {
  const out = [];
  const path = [];
  for (let n = zoom; n; n = n.parent) path.unshift(n);
  for (const n of path) out.push({node: n, x: 0, w: 1, depth: n.depth});
  const whole = shareOf(m, root, zoom) || 1;
  const walk = (n, x) => {
    const kids = [...n.kids.values()];
    kids.sort((p, q) => textOf(m, p) < textOf(m, q) ? -1 : 1);
    for (const k of kids) {
      const w = shareOf(m, root, k) / whole;
      if (w >= least) {
        out.push({node: k, x, w, depth: k.depth});
        walk(k, x);
      }
      x += w;
    }
  };
  walk(zoom, 0);
  return out;
}

// table sums up functions: self, and total once per stack.
function table(m, root) {
  const rows = new Map();
  const on = new Map();
  const walk = n => {
    let r = null;
    if (n.frame >= 0) {
      const k = m.name(n.frame) + "\u0000" + m.module(n.frame);
      r = rows.get(k);
      if (!r) rows.set(k, r = {key: k, frame: n.frame, sa: 0, sb: 0, a: 0, b: 0});
      r.sa += n.sa; r.sb += n.sb;
      const c = on.get(k) || 0;
      if (c === 0) { r.a += n.a; r.b += n.b; }
      on.set(k, c + 1);
      for (const x of n.kids.values()) walk(x);
      on.set(k, c);
      return;
    }
    for (const x of n.kids.values()) walk(x);
  };
  walk(root);
  return [...rows.values()];
}

// heat sums weights by slice.
function heat(m, f) {
  const g = Object.assign({}, f, {from: null, to: null});
  const sums = new Map();
  let last = 0;
  const c = m.timed;
  for (let i = 0; i < c.n.length; i++) {
    const s = c.slices[i];
    if (s > last) last = s;
    if (passes(m, g, c, i)) sums.set(s, (sums.get(s) || 0) + c.w[i]);
  }
  return {sums, last};
}
