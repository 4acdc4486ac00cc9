/* A pad to draw a digit, which the model reconstructs. */

import { latest, paint } from "./canvas.js";
import { SIDE, drawStrokes, mnistImage } from "./digit.js";

const LINE_WIDTH = 0.08; // of the pad's side
const STEP = 0.04; // of the pad's side, by an arrow key
const DIRECTIONS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Fill the part "Draw a digit". */
export function createPad({ description, encode, decode }, moveTo) {
  const pad = document.getElementById("playground-pad");
  const given = document.getElementById("playground-given");
  const reconstruction = document.getElementById("playground-reconstruction");
  const status = document.getElementById("playground-pad-status");
  const toSliders = document.getElementById("playground-to-sliders");
  const digits = testDigits(description);
  let strokes = [];
  let stroke = null; // the one that is drawn now
  let testDigit = digits[0]; // shown instead of strokes
  let pen = null; // its place, if the keys move it
  let nextDigit = 1;
  let code = null;
  let announcement = "";

  const reconstruct = latest(async () => {
    const isEmpty = testDigit === null && strokes.length === 0;
    const image = testDigit?.pixels ?? mnistImage(strokes);
    paint(given, image);
    toSliders.disabled = isEmpty;
    if (isEmpty) {
      code = null;
      paint(reconstruction, image);
      status.textContent = announcement;
      return;
    }
    const text = announcement;
    code = (await encode(image, 1)).slice();
    const reconstructed = await decode(code, 1);
    paint(reconstruction, reconstructed);
    if (stroke) return; // said when it is finished
    const error = meanSquare(image.map((value, i) => value - reconstructed[i]));
    status.textContent =
      `${text}Mean squared error ${error.toFixed(3)}; ` +
      `average of MNIST's test digits: ${description.test_error.toFixed(3)}.`;
  });

  function change(text = "") {
    announcement = text;
    drawPad();
    return reconstruct();
  }

  function drawPad() {
    const context = pad.getContext("2d");
    const place = ([x, y]) => [x * pad.width, y * pad.height];
    context.fillStyle = "black";
    context.fillRect(0, 0, pad.width, pad.height);
    if (testDigit) {
      context.imageSmoothingEnabled = false;
      context.drawImage(testDigit.canvas, 0, 0, pad.width, pad.height);
    }
    drawStrokes(context, strokes, LINE_WIDTH * pad.width, place);
    if (pen && document.activeElement === pad) {
      context.strokeStyle = "#ff9d5c";
      context.lineWidth = 3;
      context.beginPath();
      context.arc(...place(pen), (LINE_WIDTH * pad.width) / 2, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  function begin(point) {
    testDigit = null;
    stroke = [point];
    strokes.push(stroke);
    change();
  }

  function end(text) {
    stroke = null;
    change(text);
  }

  function clear(text) {
    testDigit = null;
    strokes = [];
    end(text);
  }

  function placeOf(event) {
    const box = pad.getBoundingClientRect();
    return [
      inside((event.clientX - box.left) / box.width),
      inside((event.clientY - box.top) / box.height),
    ];
  }

  pad.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || stroke) return;
    pad.setPointerCapture(event.pointerId);
    pen = null;
    begin(placeOf(event));
  });
  pad.addEventListener("pointermove", (event) => {
    if (!stroke || pen) return;
    stroke.push(...event.getCoalescedEvents().map(placeOf), placeOf(event));
    change();
  });
  for (const type of ["pointerup", "pointercancel"]) {
    pad.addEventListener(type, () => stroke && !pen && end());
  }
  pad.addEventListener("keydown", (event) => {
    if (!(event.key in DIRECTIONS) && event.key !== " ") return;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    pen ??= [0.5, 0.5];
    if (event.key === " ") {
      if (stroke) end("The pen is up. ");
      else begin([...pen]);
      if (stroke) status.textContent = "The pen is down.";
      return;
    }
    pen = pen.map((value, axis) => inside(value + STEP * DIRECTIONS[event.key][axis]));
    if (stroke) stroke.push([...pen]);
    change();
  });
  pad.addEventListener("focus", drawPad);
  pad.addEventListener("blur", () => (stroke ? end() : drawPad()));

  document.getElementById("playground-clear").addEventListener("click", () => {
    clear("The pad is empty.");
  });
  document.getElementById("playground-test-digit").addEventListener("click", () => {
    clear();
    testDigit = digits[nextDigit++ % digits.length];
    change(`A test digit, ${testDigit.label}. `);
  });
  toSliders.addEventListener("click", () => {
    moveTo(code);
    document.getElementById("playground-decoded").scrollIntoView({ block: "center" });
    document.getElementById("playground-sliders-status").textContent =
      "The latent code of the digit on the pad.";
  });
  return change(`A test digit, ${testDigit.label}. `);
}

function testDigits({ test_digits: { labels, pixels } }) {
  const bytes = Uint8Array.from(atob(pixels), (character) => character.charCodeAt(0));
  return labels.map((label, i) => {
    const values = bytes.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE);
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = SIDE;
    const image = Float32Array.from(values, (value) => value / 255);
    paint(canvas, image);
    return { label, canvas, pixels: image };
  });
}

function inside(value) {
  return Math.min(Math.max(value, 0), 1);
}

function meanSquare(errors) {
  return errors.reduce((sum, error) => sum + error * error, 0) / errors.length;
}
