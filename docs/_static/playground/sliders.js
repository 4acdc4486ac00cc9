/* Sliders move the components of a latent code, and the decoder draws it. */

import { latest, paint } from "./canvas.js";
import { SIDE } from "./digit.js";

const DURATION = 600; // of a movement to another code, in milliseconds

/** Fill the part "Move the components"; return a function that moves to a code. */
export function createSliders({ description, decode }) {
  const { limit, components, samples, test_digits: digits } = description;
  const status = document.getElementById("playground-sliders-status");
  const digit = document.getElementById("playground-decoded");
  const list = document.getElementById("playground-sliders");
  const rows = components.map((component) => createRow(component, limit));
  const code = new Float32Array(components.length);
  let movements = 0;

  const render = latest(async () => {
    const images = await decode(withEnds(code, components, limit), 1 + 2 * rows.length);
    const image = (i) => images.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE);
    paint(digit, image(0));
    rows.forEach((row, i) => {
      paint(row.low, image(1 + 2 * i));
      paint(row.high, image(2 + 2 * i));
    });
  });

  function set(values) {
    code.set(values);
    rows.forEach((row, i) => row.show(code[components[i]]));
    return render();
  }

  function moveTo(target) {
    const [start, movement] = [code.slice(), ++movements];
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const began = performance.now();
    const step = (now) => {
      if (movement !== movements) return;
      const share = isStill ? 1 : Math.min((now - began) / DURATION, 1);
      const eased = share * share * (3 - 2 * share);
      set(start.map((value, i) => value + eased * (target[i] - value)));
      if (share < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  rows.forEach((row, i) => {
    list.append(row.element);
    row.input.addEventListener("input", () => {
      movements++;
      code[components[i]] = row.input.valueAsNumber;
      row.show(code[components[i]]);
      status.textContent = "";
      render();
    });
  });
  document.getElementById("playground-sample").addEventListener("click", () => {
    const number = Math.floor(Math.random() * samples.length);
    status.textContent = `Sample ${number + 1} of ${samples.length}.`;
    moveTo(samples[number]);
  });
  document.getElementById("playground-zero").addEventListener("click", () => {
    status.textContent = "All components are 0.";
    moveTo(components.map(() => 0));
  });
  const ready = set(digits.codes[0]);
  return { moveTo, ready };
}

/* The code itself, then the code with each component at both ends of its slider. */
function withEnds(code, components, limit) {
  const codes = [code];
  for (const component of components) {
    for (const end of [-limit, limit]) codes.push(code.with(component, end));
  }
  return Float32Array.from(codes.flatMap((values) => [...values]));
}

function createRow(component, limit) {
  const element = document.createElement("div");
  element.className = "playground-slider";
  element.innerHTML = `
    <canvas width="${SIDE}" height="${SIDE}" aria-hidden="true"></canvas>
    <div>
      <label for="playground-component-${component}">Component ${component}</label>
      <output for="playground-component-${component}"></output>
      <input id="playground-component-${component}" type="range"
        min="${-limit}" max="${limit}" step="0.05">
    </div>
    <canvas width="${SIDE}" height="${SIDE}" aria-hidden="true"></canvas>`;
  const [low, high] = element.querySelectorAll("canvas");
  const input = element.querySelector("input");
  const output = element.querySelector("output");
  const show = (value) => {
    input.value = value;
    output.textContent = value.toFixed(2).replace("-", "\u2212");
  };
  return { element, low, high, input, show };
}
