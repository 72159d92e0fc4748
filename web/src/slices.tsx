// The slices: NiiVue below, and over it what the pointer does.

import { effect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Plane, Point } from "./api";
import * as api from "./api";
import * as store from "./store";
import { Viewer } from "./viewer";

// How far a pointer may stray for a click to be one, in pixels.
const STILL = 4;
// Into how many parts the CT or MR beside divides the PET's voxels.
const FINER = 2;

interface Press {
  button: number;
  x: number;
  y: number;
  moved: boolean;
  plane: Plane;
  last: Point;
  line: Point[];
  trace: [number, number][];
}

export function Slices() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const made = new Viewer(canvas.current!);
    const ready = made.attach();
    store.useViewer(made);
    const detach = interact(made, over.current!);
    void ready.then(() => store.start()).then(() => store.resume());
    return detach;
  }, []);
  return (
    <div class="slices" data-testid="slices">
      <canvas ref={canvas} class="image" />
      <canvas ref={over} class="over" data-testid="over" />
      {store.scan.value === null && <p class="hint">Open a scan to begin.</p>}
    </div>
  );
}

/** The CT or MR beside the PET: the same slices, the same cross, the same clicks. */
export function Beside() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const made = new Viewer(canvas.current!);
    let stop = () => {};
    let gone = false;
    const loaded = store.during("loading the CT or MR", async () => {
      await made.attach();
      const found = store.scan.value;
      if (gone || found === null) return;
      const image = await api.second(found.id, store.whole.value, FINER);
      const part = store.whole.value ? { start: [0, 0, 0] as api.Point, shape: found.shape } : found.shown;
      const [low, high] = store.secondWindow(image);
      if (gone) return;
      await made.show(found, part, image.nifti, [low / image.step, high / image.step], "light", FINER);
      if (gone) return;
      store.useBeside(made);
      const follow = effect(() => {
        if (store.place.value !== null) made.moveTo(store.place.value);
      });
      const detach = interact(made, over.current!);
      stop = () => {
        follow();
        detach();
      };
    });
    return () => {
      gone = true;
      store.useBeside(null);
      stop();
      void loaded.then(() => made.release());
    };
  }, []);
  return (
    <div class="slices dark" data-testid="beside">
      <canvas ref={canvas} class="image" />
      <canvas ref={over} class="over" />
    </div>
  );
}

function interact(viewer: Viewer, over: HTMLCanvasElement): () => void {
  let press: Press | null = null;
  const painting = () => store.tool.value === "brush" || store.tool.value === "eraser";

  const down = (event: PointerEvent) => {
    const spot = store.scan.value === null ? null : viewer.spotAt(event.offsetX, event.offsetY);
    if (spot === null) return;
    over.setPointerCapture(event.pointerId);
    const { offsetX: x, offsetY: y, button } = event;
    press = {
      button,
      x,
      y,
      moved: false,
      plane: spot.plane,
      last: spot.mm,
      line: [spot.mm],
      trace: [[x, y]],
    };
    if (button === 0 && !painting()) store.moveTo(spot.mm);
  };
  const move = (event: PointerEvent) => {
    const spot = store.scan.value === null ? null : viewer.spotAt(event.offsetX, event.offsetY);
    if (press !== null) {
      press.moved ||= Math.hypot(event.offsetX - press.x, event.offsetY - press.y) > STILL;
      if (spot !== null && spot.plane === press.plane) {
        if (press.button !== 0) {
          const { last } = press;
          viewer.pan([spot.mm[0] - last[0], spot.mm[1] - last[1], spot.mm[2] - last[2]]);
          press.last = viewer.spotAt(event.offsetX, event.offsetY)?.mm ?? spot.mm;
        } else if (painting()) {
          press.line.push(spot.mm);
          press.trace.push([event.offsetX, event.offsetY]);
        } else if (press.moved) store.moveTo(spot.mm);
      }
    }
    drawOver(viewer, over, painting() && spot !== null ? [event.offsetX, event.offsetY] : null, press);
  };
  const up = (event: PointerEvent) => {
    const done = press;
    press = null;
    drawOver(viewer, over, null, null);
    if (done === null || done.button !== 0) return;
    if (painting()) {
      store.moveTo(done.line[0]!);
      void store.stroke(thinned(done.line), done.plane, store.tool.value === "eraser");
    } else if (!done.moved && store.tool.value === "point") {
      void store.click(done.line[0]!, store.positive.value !== (event.ctrlKey || event.altKey));
    }
  };
  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const spot = viewer.spotAt(event.offsetX, event.offsetY);
    if (spot === null || store.scan.value === null) return;
    if (event.ctrlKey) viewer.zoomAt(spot.mm, event.deltaY < 0 ? 1.2 : 1 / 1.2);
    else {
      viewer.scroll(spot.plane, event.deltaY < 0 ? 1 : -1);
      store.moveTo(viewer.place);
    }
  };
  const menu = (event: Event) => event.preventDefault();
  const fit = new ResizeObserver(() => {
    over.width = over.clientWidth;
    over.height = over.clientHeight;
  });
  fit.observe(over);
  const stopDrawing = effect(() => {
    void store.activeObject.value;
    void store.place.value;
    requestAnimationFrame(() => drawOver(viewer, over, null, null));
  });
  const leave = () => drawOver(viewer, over, null, press);
  const listeners: [string, (event: never) => void][] = [
    ["pointerdown", down],
    ["pointermove", move],
    ["pointerup", up],
    ["pointerleave", leave],
    ["wheel", wheel],
    ["contextmenu", menu],
  ];
  for (const [name, listener] of listeners)
    over.addEventListener(name, listener as EventListener, { passive: false });
  return () => {
    fit.disconnect();
    stopDrawing();
    for (const [name, listener] of listeners) over.removeEventListener(name, listener as EventListener);
  };
}

/** Returns at most 500 points of a line, its ends among them. */
function thinned(line: Point[]): Point[] {
  const step = Math.ceil(line.length / 499);
  return line.filter((_, n) => n % step === 0 || n === line.length - 1);
}

/** Draws the active object's clicks near the slices, the brush, and what it paints until the server answers. */
function drawOver(
  viewer: Viewer,
  over: HTMLCanvasElement,
  at: [number, number] | null,
  press: Press | null,
): void {
  const context = over.getContext("2d")!;
  context.clearRect(0, 0, over.width, over.height);
  drawClicks(viewer, context);
  const pixels = store.radius.value * viewer.pixelsPerMm();
  const painting =
    press !== null && press.button === 0 && (store.tool.value === "brush" || store.tool.value === "eraser");
  const colour = store.tool.value === "eraser" ? "#ff5577" : (store.activeObject.value?.colour ?? "#e6194b");
  if (painting && press !== null) {
    context.strokeStyle = `${colour}88`;
    context.lineWidth = 2 * pixels;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    for (const [x, y] of press.trace) context.lineTo(x, y);
    if (press.trace.length === 1) context.lineTo(press.trace[0]![0] + 0.1, press.trace[0]![1]);
    context.stroke();
  }
  if (at !== null) {
    context.strokeStyle = colour;
    context.lineWidth = 1.5;
    context.beginPath();
    context.arc(at[0], at[1], pixels, 0, 2 * Math.PI);
    context.stroke();
  }
}

/** Marks each click of the active object on the slices that pass it. */
function drawClicks(viewer: Viewer, context: CanvasRenderingContext2D): void {
  context.lineWidth = 2;
  for (const click of store.activeObject.value?.clicks ?? []) {
    for (const [x, y] of viewer.pixelsOfVoxel(click.ijk)) {
      context.strokeStyle = click.positive ? "#00c853" : "#ff1744";
      context.beginPath();
      context.moveTo(x - 5, y);
      context.lineTo(x + 5, y);
      if (click.positive) {
        context.moveTo(x, y - 5);
        context.lineTo(x, y + 5);
      }
      context.stroke();
    }
  }
}
