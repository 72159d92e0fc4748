// Keys, as 3D Slicer's nnInteractive has them where it has them.

import * as store from "./store";

export interface Key {
  keys: string;
  does: string;
  run: () => void;
  matches: (event: KeyboardEvent) => boolean;
}

const plain = (letter: string) => (e: KeyboardEvent) =>
  !e.ctrlKey && !e.metaKey && e.key.toLowerCase() === letter;

export const help = { shown: () => {} };

export const KEYS: Key[] = [
  {
    keys: "P",
    does: "point: a click asks the model",
    run: () => {
      store.tool.value = "point";
    },
    matches: plain("p"),
  },
  {
    keys: "T",
    does: "next clicks add, or take away",
    run: () => {
      store.positive.value = !store.positive.value;
    },
    matches: plain("t"),
  },
  { keys: "E", does: "next object", run: () => void store.addObject(), matches: plain("e") },
  {
    keys: "R",
    does: "reset the object: mask and clicks",
    run: () => void store.clearObject(),
    matches: plain("r"),
  },
  {
    keys: "V",
    does: "show or hide the object",
    run: () => {
      if (store.active.value !== null) store.toggleVisible(store.active.value);
    },
    matches: plain("v"),
  },
  {
    keys: "Del",
    does: "delete the object",
    run: () => void store.removeObject(),
    matches: (e) => e.key === "Delete",
  },
  {
    keys: "Ctrl+Z",
    does: "undo",
    run: () => void store.undo(),
    matches: (e) => (e.ctrlKey || e.metaKey) && !e.shiftKey && e.key.toLowerCase() === "z",
  },
  {
    keys: "Ctrl+Y or Ctrl+Shift+Z",
    does: "redo",
    run: () => void store.redo(),
    matches: (e) =>
      (e.ctrlKey || e.metaKey) &&
      (e.key.toLowerCase() === "y" || (e.shiftKey && e.key.toLowerCase() === "z")),
  },
  {
    keys: "B",
    does: "brush",
    run: () => {
      store.tool.value = "brush";
    },
    matches: plain("b"),
  },
  {
    keys: "X",
    does: "eraser",
    run: () => {
      store.tool.value = "eraser";
    },
    matches: plain("x"),
  },
  {
    keys: "L",
    does: "look: clicks only move the cross",
    run: () => {
      store.tool.value = "look";
    },
    matches: plain("l"),
  },
  {
    keys: "H",
    does: "clicks snap to the hottest voxel within 7 mm",
    run: () => {
      store.snap.value = !store.snap.value;
    },
    matches: plain("h"),
  },
  {
    keys: "U",
    does: "show where the model is unsure",
    run: () => void store.toggleUncertain(),
    matches: plain("u"),
  },
  { keys: "?", does: "these keys", run: () => help.shown(), matches: (e) => e.key === "?" },
];

export function listen(): void {
  window.addEventListener("keydown", (event) => {
    const at = event.target as HTMLElement;
    if (at.closest("input:not([type=range]):not([type=checkbox]), textarea, select, dialog") !== null) return;
    const key = KEYS.find((k) => k.matches(event));
    if (key === undefined || (event.repeat && !event.ctrlKey && !event.metaKey)) return;
    event.preventDefault();
    key.run();
  });
}
