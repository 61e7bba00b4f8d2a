import { expect, test } from "vitest";
import { profileTable } from "./profileTable.ts";
import { rooflinePage } from "./roofline.ts";

const timing = { program: "step", instruction: 0, parameters: {}, flops: 0, shape: "" };
const product = { ...timing, op: "matmul", kernel: "tiles", shape: "1000 x 1000 x 500", milliseconds: 2, flops: 1e9, boundBytes: 8e6 };
const sum = { ...timing, op: "add", kernel: "add", milliseconds: 1, boundBytes: 3e6 };
/** Half of the product's 0.5 TFLOP/s is missing, and of the sum's 3 GB/s three quarters. */
const ceilings = { flopsPerSecond: 1e12, bytesPerSecond: 12e9 };

test("kernels are added up by name and shape, the longest first, with their rates and shares of the ceiling", () => {
  expect(profileTable([sum, product, product], 10, ceilings).split("\n")).toEqual([
    "Ceilings of this run: 1.0 TFLOP/s (a product of 4096^3), 12 GB/s (a copy).",
    "3 kernel launches, 5.0 ms on the device when timed one by one",
    " 80.0 %     2 x      4.00 ms    0.5 TFLOP/s     4 GB/s  0.50 of ceiling  matmul: tiles, 1000 x 1000 x 500",
    " 20.0 %     1 x      1.00 ms                    3 GB/s  0.25 of ceiling  add: add",
  ]);
});

test("the roofline says of each op what bounds it", () => {
  const page = rooflinePage([sum, product, product], ceilings, { command: "sft bench", adapter: "a GPU", date: "today" });
  expect(page).toContain("They meet at 83 operations a byte");
  expect(page.split("\n").filter((line) => /^\| (matmul|add)/.test(line))).toEqual([
    "| matmul | 2 | 4.00 | 80.0 % | 125 | operations | 0.5 TFLOP/s | 0.50 |",
    "| add | 1 | 1.00 | 20.0 % |  | bytes | 3 GB/s | 0.25 |",
  ]);
});
