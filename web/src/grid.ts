// Between voxels of the shown grid and RAS+ world positions in mm.

import type { Point } from "./api";

export type Affine = number[][];

export function toMm(affine: Affine, ijk: Point): Point {
  return [0, 1, 2].map(
    (row) =>
      affine[row]![0]! * ijk[0] + affine[row]![1]! * ijk[1] + affine[row]![2]! * ijk[2] + affine[row]![3]!,
  ) as Point;
}

export function toVoxel(affine: Affine, mm: Point): Point {
  const m = affine;
  const [a, b, c] = [m[0]![0]!, m[0]![1]!, m[0]![2]!];
  const [d, e, f] = [m[1]![0]!, m[1]![1]!, m[1]![2]!];
  const [g, h, i] = [m[2]![0]!, m[2]![1]!, m[2]![2]!];
  const [x, y, z] = [mm[0] - m[0]![3]!, mm[1] - m[1]![3]!, mm[2] - m[2]![3]!];
  const det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  return [
    (x * (e * i - f * h) + y * (c * h - b * i) + z * (b * f - c * e)) / det,
    (x * (f * g - d * i) + y * (a * i - c * g) + z * (c * d - a * f)) / det,
    (x * (d * h - e * g) + y * (b * g - a * h) + z * (a * e - b * d)) / det,
  ];
}
