import { expect, it } from "vitest";
import { toMm, toVoxel } from "./grid";

const oblique = [
  [3.8, -1.2, 0.3, -120],
  [1.1, 3.9, -0.4, 40],
  [-0.2, 0.5, 2.9, -600],
  [0, 0, 0, 1],
];

it("a voxel's place is what the affine says", () => {
  const place = toMm(oblique, [1, 2, 3]);
  [-117.7, 47.7, -590.5].forEach((mm, axis) => {
    expect(place[axis]).toBeCloseTo(mm, 9);
  });
});

it("voxels come back from their places", () => {
  for (const ijk of [
    [0, 0, 0],
    [12.5, -3, 77],
    [199, 199, 399],
  ] as [number, number, number][])
    toVoxel(oblique, toMm(oblique, ijk)).forEach((c, axis) => {
      expect(c).toBeCloseTo(ijk[axis]!, 6);
    });
});
