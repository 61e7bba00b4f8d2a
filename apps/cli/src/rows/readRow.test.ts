import { expect, test } from "vitest";
import { readRow } from "./readRow.ts";

const place = { file: "faq.csv", row: 1, line: 2 };
const row = { question: "Where is Basel?", answer: "In Switzerland.", context: "", id: 7 };
const columns = { instruction: "question", output: "answer", input: "context" };

test("a row whose columns have other names reads as the same row under the format's names", () => {
  const { conversation, unread } = readRow(row, place, { columns });
  expect(conversation).toEqual(readRow({ instruction: row.question, input: "", output: row.answer }, place, {}).conversation);
  expect(unread).toEqual(["id"]);
});

test("columns of no known format are told how to be named, by flag and in a recipe", () => {
  expect(() => readRow({ question: "q", answer: "a" }, place, {})).toThrow(
    /^faq\.csv:2: row 1: Its keys are "question", "answer", .*--columns instruction=question,output=answer; in a recipe, columns: \{ instruction: question, output: answer \} beside the file's path\.$/s,
  );
  expect(() => readRow(row, place, {})).toThrow("--columns instruction=COLUMN,output=COLUMN");
});

test("a fault of a field names the column that it is read from", () => {
  const nested = { ...row, answer: { text: "a" } };
  expect(() => readRow(nested, place, { columns })).toThrow(/row 1: "output" should be a string .* "output" is the column "answer"\.$/);
});

test("what is no row is refused as such", () => {
  expect(() => readRow(["q", "a"], place, { columns })).toThrow("faq.csv:2: row 1: ");
});

test("a column that bears a field's name while another is read for it is told as unread", () => {
  const row = { instruction: "own", question: "q", answer: "a", input: "i" };
  const columns = { instruction: "question", output: "answer", input: "context" };
  const { conversation, unread } = readRow(row, place, { columns });
  expect(conversation).toEqual(readRow({ instruction: "q", input: "i", output: "a" }, place, {}).conversation);
  expect(unread).toEqual(["instruction"]);
  const swapped = { type: "alpaca", columns: { instruction: "output", output: "instruction" } } as const;
  expect(readRow({ instruction: "a", output: "b" }, place, swapped).unread).toEqual([]);
});

test("a row that lacks a field is shown the columns among which it may be", () => {
  const dolly = { instruction: "q", context: "", response: "a", category: "qa" };
  expect(() => readRow(dolly, place, {})).toThrow(
    /"output" is missing or null.*\nOr, where another of its columns \(response, category\) is the output: --columns output=response; in a recipe, columns: \{ output: response \}/s,
  );
  expect(readRow(dolly, place, { columns: { output: "response", input: "context" } }).unread).toEqual(["category"]);
  for (const known of [{ instruction: "q" }, { instruction: "q", output: null, id: 1 }])
    expect(() => readRow(known, place, {})).toThrow(/Fill it in or remove the row\.$/);
});
