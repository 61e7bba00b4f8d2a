import { expect, it } from "vitest";
import { ReadPause } from "./readPause.ts";

/** Reads of work that lasts `milliseconds`; gives each one's pause. */
function read(pause: ReadPause, ...milliseconds: readonly number[]): readonly number[] {
  return milliseconds.map((lasting) => {
    const paused = pause.next();
    pause.note(paused, Math.max(0, lasting - paused));
    return paused;
  });
}

it("sleeps through all but a twentieth of a wait that four reads had in common", () => {
  expect(read(new ReadPause(), 100, 104, 101, 102, 100, 103)).toEqual([0, 0, 0, 0, 95, 95]);
});

it("goes by the shortest of the last four, and leaves two milliseconds at least", () => {
  expect(read(new ReadPause(), 100, 20, 100, 100, 100, 100, 100)).toEqual([0, 0, 0, 0, 18, 18, 95]);
});

it("makes no pause in short waits", () => {
  expect(read(new ReadPause(), 5, 6, 7, 5, 5)).toEqual([0, 0, 0, 0, 0]);
});

it("after a pause that was too long makes none for four reads", () => {
  expect(read(new ReadPause(), 100, 100, 100, 100, 10, 12, 12, 12, 12, 12)).toEqual([0, 0, 0, 0, 95, 0, 0, 0, 0, 10]);
});
