{
  const { folder } = JSON.parse(document.getElementById("data").textContent);
  const table = document.querySelector(".runs tbody");
  const note = document.getElementById("note");
  const curves = globalThis.sftCurves(document.getElementById("curves"));
  /** Chosen runs by name: their colour and what has come of their columns. */
  const chosen = new Map();
  let rows = [];
  let begun = false;

  const events = new EventSource("events");
  events.addEventListener("message", ({ data }) => {
    rows = JSON.parse(data);
    if (!begun && rows.length > 0) choose(rows[0].name);
    begun ||= rows.length > 0;
    note.textContent = rows.length > 0 ? "" : `No runs below ${folder} yet; they appear here as soon as training begins.`;
    for (const name of chosen.keys()) if (!rows.some((row) => row.name === name)) chosen.delete(name);
    render();
    void fetchNew();
  });
  events.addEventListener("error", () => {
    note.textContent = "The dashboard does not answer; this page goes on when it is started again.";
  });

  function choose(name) {
    if (chosen.delete(name)) return;
    const used = new Set([...chosen.values()].map(({ slot }) => slot));
    let slot = 0;
    while (used.has(slot)) slot++;
    chosen.set(name, { slot, generation: -1, columns: undefined, asking: false });
  }

  /** Asks for the lines of chosen runs that have not come yet. */
  async function fetchNew() {
    await Promise.all(
      rows.map(async ({ name, generation, steps, heldOut }) => {
        const run = chosen.get(name);
        if (!run || run.asking) return;
        const isSame = run.columns && run.generation === generation;
        if (isSame && run.columns.step.length === steps && run.columns.heldOutStep.length === heldOut) return;
        run.asking = true;
        const from = isSame ? [run.columns.step.length, run.columns.heldOutStep.length] : [0, 0];
        const query = new URLSearchParams({ run: name, generation: String(generation), steps: String(from[0]), heldOut: String(from[1]) });
        try {
          const answer = await fetch(`curves?${query}`);
          if (!answer.ok) return;
          const { generation: now, fresh, ...columns } = await answer.json();
          run.generation = now;
          run.columns = fresh || !run.columns ? columns : joined(run.columns, columns);
        } catch {
          // The server has ended; the event source says so.
        } finally {
          run.asking = false;
        }
      }),
    );
    curves.show([...chosen].flatMap(([name, { slot, columns }]) => (columns ? [{ name, slot, ...columns }] : [])));
  }

  function joined(old, added) {
    return Object.fromEntries(Object.entries(added).map(([key, values]) => [key, [...old[key], ...values]]));
  }

  function render() {
    const focused = document.activeElement?.dataset?.run;
    table.replaceChildren(...rows.map(rowOf));
    for (const box of table.querySelectorAll("input")) if (box.dataset.run === focused && focused !== undefined) box.focus();
  }

  function rowOf(run) {
    const row = document.createElement("tr");
    const pick = chosen.get(run.name);
    row.className = pick ? "chosen" : "";
    const head = row.appendChild(document.createElement("th"));
    head.scope = "row";
    const label = head.appendChild(document.createElement("label"));
    const box = label.appendChild(document.createElement("input"));
    Object.assign(box, { type: "checkbox", checked: pick !== undefined });
    box.dataset.run = run.name;
    const dot = label.appendChild(document.createElement("span"));
    dot.className = "dot";
    if (pick) dot.style.background = `var(--run-${pick.slot % 8})`;
    label.append(run.name);
    const state = row.appendChild(document.createElement("td")).appendChild(document.createElement("span"));
    state.className = `state ${run.state}`;
    state.textContent = run.state === "running" ? "in progress" : run.state === "non-finite" ? "not finite" : run.state;
    const figures = [
      run.maxSteps === null ? String(run.step) : `${run.step} of ${run.maxSteps}`,
      fixed(run.loss, 4),
      fixed(run.heldOutLoss, 4),
      run.tokensPerSecond === null ? "–" : Math.round(run.tokensPerSecond).toLocaleString("en"),
      run.timeLeft ?? "–",
      new Date(run.changedAt).toLocaleString(),
    ];
    for (const text of figures) {
      const cell = row.appendChild(document.createElement("td"));
      cell.className = "number";
      cell.textContent = text;
    }
    row.addEventListener("click", (event) => {
      if (event.target.closest("label") && event.target !== box) return;
      choose(run.name);
      render();
      void fetchNew();
    });
    return row;
  }

  function fixed(value, digits) {
    return value === null ? "–" : value.toFixed(digits);
  }
}
