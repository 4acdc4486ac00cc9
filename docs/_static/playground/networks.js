/* The encoder and the decoder, run by ONNX Runtime Web. */

import * as ort from "../onnxruntime-web/ort.wasm.bundle.min.mjs";

const RUNTIME = "../onnxruntime-web/ort-wasm-simd-threaded.wasm.gzip";

/** Load the model; return its description, `encode` and `decode`. */
export async function loadModel() {
  const [description, runtime, encoder, decoder] = await Promise.all([
    fetched("model.json").then((response) => response.json()),
    fetched(RUNTIME).then(decompressed),
    fetched("encoder.onnx").then((response) => response.arrayBuffer()),
    fetched("decoder.onnx").then((response) => response.arrayBuffer()),
  ]);
  ort.env.wasm.wasmBinary = runtime;
  ort.env.wasm.numThreads = 1; // more need headers that static hosts do not send
  const encode = await network(encoder);
  const decode = await network(decoder);
  return { description, encode, decode };
}

async function network(bytes) {
  const session = await ort.InferenceSession.create(bytes);
  const [input] = session.inputNames;
  const [output] = session.outputNames;
  return async (values, nSamples) => {
    const shape = [nSamples, values.length / nSamples];
    const result = await session.run({
      [input]: new ort.Tensor("float32", values, shape),
    });
    return result[output].data;
  };
}

async function fetched(path) {
  const url = new URL(path, import.meta.url);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: status ${response.status}`);
  return response;
}

async function decompressed(response) {
  const bytes = await response.arrayBuffer();
  const [first, second] = new Uint8Array(bytes);
  if (first !== 0x1f || second !== 0x8b) return bytes; // the server has done it
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}
