import { type Code, f32, f32x4, type Local } from "./assembler.ts";

/** (lane 0 + lane 1) + (lane 2 + lane 3). */
export const sumLanes = (vector: Local): Code =>
  f32.add(f32.add(f32x4.lane(vector.get, 0), f32x4.lane(vector.get, 1)), f32.add(f32x4.lane(vector.get, 2), f32x4.lane(vector.get, 3)));

export const largestLane = (vector: Local): Code =>
  f32.max(f32.max(f32x4.lane(vector.get, 0), f32x4.lane(vector.get, 1)), f32.max(f32x4.lane(vector.get, 2), f32x4.lane(vector.get, 3)));
