/* Drawn strokes as an image of MNIST.

MNIST's digits fit a box of 20 x 20 pixels, and their centre of mass is the centre of the
image of 28 x 28 pixels. Strokes are scaled before they are drawn, so that all have the
same width. */

export const SIDE = 28;
const BOX = 20;
const LINE_WIDTH = 2.7; // pixels, the median of MNIST's ones

/** Return the pixels in [0, 1] of strokes, each a list of points [x, y]. */
export function mnistImage(strokes) {
  const points = strokes.flat();
  if (points.length === 0) return new Float32Array(SIDE * SIDE);
  const [left, right] = range(points.map(([x]) => x));
  const [top, bottom] = range(points.map(([, y]) => y));
  const scale = (BOX - LINE_WIDTH) / Math.max(right - left, bottom - top, 1e-6);
  const middle = [(left + right) / 2, (top + bottom) / 2];
  const draw = (shift) => drawn(strokes, scale, middle, shift);
  return draw(centreOfMass(draw([0, 0])).map((coordinate) => SIDE / 2 - coordinate));
}

/** Draw lines through the points of each stroke on a canvas. */
export function drawStrokes(context, strokes, lineWidth, place) {
  context.lineWidth = lineWidth;
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = "white";
  for (const stroke of strokes) {
    const points = stroke.map(place);
    const [x, y] = points.at(-1);
    context.beginPath();
    for (const point of points) context.lineTo(...point);
    context.lineTo(x + 0.01, y); // a line without length would not be drawn
    context.stroke();
  }
}

function drawn(strokes, scale, middle, shift) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillRect(0, 0, SIDE, SIDE);
  drawStrokes(context, strokes, LINE_WIDTH, (point) =>
    point.map((value, axis) => (value - middle[axis]) * scale + SIDE / 2 + shift[axis]),
  );
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  return Float32Array.from({ length: SIDE * SIDE }, (_, i) => data[4 * i] / 255);
}

function centreOfMass(image) {
  let [mass, x, y] = [0, 0, 0];
  image.forEach((value, i) => {
    mass += value;
    x += value * ((i % SIDE) + 0.5);
    y += value * (Math.floor(i / SIDE) + 0.5);
  });
  return [x / mass, y / mass];
}

function range(values) {
  return [Math.min(...values), Math.max(...values)];
}
