import { expect, test } from "vitest";
import { profileTable } from "./profileTable.ts";

test("kernels are added up by name and shape, the longest first, products by operations and others by bytes", () => {
  const product = { op: "matmul", kernel: "tiles", parameters: { m: 1000, n: 1000, k: 500 }, milliseconds: 2, boundBytes: 8e6 };
  const table = profileTable(
    [{ op: "add", kernel: "add", parameters: { count: 5 }, milliseconds: 1, boundBytes: 3e6 }, product, product],
    10,
  );
  expect(table.split("\n")).toEqual([
    "3 kernel launches, 5.0 ms on the device when timed one by one",
    " 80.0 %     2 x      4.00 ms     1 TFLOP/s  matmul: tiles, 1000 x 1000 x 500",
    " 20.0 %     1 x      1.00 ms        3 GB/s  add: add",
  ]);
});
