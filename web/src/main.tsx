import { render } from "preact";
import { listen } from "./keys";
import { Mip } from "./mip";
import { Opening, Second } from "./opening";
import { Help, Notices, Objects, Progress, Status, Table, Tools } from "./panels";
import { Beside, Slices } from "./slices";
import * as store from "./store";
import "./style.css";

function Page() {
  return (
    <>
      <aside>
        <Opening />
        <Second />
        <Objects />
      </aside>
      <main>
        <Tools />
        <div class="images">
          <div class="pictures">
            <Slices />
            {store.second.value === "beside" && (
              <Beside key={`${store.scan.value?.id} ${store.whole.value} ${store.ctWindow.value}`} />
            )}
          </div>
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
window.addEventListener("pagehide", store.release);
render(<Page />, document.getElementById("page")!);

// For tests and for the browser's console: where a place is drawn, and what is drawn there.
declare global {
  interface Window {
    seganypet: { store: typeof store };
  }
}
window.seganypet = { store };
