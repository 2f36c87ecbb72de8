// The state of every customer, from a log's entries one after the other, as fold.md says. No packages.

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
export class Log {
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
