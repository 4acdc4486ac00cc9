/* The playground: an encoder and a decoder in the browser. */

import { loadModel } from "./networks.js";
import { createPad } from "./pad.js";
import { createSliders } from "./sliders.js";

const status = document.getElementById("playground-status");

try {
  const model = await loadModel();
  const { moveTo, ready } = createSliders(model);
  await Promise.all([ready, createPad(model, moveTo)]);
  for (const control of document.querySelectorAll(".playground [data-needs-model]")) {
    control.disabled = false;
  }
  status.textContent = "The model is ready.";
  status.dataset.state = "ready";
} catch (error) {
  status.textContent =
    `The model cannot be loaded (${error.message}). The page needs a browser of 2023 or ` +
    "later, and a web server: files that are opened directly cannot load others.";
  status.dataset.state = "failed";
}
