/**
 * Draws the curves of runs over each other inside `container`. `show(runs)` takes `{ name, slot, ...columns }` each, where
 * `slot` chooses the colour; called again with longer columns, the curves grow and a zoomed view stays where it is.
 */
globalThis.sftCurves = (container) => {
  const kinds = [
    { title: "loss", x: "step", y: "loss", smoothed: true },
    { title: "held-out loss", x: "heldOutStep", y: "heldOutLoss" },
    { title: "learning rate", x: "step", y: "learningRate" },
    { title: "gradient norm", x: "step", y: "gradNorm", smoothed: true },
    { title: "tokens/s", x: "step", y: "tokensPerSecond", smoothed: true },
  ];
  const bar = add(container, "div", "bar");
  const label = add(bar, "label", "", "smoothing");
  const slider = add(label, "input");
  Object.assign(slider, { type: "range", min: "0", max: "0.98", step: "0.02", value: "0" });
  add(bar, "span", "muted", "drag over a chart to zoom, double click to zoom out");
  const grid = add(container, "div", "charts");
  const views = kinds.map((kind) => ({ kind, figure: add(grid, "figure"), plot: undefined, key: "" }));
  let shown = [];
  bar.hidden = true;

  const redraw = () => {
    for (const view of views) draw(view, shown, Number(slider.value));
    bar.hidden = views.every(({ figure }) => figure.hidden);
  };
  slider.addEventListener("input", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const view of views) view.key = "";
    redraw();
  });
  new ResizeObserver(() => {
    for (const { figure, plot } of views) if (plot) plot.setSize({ width: widthOf(figure), height: 240 });
  }).observe(container);

  return {
    show(runs) {
      shown = runs;
      redraw();
    },
  };

  function draw(view, all, weight) {
    const { kind, figure } = view;
    const runs = all.filter((run) => run[kind.y].some((value) => value !== null));
    figure.hidden = runs.length === 0;
    const columns = runs.map((run) => [run[kind.x], kind.smoothed ? smooth(run[kind.y], weight) : run[kind.y]]);
    const isLog = needsLog(columns.flatMap(([, values]) => values));
    const key = JSON.stringify([isLog, runs.map(({ name, slot }) => [name, slot])]);
    const words = `${kind.title} of ${runs.map((run) => `${run.name}: ${inWords(run[kind.x], run[kind.y])}`).join("; ")}`;
    const data = columns.length === 1 ? columns[0] : columns.length === 0 ? [[]] : uPlot.join(columns);
    if (view.plot && view.key === key) {
      const { min, max } = view.plot.scales.x;
      const old = view.plot.data[0];
      const isZoomed = min > old[0] || max < old.at(-1);
      view.plot.setData(data, !isZoomed);
      // Without new scales uPlot does not draw the new data.
      if (isZoomed) view.plot.setScale("x", { min, max });
      view.plot.ctx.canvas.ariaLabel = words;
      return;
    }
    view.key = key;
    view.plot?.destroy();
    figure.replaceChildren();
    view.plot = undefined;
    if (runs.length === 0) return;
    add(figure, "figcaption", "", `${kind.title}${isLog ? " (log scale)" : ""}`);
    view.plot = new uPlot(options(kind, figure, runs, isLog), data, figure);
    Object.assign(view.plot.ctx.canvas, { role: "img", ariaLabel: words });
    figure.querySelector(".u-legend").ariaHidden = "true";
  }

  function options(kind, figure, runs, isLog) {
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    return {
      width: widthOf(figure),
      height: 240,
      cursor: { sync: { key: "sft" }, y: false },
      scales: { x: { time: false }, y: isLog ? { distr: 3 } : {} },
      axes: [axis, { ...axis, size: 64, values: (_, splits) => splits.map((value) => (value === null ? "" : short(value))) }],
      series: [
        { label: "step" },
        ...runs.map(({ name, slot }) => ({
          label: name,
          stroke: colour(`--run-${slot % 8}`),
          width: 1.5,
          ...(slot >= 8 ? { dash: [6, 3] } : {}),
          points: { show: ({ data }) => data[0].length <= 20, size: 5 },
          value: (_, value) => (value === null || value === undefined ? "–" : short(value)),
        })),
      ],
    };
  }

  /** A curve for those who hear it; the legend's figures are of the step under the mouse alone. */
  function inWords(steps, values) {
    let [first, last, low, high] = [-1, -1, -1, -1];
    values.forEach((value, index) => {
      if (value === null) return;
      if (first < 0) [first, low, high] = [index, index, index];
      last = index;
      if (value < values[low]) low = index;
      if (value > values[high]) high = index;
    });
    const at = (index) => `${short(values[index])} at step ${steps[index]}`;
    return `first ${at(first)}, last ${at(last)}, lowest ${at(low)}, highest ${at(high)}`;
  }

  /** Exponential moving average, freed of the pull of its start; gaps stay gaps. */
  function smooth(values, weight) {
    if (weight === 0) return values;
    let [sum, share] = [0, 0];
    return values.map((value) => {
      if (value === null) return null;
      sum = weight * sum + (1 - weight) * value;
      share = weight * share + (1 - weight);
      return sum / share;
    });
  }

  /** A few values far above the others would press all others flat. */
  function needsLog(values) {
    const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
    return sorted.length > 1 && sorted[0] > 0 && sorted.at(-1) > 10 * sorted[sorted.length >> 1];
  }

  /** A custom property as the page's scheme has it: a canvas does not know light-dark(). */
  function colour(name) {
    container.style.setProperty("outline-color", `var(${name})`);
    return getComputedStyle(container).outlineColor;
  }

  function short(value) {
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential(2).replace(/\.?0*e\+?/, "e");
    return String(Number(value.toPrecision(5)));
  }

  function widthOf(figure) {
    return Math.max(200, figure.clientWidth - 20);
  }

  function add(parent, tag, className = "", text = "") {
    const element = document.createElement(tag);
    if (className !== "") element.className = className;
    element.textContent = text;
    return parent.appendChild(element);
  }
};
