// Rebuilds the state of every customer from an export, by fold.mjs, and with nothing else of Gatehouse's.
// Node 18 or later, no packages. Memory grows with the number of customers, not with that of entries.
//
//   node reader.mjs bundle/                      a state a line, in order of the customers' ids
//   node reader.mjs --vectors fold-vectors.json  how many of the vectors come out as they say
//
// The exit code is 0 only if nothing was wrong. Whether a bundle is genuine is the verifier's question.

import { createHash } from "node:crypto";
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";

import { Log } from "./fold.mjs";

/** The lines of a file as bytes. Node's readline would break them at U+2028 too, which JSON may hold. */
async function* linesOf(path) {
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(path)) {
    const bytes = Buffer.concat([rest, chunk]);
    let begin = 0;
    for (let end; (end = bytes.indexOf("\n", begin)) >= 0; begin = end + 1) yield bytes.subarray(begin, end);
    rest = bytes.subarray(begin);
  }
  if (rest.length) yield rest;
}

/** Looks up leaf hashes in a bundle's tiles, the last one in memory; undefined where the bundle has no such tile. */
function leavesOf(folder) {
  const manifest = join(folder, "manifest.json");
  const size = existsSync(manifest) ? JSON.parse(readFileSync(manifest, "utf8")).checkpoint.size : 0;
  let [number, tile] = [-1, undefined];
  return (index) => {
    if (number !== Math.floor(index / 256)) {
      number = Math.floor(index / 256);
      const width = Math.min(size - number * 256, 256);
      const digits = String(number).padStart(Math.ceil(String(number).length / 3) * 3, "0");
      const path = join(folder, "tile/0", digits.replace(/...(?=.)/g, "x$&/") + (width < 256 ? `.p/${width}` : ""));
      tile = existsSync(path) ? readFileSync(path) : undefined;
    }
    return tile?.subarray((index % 256) * 32, (index % 256) * 32 + 32);
  };
}

async function readBundle(folder) {
  const [log, leafAt] = [new Log(), leavesOf(folder)];
  let [entries, held] = [0, 0];
  for await (const line of linesOf(join(folder, "entries.jsonl"))) {
    entries += 1;
    try {
      const entry = JSON.parse(line.toString());
      const leaf = leafAt(entry.position - 1);
      const hash = leaf && createHash("sha256").update("\0").update(line).digest();
      if (leaf && !leaf.equals(hash)) throw new Error("this is not what the log's tree has there");
      held += leaf ? 1 : 0;
      log.take(entry);
    } catch (fault) {
      throw new Error(`entries.jsonl, line ${entries}: ${fault.message}`);
    }
  }
  for (const id of [...log.states.keys()].sort()) console.log(JSON.stringify(log.states.get(id)));
  console.error(`${entries} entries, ${held} of them as the tree has them; ${log.states.size} customers`);
  if (log.unknown.size) console.error(`passed over, as nothing is known of them: ${[...log.unknown].sort().join(", ")}`);
  if (log.headless.size) console.error(`${log.headless.size} customers have no state: their beginning is not here`);
  return log.headless.size ? 1 : 0;
}

function checkVectors(path) {
  const vectors = JSON.parse(readFileSync(path, "utf8"));
  const agreeing = vectors.filter(({ name, entries, states }) => {
    const log = new Log();
    const wrong = entries.findIndex((line, at) => !isDeepStrictEqual(log.take(JSON.parse(line)), states[at]));
    if (wrong >= 0) console.error(`${name}: entry ${wrong + 1} leads to another state`);
    return wrong < 0 && entries.length === states.length;
  });
  console.log(`${agreeing.length} of ${vectors.length} vectors agree`);
  return agreeing.length === vectors.length ? 0 : 1;
}

try {
  const [first, second] = process.argv.slice(2);
  if (!first) throw new Error("node reader.mjs bundle/ | --vectors fold-vectors.json");
  process.exitCode = first === "--vectors" ? checkVectors(second) : await readBundle(first);
} catch (fault) {
  console.error(`reader: ${fault.message}`);
  process.exitCode = 1;
}
