import { render } from "preact";
import { listen } from "./keys";
import { Mip } from "./mip";
import { Opening } from "./opening";
import { Help, Notices, Objects, Progress, Status, Table, Tools } from "./panels";
import { Slices } from "./slices";
import * as store from "./store";
import "./style.css";

function Page() {
  return (
    <>
      <aside>
        <Opening />
        <Objects />
      </aside>
      <main>
        <Tools />
        <div class="images">
          <Slices />
          <Mip />
        </div>
        <Table />
        <Status />
      </main>
      <Notices />
      <Progress />
      <Help />
    </>
  );
}

listen();
render(<Page />, document.getElementById("page")!);

// For tests and for the browser's console: where a place is drawn, and what is drawn there.
declare global {
  interface Window {
    seganypet: { store: typeof store };
  }
}
window.seganypet = { store };
