import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, test } from "vitest";
import { DataError } from "./dataError.ts";
import { readAllRows, readRows } from "./readRows.ts";
import { testFile } from "../testdata/testFile.ts";

const values = [
  { instruction: "Define 'soil'.", output: 'dirt, "earth"' },
  { instruction: "two\nlines\r\nand\u2028more", output: "é😀" },
  { instruction: "", output: "\\n" },
];

function csvOf(delimiter: string, lineEnd: string): string {
  const cell = (text: string): string => `"${text.replaceAll('"', '""')}"`;
  const lines = [["instruction", "output"], ...values.map((value) => [cell(value.instruction), cell(value.output)])];
  return lines.map((cells) => cells.join(delimiter) + lineEnd).join("");
}

const files: [name: string, content: string, lines: number[]][] = [
  ["rows.json", JSON.stringify(values, null, 2), [2, 6, 10]],
  ["minified.json", JSON.stringify(values), [1, 1, 1]],
  ["mark.json", `\uFEFF${JSON.stringify(values, null, 1).replaceAll("\n", "\r\n")}\r\n`, [2, 6, 10]],
  ["lines.json", values.map((value) => `${JSON.stringify(value)}\n`).join(""), [1, 2, 3]],
  ["rows.jsonl", values.map((value) => `${JSON.stringify(value)}\n`).join(""), [1, 2, 3]],
  ["ROWS.NDJSON", values.map((value) => JSON.stringify(value)).join("\n"), [1, 2, 3]],
  ["mixed.jsonl", `\uFEFF\r\n${JSON.stringify(values[0])}\r\n\n${JSON.stringify(values[1])}\r  \n${JSON.stringify(values[2])}`, [2, 4, 6]],
  ["rows.csv", csvOf(",", "\n"), [2, 3, 6]],
  ["mark.csv", `\uFEFF${csvOf(",", "\r\n")}`, [2, 3, 6]],
  ["rows.tsv", csvOf("\t", "\n"), [2, 3, 6]],
];

describe.each(files)("%s", (name, content, lines) => {
  const expected = values.map((value, i) => ({ row: i + 1, line: lines[i], value }));

  test("gives rows, numbers and lines", async () => {
    expect(await readAllRows(testFile(name, content))).toEqual(expected);
  });

  test("gzipped, and in a stream of small pieces, gives the same", async () => {
    expect(await readAllRows(testFile(`${name}.gz`, gzipSync(content)))).toEqual(expected);
  });
});

test("csv keeps its lines through blank lines and quoted line breaks of every kind", async () => {
  const content = 'a,b\r\n"p\r\n\r\nq",1\r\n\r\n\r\n"x\ny",2\n3,4\r"z\rw",5\n\n';
  const rows = await readAllRows(testFile("x.csv", content));
  expect(rows.map(({ line, value }) => [line, value["a"], value["b"]])).toEqual([
    [2, "p\r\n\r\nq", "1"],
    [7, "x\ny", "2"],
    [9, "3", "4"],
    [10, "z\rw", "5"],
  ]);
});

test("parquet gives rows over several row groups, integers and dates as plain values", async () => {
  const many = Array.from({ length: 25 }, (_, i) => i);
  const buffer = parquetWriteBuffer({
    columnData: [
      { name: "text", data: many.map((i) => `row é ${i}`) },
      { name: "count", data: many.map((i) => BigInt(i) - 12n), type: "INT64" },
      { name: "large", data: many.map((i) => 2n ** 60n + BigInt(i)), type: "INT64" },
      { name: "when", data: many.map((i) => new Date(i * 1000)), type: "TIMESTAMP" },
      { name: "messages", data: many.map((i) => [{ role: "user", content: `${i}` }]), type: "JSON" },
    ],
    rowGroupSize: 10,
  });
  const rows = await readAllRows(testFile("x.parquet", new Uint8Array(buffer)));
  expect(rows.map(({ row }) => row)).toEqual(many.map((i) => i + 1));
  expect(rows[24]).toEqual({
    row: 25,
    value: {
      text: "row é 24",
      count: 12,
      large: (2n ** 60n + 24n).toString(),
      when: "1970-01-01T00:00:24.000Z",
      messages: [{ role: "user", content: "24" }],
    },
  });
});

test("a reader that stops early leaves no file open and reads no further", async () => {
  const path = testFile("x.csv", `a\n${"1\n".repeat(200_000)}`);
  for await (const { row } of readRows(path)) if (row === 3) break;
  const path2 = testFile("x.jsonl.gz", gzipSync('{"a":1}\n'.repeat(200_000)));
  for await (const { row } of readRows(path2)) if (row === 3) break;
});

const refused: [name: string, content: string | Uint8Array, code: string, says: string][] = [
  ["x.json", '[\n  {"a": 1},\n  {"abcd": 12,}\n]', "bad-json", "x.json:3:14: trailing comma at line 3 column 14"],
  ["x.json", '[{"a": 1},\n {"a": 2}\n', "bad-json", "x.json:3:1: the text ends, but '[' of line 1 is never closed"],
  ["x.json", "\n 3\n", "rows-expected", 'x.json:2:2: expected an array of rows, found a scalar that begins "3"'],
  ["x.json", '"rows"', "rows-expected", "found a scalar"],
  ["x.json", "rows", "bad-json", "x.json:1:1: expected an array of rows"],
  ["x.json", '{"data": []}', "rows-expected", "x.json:1:1: expected an array of rows, found one object with the fields: data"],
  ["x.json", '{"version": 1, "data": [{"a": 1}]}', "rows-expected", 'If the rows are in "data", keep that list alone'],
  ["x.json", '{"messages": [{"role": "user"}]}', "rows-expected", "name the file .jsonl if this is its only row"],
  ["x.json", '[{"a": 1},\n{"b": "}", "a": "x", "c": {"b": 2}, "a": 1}]', "bad-json", 'x.json:2: row 2: the row has two fields named "a"'],
  ["x.jsonl", '{"a": 1, "a" : 2}', "bad-json", 'x.jsonl:1: row 1: the row has two fields named "a"'],
  ["x.json", '[{"a": 1},\n2]', "row-not-object", "x.json:2: row 2: expected an object, found a scalar, 2"],
  ["x.json", "[[1]]", "row-not-object", "x.json:1: row 1: expected an object, found an array, [1]"],
  ["x.json", "[]", "empty-data-set", "x.json: the file holds no rows"],
  ["x.json", "", "empty-data-set", "no rows"],
  ["x.jsonl", "\n\n", "empty-data-set", "no rows"],
  ["x.csv", "a,b\n", "empty-data-set", "no rows"],
  ["x.jsonl", '{"a":1}\n\n{"a":}\n', "bad-json", 'x.jsonl:3:6: expected a value, found "}"'],
  ["x.jsonl", '{"a":1}\n{"a":1', "bad-json", "x.jsonl:2:7: the text ends"],
  ["x.jsonl", '{"a":1} {"a":2}\n', "bad-json", "x.jsonl:1:9: row 1: expected one value on the line, found several"],
  ["x.jsonl", '[\n{"a":1}\n]', "bad-json", "name the file .json"],
  ["x.jsonl", '[{"a":1}]', "rows-expected", "Name the file .json"],
  ["x.csv", "a,b\n1,2\n1,2,3\n", "bad-csv", "x.csv:3: row 2: expected 2 cells (a, b), found 3"],
  ["x.csv", 'a,b\n1,"2\n3,4\n', "bad-csv", "x.csv:2: row 1: Quote Not Closed"],
  ["x.csv", 'a,b\n1,2\n1,x"2\n', "bad-csv", "x.csv:3: row 2: Invalid Opening Quote"],
  ["x.csv", `a,b\n${"1,2\n".repeat(498)}1,x"2\n${"1,2\n".repeat(9)}`, "bad-csv", "x.csv:500: row 499: Invalid Opening Quote"],
  ["x.csv", 'a,b\r\n"1\r\n3",2\r\n\r\n"4\r\n5"x,2\r\n', "bad-csv", "x.csv:6: row 2: Invalid Closing Quote"],
  [
    "x.csv",
    "a;b\n1;2\n",
    "bad-csv",
    'x.csv:1: one column, named "a;b"\n  The cells seem to be told apart by ";": save the file with commas.',
  ],
  ["x.csv", 'a;b\n"1";"2"\n', "bad-csv", 'seem to be told apart by ";"'],
  ["x.tsv", "a,b\n1,2\n", "bad-csv", 'seem to be told apart by ",": save the file with tabs.'],
  ["x.csv", "a,a\n1,2\n", "bad-csv", 'x.csv:1: two columns are named "a"'],
  [
    "x.jsonl",
    new Uint8Array([...Buffer.from('{"a":"é"}\n{"a":"'), 0xff, 0x22, 0x7d]),
    "bad-encoding",
    "x.jsonl:2: these bytes are not UTF-8",
  ],
  ["x.csv", Buffer.from("a\n\xe9\n", "latin1"), "bad-encoding", "x.csv:2: these bytes are not UTF-8"],
  ["x.csv", Buffer.from("\uFEFFa\n1\n", "utf16le"), "bad-encoding", "UTF-16"],
  ["x.jsonl.gz", "not gzip", "bad-gzip", "this is not gzip data"],
  ["x.jsonl.gz", gzipSync('{"a":1}\n'.repeat(1000)).subarray(0, -12), "bad-gzip", "ends too early"],
  ["x.csv.gz", "not gzip", "bad-gzip", "this is not gzip data"],
  ["x.parquet", "PAR1 nothing PAR1", "bad-parquet", "could not be decoded"],
  ["x.parquet", "", "bad-parquet", "could not be decoded"],
  ["x.parquet.gz", "", "unknown-format", "unpack the .gz first"],
  ["x.txt", "", "unknown-format", "Known: .json, .jsonl"],
  ["json", "", "unknown-format", "Known: .json, .jsonl"],
];

test.each(refused)("%s: %j is refused (%s)", async (name, content, code, says) => {
  const path = testFile(name, content);
  const error = await readAllRows(path).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DataError);
  expect(error).toMatchObject({ code, path });
  expect((error as DataError).message).toContain(says);
});

test("what is there is looked at before the name that says the format", async () => {
  const folder = dirname(testFile("x.json", "[]"));
  await expect(readAllRows(folder)).rejects.toMatchObject({ code: "not-a-file", hint: "Give one of the files in it." });
  await expect(readAllRows(join(folder, "user/rows"))).rejects.toMatchObject({ code: "not-found", hint: "Check the path." });
  const pattern = join(folder, "*.json");
  await expect(readAllRows(pattern)).rejects.toMatchObject({ code: "not-found", hint: "Name each file: patterns are not expanded." });
});

test("bytes that are not UTF-8 are found at their line far into a file", async () => {
  const good = Buffer.from('{"a":"é"}\n'.repeat(60_000));
  const path = testFile("x.jsonl", Buffer.concat([good, Buffer.from([0x22, 0xff, 0x22, 0x0a]), good]));
  await expect(readAllRows(path)).rejects.toMatchObject({ code: "bad-encoding", line: 60_001 });
});

test("a path where nothing is, and a folder, are refused in every format", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sft-data-"));
  for (const format of ["json", "jsonl", "csv", "tsv", "parquet"] as const) {
    const absent = join(folder, "absent");
    await expect(readAllRows(absent, { format })).rejects.toMatchObject({ name: "DataError", code: "not-found", path: absent });
    await expect(readAllRows(folder, { format })).rejects.toMatchObject({ name: "DataError", code: "not-a-file", path: folder });
  }
});

test("whatever objects are written as JSON, JSON Lines or csv are read back", async () => {
  const text = fc.string({ unit: "grapheme" });
  const row = fc.record({ a: text, b: text });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 6 }), async (rows) => {
      const cell = (content: string): string => `"${content.replaceAll('"', '""')}"`;
      const csv = ["a,b", ...rows.map(({ a, b }) => `${cell(a)},${cell(b)}`)].join("\n");
      const written = { json: JSON.stringify(rows), jsonl: rows.map((value) => JSON.stringify(value)).join("\r\n"), csv };
      for (const [name, content] of Object.entries(written)) {
        expect((await readAllRows(testFile(`x.${name}`, content))).map(({ value }) => value)).toEqual(rows);
      }
    }),
    { numRuns: 60 },
  );
});

test("a name that an inner object or a text has too stands once in its row", async () => {
  const content = '{"a": {"b": "\\"a\\": 1", "a": 1}, "b": [{"a": "x\\\\"}, "a"], "c": "{\\"a\\""}';
  const [row] = await readAllRows(testFile("x.jsonl", content));
  expect(row!.value).toEqual(JSON.parse(content));
});
