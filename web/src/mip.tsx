// The rotating projection: the server computes it, a click on it leads to the voxel that it shows.

import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import * as api from "./api";
import * as store from "./store";

const STEP = 10;
const FRAMES = 360 / STEP;
const TURN_MS = 120;

type Frame = { levels: Uint16Array; step: number };

export function Mip() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const degrees = useSignal(0);
  const turning = useSignal(false);
  const frames = useRef(new Map<number, Promise<Frame>>());
  const shadows = useRef(new Map<string, Promise<Uint8Array>>());
  const drawn = useRef(0);

  const frameAt = (angle: number): Promise<Frame> => {
    const id = store.scan.value!.id;
    let frame = frames.current.get(angle);
    if (frame === undefined) {
      frame = api.projection(id, angle);
      frame.catch(() => frames.current.delete(angle));
      frames.current.set(angle, frame);
    }
    return frame;
  };
  const shadowAt = (angle: number): Promise<Uint8Array> => {
    const key = `${store.revision.value} ${angle}`;
    let shadow = shadows.current.get(key);
    if (shadow === undefined) {
      if (shadows.current.size > FRAMES) shadows.current.clear();
      shadow = api.shadows(store.state.value!.id, angle, [...store.hidden.value]);
      shadow.catch(() => shadows.current.delete(key));
      shadows.current.set(key, shadow);
    }
    return shadow;
  };

  useSignalEffect(() => {
    if (store.scan.value === null) {
      frames.current = new Map();
      shadows.current = new Map();
    }
  });
  useSignalEffect(() => {
    const [scan, state, angle, window] = [
      store.scan.value,
      store.state.value,
      degrees.value,
      store.window_.value,
    ];
    const colours = state?.objects.map((o) => o.colour) ?? [];
    const inverted = store.scale.value;
    void store.revision.value;
    if (scan === null || state === null) return;
    const turn = ++drawn.current;
    Promise.all([frameAt(angle), shadowAt(angle)])
      .then(([frame, shadow]) => {
        if (turn === drawn.current && canvas.current !== null)
          paint(canvas.current, scan, frame, shadow, window, inverted, colours);
      })
      .catch(store.complain);
  });
  useEffect(() => {
    const timer = setInterval(() => {
      if (turning.value && store.scan.value !== null) degrees.value = (degrees.value + STEP) % 360;
    }, TURN_MS);
    return () => clearInterval(timer);
  }, []);

  const room = useRef<HTMLDivElement>(null);
  const size = useSignal<[number, number]>([1, 1]);
  useEffect(() => {
    const fit = new ResizeObserver(([entry]) => {
      size.value = [entry!.contentRect.width, entry!.contentRect.height];
    });
    fit.observe(room.current!);
    return () => fit.disconnect();
  }, []);

  const scan = store.scan.value;
  const jump = async (event: MouseEvent) => {
    if (scan === null) return;
    const box = canvas.current!.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * scan.mips.columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * scan.mips.rows);
    await store.during("finding the voxel", async () => {
      const found = await api.pixel(scan.id, degrees.value, row, column);
      store.moveTo(found.xyz_mm);
    });
  };
  const [width, height] =
    scan === null
      ? [1, 1]
      : [scan.mips.columns * scan.mips.pixel_mm[0], scan.mips.rows * scan.mips.pixel_mm[1]];
  const pixels = Math.min(size.value[0] / width, size.value[1] / height);
  const [left, right] = sides(degrees.value);
  return (
    <div class="mip" style={{ background: store.scale.value === "grey" ? "#fff" : "#000" }}>
      <div class="room" ref={room}>
        <canvas
          ref={canvas}
          data-testid="mip"
          style={{ width: `${width * pixels}px`, height: `${height * pixels}px` }}
          onClick={jump}
          title="Click to go to the voxel that is shown"
        />
        {scan !== null && (
          <>
            <b class="left">{left}</b>
            <b class="right">{right}</b>
          </>
        )}
      </div>
      <div class="turn">
        <button
          type="button"
          onClick={() => {
            turning.value = !turning.value;
          }}
          disabled={scan === null}
        >
          {turning.value ? "❚❚" : "▶"}
        </button>
        <input
          type="range"
          min={0}
          max={360 - STEP}
          step={STEP}
          value={degrees.value}
          aria-label="Angle of the projection"
          onInput={(e) => {
            degrees.value = Number(e.currentTarget.value);
          }}
        />
        <span>{degrees.value}°</span>
      </div>
    </div>
  );
}

/** Returns the letters at the left and right of a projection: whose side of the patient is seen there. */
function sides(degrees: number): [string, string] {
  const [across, through] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const letters = (sign: number) =>
    (Math.abs(across) < 0.38 ? "" : across * sign > 0 ? "L" : "R") +
    (Math.abs(through) < 0.38 ? "" : through * sign > 0 ? "P" : "A");
  return [letters(-1), letters(1)];
}

function paint(
  canvas: HTMLCanvasElement,
  scan: api.Scan,
  frame: Frame,
  shadow: Uint8Array,
  window: [number, number],
  scale: "grey" | "hot",
  colours: string[],
): void {
  const { rows, columns } = scan.mips;
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d")!;
  const pixels = context.createImageData(columns, rows);
  for (let n = 0; n < frame.levels.length; n++) {
    const share = Math.min(
      Math.max((frame.levels[n]! * frame.step - window[0]) / (window[1] - window[0]), 0),
      1,
    );
    const label = shadow[n]!;
    const edge =
      label > 0 &&
      (shadow[n - 1] !== label ||
        shadow[n + 1] !== label ||
        shadow[n - columns] !== label ||
        shadow[n + columns] !== label);
    if (edge) {
      const rgb = Number.parseInt(colours[label - 1]?.slice(1) ?? "ff0000", 16);
      pixels.data.set([rgb >> 16, (rgb >> 8) & 255, rgb & 255, 255], 4 * n);
    } else if (scale === "grey") {
      const grey = Math.round(255 * (1 - share));
      pixels.data.set([grey, grey, grey, 255], 4 * n);
    } else {
      pixels.data.set(
        [
          Math.min(share * 3, 1) * 255,
          Math.min(Math.max(share * 3 - 1, 0), 1) * 255,
          Math.max(share * 3 - 2, 0) * 255,
          255,
        ],
        4 * n,
      );
    }
  }
  context.putImageData(pixels, 0, 0);
}
