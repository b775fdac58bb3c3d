// The score over time: each detector's score over its threshold, so that one line, at 1, is the
// threshold of all of them. What is drawn is kept in `window.driftlogChart`, for tests and people.
const place = document.getElementById("chart");
const DASHES = [[], [6, 3], [2, 3], [10, 3, 2, 3]];
const COLOURS = {
  light: ["#0a58b8", "#a84300", "#17702f", "#7a35c2", "#b0196b", "#00707a", "#6b5b00", "#535c66"],
  dark: ["#6cb2ff", "#ff9a56", "#4cc76b", "#c79bff", "#ff86c3", "#4fd1dc", "#d9c54a", "#9ca7b2"],
};
const LOWEST = 0.1; // on a scale of logarithms; what is quieter than a tenth of its threshold is not drawn
const SHARES = { all: 1, half: 0.5, tenth: 0.1 };

let chart = null;
let names = "";
let told = null;
let zoom = "all";

export function startCharts() {
  if (!place || typeof uPlot === "undefined") return;
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.setAttribute("aria-pressed", String(button.dataset.zoom === zoom));
    button.addEventListener("click", () => {
      zoom = button.dataset.zoom;
      for (const one of document.querySelectorAll("[data-zoom]")) {
        one.setAttribute("aria-pressed", String(one === button));
      }
      zoomed();
    });
  }
  new ResizeObserver(() => chart?.setSize({ width: inside(), height: height() })).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", updateCharts);
  updateCharts();
}

/** Draw what the page's data hold now. */
export function updateCharts() {
  const data = document.getElementById("chart-data");
  if (!place || !data || typeof uPlot === "undefined") return;
  told = JSON.parse(data.textContent);
  const detectors = Object.keys(told.detectors);
  const columns = [told.time_s, ...detectors.map((name) => told.detectors[name])];
  // One chart as long as its lines and colours stay; a new one where they do not.
  const kind = JSON.stringify([detectors, colourOf("--ink")]);
  if (chart && kind === names) {
    chart.setData(columns, zoom === "all");
  } else {
    chart?.destroy();
    names = kind;
    chart = new uPlot(options(detectors), columns, place);
  }
  zoomed();
  window.driftlogChart = { columns, detectors, told };
  place.dataset.points = columns[0].length;
}

function zoomed() {
  const times = told?.time_s ?? [];
  if (!chart || times.length < 2) return;
  const last = times.at(-1);
  const step = times[1] - times[0];
  chart.setScale("x", { min: last - (last - times[0]) * SHARES[zoom] - step, max: last + step });
}

function colourOf(token) {
  return getComputedStyle(document.documentElement).getPropertyValue(token).trim();
}

function inside() {
  return Math.max(200, place.clientWidth - 16);
}

function height() {
  return inside() < 500 ? 220 : 280;
}

function options(detectors) {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
  const colours = COLOURS[dark ? "dark" : "light"];
  const axis = { stroke: colourOf("--quiet"), grid: { stroke: colourOf("--grid"), width: 1 }, ticks: { stroke: colourOf("--grid") } };
  return {
    width: inside(),
    height: height(),
    // The page says times in UTC; a chart that does otherwise would mislead.
    tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "Etc/UTC"),
    cursor: { drag: { x: true, y: false } },
    scales: { x: { time: true }, y: { distr: 3, range: (_, low, high) => [LOWEST, Math.max(4, (high ?? 1) * 1.3)] } },
    axes: [{ ...axis, values: (_, splits) => splits.map((s) => new Date(s * 1000).toISOString().slice(11, 19)), space: 90 }, { ...axis, size: 52, values: (_, splits) => splits.map((s) => (s === null ? null : `${s}×`)) }],
    series: [
      { label: "UTC", value: (_, s) => (s == null ? "–" : new Date(s * 1000).toISOString().slice(0, 19).replace("T", " ")) },
      ...detectors.map((label, at) => ({
        label,
        stroke: colours[at % colours.length],
        dash: DASHES[Math.floor(at / 2) % DASHES.length],
        width: 1.75,
        points: { show: false },
        value: (_, ratio) => (ratio == null ? "–" : `${ratio.toPrecision(2)}×`),
      })),
    ],
    hooks: { draw: [drawMarks] },
  };
}

function drawMarks(u) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const ratio = devicePixelRatio;
  ctx.lineWidth = 1.5 * ratio;
  ctx.textAlign = "left";
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  const line = (colour, dash, x0, y0, x1, y1) => {
    ctx.strokeStyle = ctx.fillStyle = colour;
    ctx.setLineDash(dash.map((one) => one * ratio));
    ctx.beginPath();
    ctx.moveTo(x0, y0);
    ctx.lineTo(x1, y1);
    ctx.stroke();
  };
  const y = u.valToPos(1, "y", true);
  line(colourOf("--drift"), [6, 4], bbox.left, y, bbox.left + bbox.width, y);
  ctx.fillText("threshold", bbox.left + 6 * ratio, y - 5 * ratio);
  let row = 0;
  for (const mark of told.marks) {
    const x = u.valToPos(mark.time_s, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    line(colourOf(mark.kind === "resolved" ? "--ok" : "--quiet"), [2, 3], x, bbox.top, x, bbox.top + bbox.height);
    const right = x + ctx.measureText(mark.kind).width + 8 * ratio > bbox.left + bbox.width;
    ctx.textAlign = right ? "right" : "left";
    ctx.fillText(mark.kind, x + (right ? -4 : 4) * ratio, bbox.top + (12 + 13 * (row++ % 4)) * ratio);
  }
  ctx.restore();
}
