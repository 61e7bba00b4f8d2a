import type { Example } from "@sft/mask";
import { parquetWriteBuffer } from "hyparquet-writer";
import { type LabelRow, labelRow } from "./labelLine.ts";

/**
 * A Parquet file of rows as PyTorch trainers read them: three columns of int32 lists, in the three-level layout of
 * the Parquet format's LIST type, as pyarrow and `datasets` write and expect it.
 */
export function parquetLabels(examples: readonly Example[]): Uint8Array {
  const rows = examples.map(labelRow);
  const names: readonly (keyof LabelRow)[] = ["input_ids", "attention_mask", "labels"];
  const buffer = parquetWriteBuffer({
    columnData: names.map((name) => ({ name, data: rows.map((row) => row[name]) })),
    schema: [{ name: "root", num_children: names.length }, ...names.flatMap(listOfInt32)],
  });
  return new Uint8Array(buffer);
}

function listOfInt32(name: string): SchemaElement[] {
  return [
    { name, repetition_type: "REQUIRED", num_children: 1, converted_type: "LIST", logical_type: { type: "LIST" } },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    { name: "element", repetition_type: "REQUIRED", type: "INT32" },
  ];
}

type SchemaElement = NonNullable<Parameters<typeof parquetWriteBuffer>[0]["schema"]>[number];
