{
  const { folder } = JSON.parse(document.getElementById("data").textContent);
  const table = document.querySelector(".runs tbody");
  const note = document.getElementById("note");
  const curves = globalThis.sftCurves(document.getElementById("curves"));
  /** Chosen runs by name: their colour and what has come of their columns. */
  const chosen = new Map();
  /** What stands on the page for each run, by name. */
  const lines = new Map();
  let rows = [];
  let begun = false;

  const events = new EventSource("events");
  events.addEventListener("open", () => {
    // After a break it may be another dashboard that answers, which numbers its generations anew.
    for (const run of chosen.values()) run.columns = undefined;
  });
  events.addEventListener("message", ({ data }) => {
    rows = JSON.parse(data);
    if (!begun && rows.length > 0) choose(rows[0].name);
    begun ||= rows.length > 0;
    note.textContent = rows.length > 0 ? "" : `No runs below ${folder} yet; they appear here as soon as training begins.`;
    // A run that is begun anew is gone for a moment.
    for (const [name, run] of chosen) if (!rows.some((row) => row.name === name)) run.columns = undefined;
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
        const { columns: old } = run;
        const isSame = old && run.generation === generation;
        if (isSame && old.step.length === steps && old.heldOutStep.length === heldOut) return;
        run.asking = true;
        const from = isSame ? [old.step.length, old.heldOutStep.length] : [0, 0];
        const query = new URLSearchParams({ run: name, generation: String(generation), steps: String(from[0]), heldOut: String(from[1]) });
        try {
          const answer = await fetch(`curves?${query}`);
          if (!answer.ok) return;
          const { generation: now, fresh, ...columns } = await answer.json();
          if (run.columns !== old) return;
          run.generation = now;
          run.columns = fresh || !isSame ? columns : joined(old, columns);
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

  /** Runs that are new come first; the others stay where they are, under the mouse that is about to click. */
  function render() {
    for (const [name, { row }] of lines) {
      if (rows.some((run) => run.name === name)) continue;
      row.remove();
      lines.delete(name);
    }
    for (const { name } of rows.filter((run) => !lines.has(run.name)).reverse()) lines.set(name, addLine(name));
    for (const run of rows) fill(lines.get(run.name), run);
  }

  function addLine(name) {
    const row = document.createElement("tr");
    const head = row.appendChild(document.createElement("th"));
    head.scope = "row";
    const label = head.appendChild(document.createElement("label"));
    const box = label.appendChild(document.createElement("input"));
    box.type = "checkbox";
    const dot = label.appendChild(document.createElement("span"));
    dot.className = "dot";
    label.append(name);
    const state = row.appendChild(document.createElement("td")).appendChild(document.createElement("span"));
    const figures = Array.from({ length: 6 }, () => row.appendChild(document.createElement("td")));
    for (const cell of figures) cell.className = "number";
    row.addEventListener("click", (event) => {
      if (event.target.closest("label") && event.target !== box) return;
      choose(name);
      render();
      void fetchNew();
    });
    table.prepend(row);
    return { row, box, dot, state, figures };
  }

  function fill({ row, box, dot, state, figures }, run) {
    const pick = chosen.get(run.name);
    row.className = pick ? "chosen" : "";
    box.checked = pick !== undefined;
    dot.style.background = pick ? `var(--run-${pick.slot % 8})` : "";
    state.className = `state ${run.state}`;
    write(state, run.state === "running" ? "in progress" : run.state === "non-finite" ? "not finite" : run.state);
    const texts = [
      run.maxSteps === null ? String(run.step) : `${run.step} of ${run.maxSteps}`,
      lossText(run.loss, run.steps),
      lossText(run.heldOutLoss, run.heldOut),
      run.tokensPerSecond === null ? "–" : Math.round(run.tokensPerSecond).toLocaleString("en"),
      run.timeLeft ?? "–",
      new Date(run.changedAt).toLocaleString(),
    ];
    texts.forEach((text, index) => write(figures[index], text));
  }

  /** Text that stays as it is keeps its selection. */
  function write(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function lossText(loss, measured) {
    if (loss !== null) return loss.toFixed(4);
    return measured > 0 ? "not finite" : "–";
  }
}
