import { describe, expect, test } from "vitest";
import { htmlDiff } from "./htmlDiff.ts";
import { visibleText } from "./htmlPage.ts";
import { htmlPreview } from "./htmlPreview.ts";
import type { PreviewRow, PreviewSpan } from "./previewRow.ts";

const span = (start: number, end: number, text: string, more: Partial<PreviewSpan> = {}): PreviewSpan => ({
  start,
  end,
  text,
  kind: "content",
  role: "assistant",
  message: 1,
  trained: true,
  reason: "body: this turn is trained",
  ...more,
});
const row: PreviewRow = {
  row: 7,
  text: "",
  ids: [5, 6, 7, 8],
  weights: [0, 0.5, 0.5, 1],
  spans: [
    span(0, 1, "q", { role: "user", message: 0, trained: false, reason: "a user turn" }),
    span(1, 2, "<b>&\n"),
    span(2, 3, "x", { reason: "another rule" }),
    span(3, 4, "<|end|>", { kind: "control", reason: "terminator" }),
  ],
  warnings: [{ code: "answer-cut", message: "cut <here>", token: 3 }],
};

describe("the page of sft preview --html", () => {
  const page = htmlPreview([row], "rows.json", [["mask", "assistant"]]);

  test("says how much is learned, and under which settings", () => {
    expect(page).toContain("<b>3 of 4 tokens (75.0 %)</b> of 1 rows");
    expect(page).toContain("<dt>mask</dt><dd>assistant</dd>");
  });

  test("tells learned, weighted, read and control text apart, with the place of each", () => {
    expect(page).toContain('<span class="text" title="only read: a user turn (content, token 0)">q</span>');
    expect(page).toContain('<span class="learned partly" title="learned with weight 0.5: another rule (content, token 2)">x');
    expect(page).toContain('<span class="learned control" title="learned: terminator (control, token 3)">');
  });

  test("writes a weight once, behind the last text that has it", () => {
    const [, texts] = /2\. assistant<\/h3><div><pre>(.*?)<\/pre>/s.exec(page)!;
    expect([...texts!.matchAll(/&times;/g)]).toHaveLength(1);
    expect(texts).toMatch(/x<span class="weight">&times;0\.5<\/span>/);
  });

  test("gives each rule under its turn, with the number of tokens that it decided", () => {
    expect(page).toContain('<p class="why"><b>learned with weight 0.5</b> (1): another rule</p>');
    expect(page).toContain('<p class="why"><b>only read</b> (1): a user turn</p>');
  });

  test("the record's words are text, never markup", () => {
    expect(page).toContain('&lt;b&gt;&amp;<i class="blank end"></i>\n');
    expect(page).toContain('<p class="warning">answer-cut: cut &lt;here&gt;</p>');
  });

  test("numbers the examples of a row that gave several", () => {
    const two = htmlPreview([row, { ...row }], "rows.json", []);
    expect(two).toContain("Row 7, example 1 of 2");
    expect(two).toContain("Row 7, example 2 of 2");
  });
});

test.each([
  ["a b", "a b"],
  [" a", '<i class="blank space"> </i>a'],
  ["a  b", 'a<i class="blank space"> </i><i class="blank space"> </i>b'],
  ["a \nb", 'a<i class="blank space"> </i><i class="blank end"></i>\nb'],
  ["\t", '<i class="blank tab"></i>\t'],
  ["\u200b", '<i class="blank hidden">U+200B</i>'],
  ["\u0000", '<i class="blank hidden">U+0000</i>'],
  ["\ud800x", '<i class="blank hidden">U+D800</i>x'],
  ["👩‍💻", "👩‍💻"],
])("what cannot be seen is shown: %j", (text, shown) => {
  expect(visibleText(text)).toBe(shown);
});

test("the page of a difference says what each text was and becomes", () => {
  const state = (weight: number) => ({ weight, reason: `weight ${weight}`, tokens: { start: 0, end: 1 } });
  const change = { message: 0, role: "user", part: "body", field: "content", text: "hi <x>" } as const;
  const page = htmlDiff(
    [
      {
        row: 2,
        changes: [
          { ...change, before: state(0), after: state(1) },
          { ...change, before: state(0.5), after: null },
        ],
      },
    ],
    "a.yaml",
    "b.yaml",
  );
  expect(page).toContain("<b>1 rows</b> train otherwise: 1 texts are learned more, 1 less.");
  expect(page).toContain('<span class="learned">hi &lt;x&gt;</span></pre><p class="why"><b>only read &rarr; learned</b>: weight 1</p>');
  expect(page).toContain("<b>learned with weight 0.5 &rarr; not there</b>: weight 0.5");
  expect(htmlDiff([], "a.yaml", "b.yaml")).toContain("Both recipes train the same.");
});
