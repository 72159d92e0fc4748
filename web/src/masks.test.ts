import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  type Box,
  composed,
  FIRST_UNCERTAIN,
  Mask,
  overlap,
  type Shape,
  UNCERTAIN_STEPS,
  unpackBits,
} from "./masks";

const box = (start: Shape, shape: Shape, values: number[]): Box => ({
  start,
  shape,
  values: Uint8Array.from(values),
});
const inside = (mask: Mask, i: number, j: number, k: number): number => {
  let found = 0;
  mask.rowsIn(box([i, j, k], [1, 1, 1], [0]), (row) => {
    found = row[0]!;
  });
  return found;
};

describe("bits", () => {
  it("come back with the first voxel in the highest bit", async () => {
    const bits = deflateSync(Uint8Array.from([0b10000001, 0b01000000])).toString("base64");
    const found = await unpackBits({ start: [4, 5, 6], shape: [1, 2, 5], bits });
    expect([...found.values]).toEqual([1, 0, 0, 0, 0, 0, 0, 1, 0, 1]);
    expect(found.start).toEqual([4, 5, 6]);
  });
});

describe("a mask", () => {
  it("holds what boxes turned over, wherever they lie", () => {
    const mask = new Mask();
    mask.turn(box([5, 5, 5], [1, 1, 2], [1, 1]));
    mask.turn(box([2, 6, 4], [2, 1, 1], [1, 1]));
    expect([
      inside(mask, 5, 5, 5),
      inside(mask, 5, 5, 6),
      inside(mask, 2, 6, 4),
      inside(mask, 3, 6, 4),
    ]).toEqual([1, 1, 1, 1]);
    expect([inside(mask, 5, 5, 4), inside(mask, 4, 6, 4), inside(mask, 9, 9, 9)]).toEqual([0, 0, 0]);
  });

  it("is as before when the same box turns over twice", () => {
    const mask = new Mask();
    mask.turn(box([1, 1, 1], [2, 2, 2], [1, 0, 1, 0, 1, 0, 1, 0]));
    const change = box([0, 1, 2], [3, 1, 1], [1, 1, 0]);
    mask.turn(change);
    expect(inside(mask, 0, 1, 2)).toBe(1);
    mask.turn(change);
    const found = [0, 1, 2].flatMap((i) => [1, 2].flatMap((j) => [1, 2].map((k) => inside(mask, i, j, k))));
    expect(found).toEqual([0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0]);
  });
});

describe("labels", () => {
  const layer = (label: number, ...boxes: Box[]) => {
    const mask = new Mask();
    for (const each of boxes) mask.turn(each);
    return { label, mask };
  };

  it("run along i first, later objects on top, cut to the region", () => {
    const low = layer(1, box([0, 0, 0], [3, 1, 1], [1, 1, 1]));
    const high = layer(2, box([1, 0, 0], [1, 2, 1], [1, 1]));
    const labels = composed({ start: [0, 0, 0], shape: [2, 2, 1] }, [low, high], null);
    expect([...labels]).toEqual([1, 2, 0, 2]);
  });

  it("show uncertainty over the objects, most where it is highest", () => {
    const unsure = box([0, 0, 0], [1, 1, 3], [0, 255, 20]);
    const labels = composed(
      { start: [0, 0, 0], shape: [1, 1, 3] },
      [layer(1, box([0, 0, 0], [1, 1, 3], [1, 1, 1]))],
      unsure,
    );
    expect([...labels]).toEqual([1, FIRST_UNCERTAIN + UNCERTAIN_STEPS, FIRST_UNCERTAIN + 1]);
  });
});

describe("boxes", () => {
  it("that do not touch share nothing", () => {
    expect(
      overlap({ start: [0, 0, 0], shape: [2, 2, 2] }, { start: [2, 0, 0], shape: [1, 1, 1] }),
    ).toBeNull();
    expect(overlap({ start: [0, 0, 0], shape: [4, 4, 4] }, { start: [2, 3, 1], shape: [9, 9, 1] })).toEqual({
      start: [2, 3, 1],
      shape: [2, 1, 1],
    });
  });
});
