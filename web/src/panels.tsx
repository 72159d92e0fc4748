// Everything around the images: tools, objects, table, notices, keys.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Rule } from "./api";
import { help, KEYS } from "./keys";
import * as store from "./store";

const WINDOWS: [string, [number, number]][] = [
  ["0–5", [0, 5]],
  ["0–7", [0, 7]],
  ["0–10", [0, 10]],
  ["0–15", [0, 15]],
  ["0–20", [0, 20]],
];
const TOOLS: [store.Tool, string, string][] = [
  ["look", "Look", "L"],
  ["point", "Point", "P"],
  ["brush", "Brush", "B"],
  ["eraser", "Eraser", "X"],
];

export function Tools() {
  const off = store.state.value === null;
  const painting = store.tool.value === "brush" || store.tool.value === "eraser";
  return (
    <div class="tools" role="toolbar" aria-label="Tools">
      {TOOLS.map(([name, label, key]) => (
        <button
          type="button"
          key={name}
          class={store.tool.value === name ? "on" : ""}
          disabled={off || (name === "point" && !store.state.value?.assisted)}
          onClick={() => {
            store.tool.value = name;
          }}
        >
          {label} <kbd>{key}</kbd>
        </button>
      ))}
      {store.tool.value === "point" && (
        <>
          <button
            type="button"
            data-testid="sign"
            class={store.positive.value ? "plus" : "minus"}
            disabled={off}
            onClick={() => {
              store.positive.value = !store.positive.value;
            }}
          >
            {store.positive.value ? "+ adds" : "− takes away"} <kbd>T</kbd>
          </button>
          <label title="Clicks move to the hottest voxel within 7 mm">
            <input
              type="checkbox"
              checked={store.snap.value}
              onChange={(e) => {
                store.snap.value = e.currentTarget.checked;
              }}
            />
            snap <kbd>H</kbd>
          </label>
        </>
      )}
      {painting && (
        <label>
          radius
          <input
            type="range"
            min={2}
            max={40}
            value={store.radius.value}
            onInput={(e) => {
              store.radius.value = Number(e.currentTarget.value);
            }}
          />
          {store.radius.value} mm
        </label>
      )}
      <button type="button" disabled={!store.state.value?.undo} onClick={() => void store.undo()}>
        Undo{store.state.value?.undo ? ` ${store.state.value.undo}` : ""}
      </button>
      <button type="button" disabled={!store.state.value?.redo} onClick={() => void store.redo()}>
        Redo{store.state.value?.redo ? ` ${store.state.value.redo}` : ""}
      </button>
      <label title="Where the model is unsure">
        <input
          type="checkbox"
          checked={store.uncertain.value}
          disabled={store.active.value === null}
          onChange={() => void store.toggleUncertain()}
        />
        unsure <kbd>U</kbd>
      </label>
      <span class="gap" />
      <label title="The whole field of view, not the body alone">
        <input
          type="checkbox"
          checked={store.whole.value}
          disabled={off}
          onChange={(e) => void store.showWhole(e.currentTarget.checked)}
        />
        whole field
      </label>
      <WindowChoice />
      <button type="button" onClick={() => help.shown()}>
        <kbd>?</kbd>
      </button>
    </div>
  );
}

function WindowChoice() {
  const [low, high] = store.window_.value;
  const off = store.scan.value === null;
  return (
    <>
      <select
        aria-label="SUV window"
        value={`${low}–${high}`}
        disabled={off}
        onChange={(e) => {
          const found = WINDOWS.find(([name]) => name === e.currentTarget.value);
          if (found !== undefined) store.setWindow(found[1], store.scale.value);
        }}
      >
        {!WINDOWS.some(([name]) => name === `${low}–${high}`) && <option>{`${low}–${high}`}</option>}
        {WINDOWS.map(([name]) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <label>
        SUV
        <input
          type="range"
          min={1}
          max={40}
          step={0.5}
          value={high}
          disabled={off}
          aria-label="Highest SUV shown"
          onInput={(e) => store.setWindow([low, Number(e.currentTarget.value)], store.scale.value)}
        />
        {high}
      </label>
      <select
        aria-label="Colour scale"
        value={store.scale.value}
        disabled={off}
        onChange={(e) => store.setWindow(store.window_.value, e.currentTarget.value as "grey" | "hot")}
      >
        <option value="grey">inverted grey</option>
        <option value="hot">hot</option>
      </select>
    </>
  );
}

export function Objects() {
  const name = useSignal("");
  const state = store.state.value;
  if (state === null) return null;
  const add = async () => {
    await store.addObject(name.value.trim() || undefined);
    name.value = "";
  };
  return (
    <section class="objects">
      <h2>Objects</h2>
      <ul>
        {state.objects.map((object) => (
          <li key={object.id} class={object.id === store.active.value ? "on" : ""} data-object={object.id}>
            <input
              type="color"
              value={object.colour}
              aria-label={`Colour of ${object.name}`}
              onChange={(e) => void store.describe(object.id, { colour: e.currentTarget.value })}
            />
            <button type="button" class="name" onClick={() => store.activate(object.id)}>
              {object.name}
            </button>
            <span class="clicks">
              {object.clicks.filter((c) => c.positive).length}+{" "}
              {object.clicks.filter((c) => !c.positive).length}−
            </span>
            <button
              type="button"
              aria-label={`${store.hidden.value.has(object.id) ? "Show" : "Hide"} ${object.name}`}
              onClick={() => store.toggleVisible(object.id)}
            >
              {store.hidden.value.has(object.id) ? "○" : "●"}
            </button>
          </li>
        ))}
      </ul>
      <div class="add">
        <input
          list="names"
          placeholder="organ, lesion, or any name"
          aria-label="Name of the next object"
          value={name.value}
          onInput={(e) => {
            name.value = e.currentTarget.value;
          }}
          onKeyDown={(e) => e.key === "Enter" && void add()}
        />
        <datalist id="names">
          {store.server.value?.names.map((known) => (
            <option key={known} value={known} />
          ))}
        </datalist>
        <button type="button" onClick={() => void add()}>
          Add <kbd>E</kbd>
        </button>
      </div>
      <div class="row">
        <button type="button" disabled={store.active.value === null} onClick={() => void store.clearObject()}>
          Reset <kbd>R</kbd>
        </button>
        <button
          type="button"
          disabled={store.active.value === null}
          onClick={() => void store.removeObject()}
        >
          Delete <kbd>Del</kbd>
        </button>
        <select
          aria-label="Compare with a threshold"
          value=""
          disabled={store.active.value === null}
          onChange={(e) => {
            void store.threshold(e.currentTarget.value as Rule);
            e.currentTarget.value = "";
          }}
        >
          <option value="">compare with…</option>
          {store.server.value?.rules.map((rule) => (
            <option key={rule} value={rule}>
              {rule === "liver"
                ? "liver level (cross in the liver)"
                : rule.endsWith("%")
                  ? `${rule} of SUVmax`
                  : `SUV ${rule}`}
            </option>
          ))}
        </select>
      </div>
      <Exports />
    </section>
  );
}

function Exports() {
  const id = store.state.value?.id;
  const object = store.activeObject.value;
  const empty = (store.state.value?.objects.length ?? 0) === 0;
  if (id === undefined || empty) return null;
  const link = (file: string, text: string) => (
    <a href={`./api/readings/${id}/${file}`} download>
      {text}
    </a>
  );
  return (
    <nav class="exports" aria-label="Export">
      {link("labels.nii.gz", "label map")}
      {object !== null && link(`objects/${object.id}/mask.nii.gz`, "mask")}
      {store.scan.value?.dicom && link("segmentation.dcm", "DICOM SEG")}
      {link("table.csv", "table")}
      {link("clicks.json", "clicks")}
      {link("figure.png", "figure")}
    </nav>
  );
}

const digits = (value: number | null, places: number) => (value === null ? "–" : value.toFixed(places));

export function Table() {
  if (store.rows.value.length === 0) return null;
  const colours = new Map(store.state.value?.objects.map((o) => [o.id, o.colour]));
  return (
    <table data-testid="table">
      <thead>
        <tr>
          <th>object</th>
          <th>volume (ml)</th>
          <th>SUVmax</th>
          <th>SUVmean</th>
          <th>SUVpeak</th>
          <th>TLG (g)</th>
        </tr>
      </thead>
      <tbody>
        {store.rows.value.map((row) => (
          <tr key={row.object_id} data-row={row.object_id}>
            <td>
              <i style={{ background: colours.get(row.object_id) ?? "none" }} /> {row.name}
            </td>
            <td>{digits(row.volume_ml, 2)}</td>
            <td>{digits(row.suv_max, 2)}</td>
            <td>{digits(row.suv_mean, 2)}</td>
            <td>{digits(row.suv_peak, 2)}</td>
            <td>{digits(row.tlg, 1)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Status() {
  const here = store.place.value;
  const found = here === null ? null : (store.theViewer()?.at(here) ?? null);
  const click = store.lastClick.value;
  const server = store.server.value;
  return (
    <footer>
      <span data-testid="suv">{found === null ? "" : `SUV ${found.suv.toFixed(2)}`}</span>
      <span data-testid="mm">{here === null ? "" : `${here.map((c) => c.toFixed(1)).join(", ")} mm`}</span>
      <span data-testid="voxel">{found === null ? "" : `voxel ${found.ijk.join(", ")}`}</span>
      <span class="gap" />
      {server !== null && (
        <span data-testid="model">
          {!server.assisted
            ? "model off"
            : server.model_ready
              ? `${server.weights} on ${server.device}`
              : "model not loaded yet"}
          {click !== null && `, last click ${click.total.toFixed(2)} s`}
          {click?.dice != null && `, mask likely ${click.dice.toFixed(2)}`}
        </span>
      )}
      <strong>Research use only, not a medical device.</strong>
    </footer>
  );
}

// From when on something that takes time is shown, and a click counts as slow, in seconds.
const SHOWN = 0.4;
const SLOW = 3;

export function Progress() {
  const now = useSignal(0);
  useEffect(() => {
    const timer = setInterval(() => {
      now.value = performance.now();
    }, 100);
    return () => clearInterval(timer);
  }, []);
  const shown = store.tasks.value.filter((task) => now.value - task.since > SHOWN * 1000);
  const click = store.lastClick.value;
  return (
    <div class="progress" aria-live="polite">
      {shown.map((task) => (
        <div key={task.since}>
          {task.text}… {((now.value - task.since) / 1000).toFixed(1)} s
          <progress {...(task.share === null ? {} : { value: task.share })} />
        </div>
      ))}
      {click !== null && click.seconds > SLOW && (
        <p class="slow">
          The model took {click.seconds.toFixed(0)} s for the last click: this machine is slow for it. A
          graphics card, or a server with one, helps.
        </p>
      )}
    </div>
  );
}

export function Notices() {
  return (
    <div class="notices" role="alert">
      {store.locked.value !== null && (
        <div class="error">
          {store.locked.value}
          <button type="button" onClick={() => void store.takeOver()}>
            Take over
          </button>
        </div>
      )}
      {store.notices.value.map((notice) => (
        <div key={notice.text} class={notice.kind} data-testid={notice.kind}>
          {notice.text}
          <button type="button" aria-label="Dismiss" onClick={() => store.dismiss(notice)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}

export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    help.shown = () => dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog}>
      <h2>Keys</h2>
      <dl>
        {KEYS.map((key) => (
          <div key={key.keys}>
            <dt>
              <kbd>{key.keys}</kbd>
            </dt>
            <dd>{key.does}</dd>
          </div>
        ))}
      </dl>
      <h2>Mouse</h2>
      <dl>
        <div>
          <dt>click</dt>
          <dd>asks the model (Ctrl or Alt: the other sign)</dd>
        </div>
        <div>
          <dt>drag</dt>
          <dd>moves the cross; paints with brush and eraser</dd>
        </div>
        <div>
          <dt>wheel</dt>
          <dd>next slice; with Ctrl: zoom</dd>
        </div>
        <div>
          <dt>right button</dt>
          <dd>moves the picture</dd>
        </div>
        <div>
          <dt>projection</dt>
          <dd>a click goes to the voxel that it shows</dd>
        </div>
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
