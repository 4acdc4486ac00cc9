/* What both parts of the playground use. */

import { SIDE } from "./digit.js";

/** Paint an image of pixels in [0, 1] on a canvas of 28 x 28 pixels. */
export function paint(canvas, pixels) {
  const image = new ImageData(SIDE, SIDE);
  pixels.forEach((value, i) => {
    image.data.fill(255 * value, 4 * i, 4 * i + 3); // clamped to [0, 255]
    image.data[4 * i + 3] = 255;
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Return a function that runs `task`, and once more if it is called meanwhile. */
export function latest(task) {
  let [isRunning, again] = [false, false];
  return async () => {
    again = true;
    if (isRunning) return;
    isRunning = true;
    try {
      while (again) {
        again = false;
        await task();
      }
    } finally {
      isRunning = false;
    }
  };
}
