// Rebuilds the state of every customer from an export, as fold.md says, and with nothing else of Gatehouse's.
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

const LEADS_TO = {
  CustomerRegistered: "initiating", ChallengeVerified: "screening", ScreeningPassed: "verifying",
  VerificationPassed: "active", CustomerReactivated: "active", CustomerDeactivated: "inactive",
  ScreeningFailed: "rejected", VerificationFailed: "rejected", IllicitActivityConfirmed: "rejected",
};
const CHANGES = {
  ScreeningAttempted: (state, data) => ({ held: data.verdict === "hold" }),
  VerificationHeld: () => ({ held: true }),
  VerificationRetryRequested: () => ({ held: false }),
  CustomerDeactivated: ({ grounds }, data) => ({ grounds: [...new Set(grounds).add(data.ground)].sort() }),
  CustomerReactivated: () => ({ grounds: [] }),
  AlertRaised: ({ alerts }, data) => ({ alerts: [...alerts, data.alert] }),
  AlertCleared: ({ alerts, grounds }, data) => {
    const left = alerts.filter((alert) => alert !== data.alert);
    return { alerts: left, grounds: left.length ? grounds : grounds.filter((ground) => ground !== "suspicion") };
  },
  RejectionProposed: (state, data) => ({ proposedBy: data.officer }),
  RejectionWithdrawn: () => ({ proposedBy: null }),
  RejectionRefused: () => ({ proposedBy: null }),
  RejectionExpired: () => ({ proposedBy: null }),
  LegalHoldPlaced: () => ({ legalHold: true }),
  LegalHoldLifted: () => ({ legalHold: false }),
  SubjectErased: () => ({ erased: true, wallet: null, externalId: null }),
};
const NO_CHANGE = ["ChallengeIssued", "ChallengeFailed", "VerificationStarted", "MonitoringAttempted", "HoldResolved"];
const KNOWN = new Set([...Object.keys(LEADS_TO), ...Object.keys(CHANGES), ...NO_CHANGE]);

/** What an entry makes of a customer's state; undefined where there is no customer. */
function fold(before, { position, stream, version, type, recordedAt, event }) {
  const state = type === "CustomerRegistered" ? registered(stream, recordedAt, event.data) : before;
  if (!state) return undefined;
  state.version = version;
  if (!KNOWN.has(type)) return state;
  const status = LEADS_TO[type];
  if (status) state.held = false;
  if (status === "rejected") state.proposedBy = null;
  if (status && status !== state.status) {
    state.updatedAt = state.status && recordedAt <= state.updatedAt ? microsecondAfter(state.updatedAt) : recordedAt;
    state.since = { position, recordedAt, occurredAt: event.occurredAt };
    state.status = status;
  }
  return Object.assign(state, CHANGES[type]?.(state, event.data));
}

function registered(customer, createdAt, { partner, wallet, externalId }) {
  const state = { customer, partner, wallet, externalId, status: null, since: null, version: 0, createdAt, updatedAt: null };
  return { ...state, grounds: [], held: false, alerts: [], proposedBy: null, legalHold: false, erased: false };
}

function microsecondAfter(time) {
  const [second, micros] = [time.slice(0, 19), Number(time.slice(20, 26)) + 1];
  if (micros < 1e6) return `${second}.${String(micros).padStart(6, "0")}Z`;
  return `${new Date(Date.parse(`${second}Z`) + 1000).toISOString().slice(0, 19)}.000000Z`;
}

/** Folds all streams side by side. */
class Log {
  states = new Map();
  headless = new Set(); // customers' streams whose beginning is not there
  unknown = new Set(); // types in customers' streams that fold.md does not name

  take(entry) {
    const { stream, version, type } = entry;
    const before = this.states.get(stream);
    if (before && version !== before.version + 1) throw new Error(`version ${before.version + 1} of ${stream} is missing`);
    if (before && !KNOWN.has(type)) this.unknown.add(type);
    if (!before && version > 1 && KNOWN.has(type)) this.headless.add(stream);
    const state = before || version === 1 ? fold(before, entry) : undefined;
    if (state) this.states.set(stream, state);
    return state ?? null;
  }
}

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
