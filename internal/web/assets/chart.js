// Turns the stacked bars that the server drew into ones that can be pointed
// at: the caption and the legend then speak of that day.
/* global uPlot */

const live = new Map(); // figure -> { plot, stop }

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function build(figure) {
  live.get(figure)?.stop();
  live.delete(figure);
  const box = figure.querySelector(".plot");
  let data;
  try {
    data = JSON.parse(figure.dataset.chart);
  } catch {
    return; // the drawing stays
  }
  if (!data.rows.length || !window.uPlot) return;
  const days = data.rows[0].n.length;
  const xs = Array.from({ length: days }, (_, i) => data.first + i * 86400);
  const sums = [];
  const below = new Array(days).fill(0);
  for (const row of data.rows) sums.push(row.n.map((n, i) => (below[i] += n)));

  const bars = uPlot.paths.bars({ size: [0.8, 64], align: 1 });
  const series = [{}];
  const columns = [xs];
  // The whole stack first, then each lower part over it.
  for (let i = data.rows.length - 1; i >= 0; i--) {
    const c = color("--c-" + data.rows[i].color);
    series.push({ label: data.rows[i].label, fill: c, stroke: c, width: 0, paths: bars, points: { show: false } });
    columns.push(sums[i]);
  }
  const axis = { stroke: color("--dim"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  const caption = figure.querySelector("figcaption .dim");
  const counts = [...figure.querySelectorAll(".legend b")];
  const rest = { caption: caption.textContent, counts: counts.map((b) => b.textContent) };
  const format = new Intl.NumberFormat("en");
  const point = (i) => {
    const over = i != null && i >= 0 && i < days;
    counts.forEach((b, k) => (b.textContent = over ? format.format(data.rows[k].n[i]) : rest.counts[k]));
    caption.textContent = over
      ? new Date(xs[i] * 1000).toISOString().slice(0, 10) + ": " + format.format(below[i])
      : rest.caption;
  };
  const height = () => (box.clientWidth < 480 ? 170 : 240);
  const holder = document.createElement("div");
  holder.setAttribute("aria-hidden", "true");
  const drawing = box.querySelector("svg");
  drawing.classList.add("vh");
  box.append(holder);
  const plot = new uPlot(
    {
      width: box.clientWidth,
      height: height(),
      legend: { show: false },
      tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "Etc/UTC"),
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false }, move: (u, x, y) => [x < 0 ? x : Math.max(0, x - u.bbox.width / devicePixelRatio / days / 2), y] },
      scales: { x: { range: () => [xs[0], xs[days - 1] + 86400] }, y: { range: (u, min, max) => [0, Math.max(5, max)] } },
      axes: [
        { ...axis, grid: { show: false }, size: 28, values: (u, at) => at.map((t) => new Date(t * 1000).toISOString().slice(5, 10)), space: 70, incrs: [86400, 2 * 86400, 5 * 86400, 7 * 86400, 14 * 86400, 30 * 86400] },
        { ...axis, size: 36, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000], space: 28 },
      ],
      series,
      hooks: { setCursor: [(u) => point(u.cursor.idx)] },
    },
    columns,
    holder,
  );
  plot.over.addEventListener("pointerleave", () => point(null));
  const watch = new ResizeObserver(() => {
    if (box.clientWidth && box.clientWidth !== plot.width) plot.setSize({ width: box.clientWidth, height: height() });
  });
  watch.observe(box);
  live.set(figure, {
    plot,
    stop() {
      point(null);
      watch.disconnect();
      plot.destroy();
      holder.remove();
      drawing.classList.remove("vh");
    },
  });
}

function all() {
  for (const figure of live.keys()) {
    if (!figure.isConnected) {
      live.get(figure).stop();
      live.delete(figure);
    }
  }
  document.querySelectorAll("figure[data-chart]").forEach(build);
}

all();
document.addEventListener("ringside:theme", all);
document.addEventListener("htmx:afterSettle", (e) => {
  if (e.target.querySelector?.("figure[data-chart]")) all();
});
