{
  const runs = JSON.parse(document.getElementById("data").textContent).map((run, slot) => ({ ...run, slot }));
  const curves = globalThis.sftCurves(document.getElementById("curves"));
  const hidden = new Set();
  const show = () => curves.show(runs.filter((run) => !hidden.has(run)));

  const bar = document.getElementById("chosen");
  if (runs.length > 1) {
    bar.className = "bar";
    for (const run of runs) {
      const label = bar.appendChild(document.createElement("label"));
      const box = label.appendChild(document.createElement("input"));
      Object.assign(box, { type: "checkbox", checked: true });
      const dot = label.appendChild(document.createElement("span"));
      dot.className = "dot";
      dot.style.background = `var(--run-${run.slot % 8})`;
      label.append(run.name);
      box.addEventListener("change", () => {
        if (box.checked) hidden.delete(run);
        else hidden.add(run);
        show();
      });
    }
  }
  show();
}
