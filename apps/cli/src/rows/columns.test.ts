import { expect, test } from "vitest";
import { ColumnWatch, parseColumns, renameColumns } from "./columns.ts";

const place = "rows.csv:2: row 1";

test.each([
  ["instruction=question", { instruction: "question" }],
  ["instruction=The question , output =a=b", { instruction: "The question ", output: "a=b" }],
])("--columns %s", (text, columns) => expect(parseColumns(text)).toEqual(columns));

test.each([
  ["question", '--columns: expected FIELD=COLUMN, got "question".'],
  ["instruction=question,", '--columns: expected FIELD=COLUMN, got "".'],
  ["output=", '--columns: expected FIELD=COLUMN, got "output=".'],
  ["instuction=question", "--columns: no record format reads a field instuction. Did you mean instruction?"],
])("--columns %s is refused", (text, message) => expect(() => parseColumns(text)).toThrow(message));

test("columns get the names that the format reads, the others stay", () => {
  const row = { question: "q", answer: "a", id: 7 };
  expect(renameColumns(row, { instruction: "question", output: "answer" }, place)).toEqual({ instruction: "q", output: "a", id: 7 });
});

test("names may be exchanged, and one column may be two fields", () => {
  expect(renameColumns({ input: "a", output: "b" }, { output: "input", input: "output" }, place)).toEqual({ output: "a", input: "b" });
  expect(renameColumns({ q: "a" }, { instruction: "q", output: "q" }, place)).toEqual({ instruction: "a", output: "a" });
});

test("a column that is not there is an error, unless its field may be left out", () => {
  expect(renameColumns({ q: "a" }, { instruction: "q", input: "context" }, place)).toEqual({ instruction: "a" });
  expect(() => renameColumns({ question: "a", answer: "b" }, { output: "anwser" }, place)).toThrow(
    'rows.csv:2: row 1 has no column "anwser", which columns names for output; there is "question", "answer".\nDid you mean "answer"?',
  );
});

test("a column that no row of a file has is an error, whatever its field", () => {
  const watch = new ColumnWatch({ output: "answer", input: "contxt" });
  watch.see({ answer: "a", context: "c" });
  expect(() => watch.end("faq.jsonl")).toThrow(
    'faq.jsonl: no row has a column "contxt", which columns names for input; there is "answer", "context".\nDid you mean "context"?',
  );
  watch.see({ answer: "a", contxt: "c" });
  expect(() => watch.end("faq.jsonl")).not.toThrow();
});
