import type { Attempt } from "../core/call.ts";
import type { Runtime } from "../core/runtime.ts";
import { type FailureWindow, failureWindow } from "./failure-window.ts";
import type { BreakerSettings } from "./options.ts";
import type { Rotation, Turning } from "./rotation.ts";

/** `closed` lets everything through, `open` nothing, `halfOpen` a bounded number of trials. */
export type CircuitState = "closed" | "open" | "halfOpen";

/** What one finished request says about its service; `nothing` where it says neither. */
export type Observation = "success" | "failure" | "nothing";

/** Why a circuit is not closed: what its own requests found, a person, or another replica's word. */
export type OpenedBy = "failures" | "hand" | "hint";

/** What a circuit found out by requests of its own. */
export interface CircuitNews {
  readonly key: string;
  readonly state: "open" | "closed";
  /** The pause that the next failed trial would double, in milliseconds; 0 when closed. */
  readonly pauseMs: number;
  /** Milliseconds until the next trial; 0 when closed. */
  readonly restMs: number;
}

/** What the circuits of one breaker share. */
export interface CircuitContext {
  readonly settings: BreakerSettings;
  readonly runtime: Runtime;
  readonly rotation: Rotation;
  /** The circuits that are not closed. */
  readonly unwell: Set<Circuit>;
  announce(news: CircuitNews): void;
}

/**
 * The state of one key. Opossum counts while the circuit is closed; being open and half-open is
 * kept here, since opossum's half-open admits one trial without a bound in time, closes on
 * filtered errors and listens to requests from before it opened.
 */
export class Circuit implements Turning {
  readonly key: string;
  state: CircuitState = "closed";
  /** Grows with every change of state: what started in an earlier epoch says nothing about this one. */
  epoch = 0;
  /** Since when it is in this state, in Unix milliseconds. */
  since: number;
  openedBy: OpenedBy | undefined;
  readonly #context: CircuitContext;
  // Made by the first observation and dropped when the window has emptied: idle keys cost no window.
  #window: FailureWindow | undefined;
  #openUntil = 0;
  #pauseMs = 0;
  #lastPauseMs = 0;
  #askedMs = 0;
  #changedAt = Number.NEGATIVE_INFINITY; // monotonic, as the next
  #succeededAt = Number.NEGATIVE_INFINITY;
  #trials: Map<Attempt, number> | undefined; // until when each holds up others, monotonic

  constructor(key: string, context: CircuitContext) {
    this.key = key;
    this.#context = context;
    this.since = context.runtime.clock.now();
  }

  /**
   * Lets an attempt through as a trial, unless the pause is not over or enough of them are under way.
   * @returns Whether it did.
   */
  startTrial(attempt: Attempt): boolean {
    const { runtime, settings } = this.#context;
    const now = runtime.clock.monotonic();
    if (this.waitMs(now) > 0) return false;
    if (this.state === "open") this.#change("halfOpen", this.openedBy);
    this.#trials ??= new Map();
    for (const [earlier, endsAt] of this.#trials) if (endsAt <= now) this.#trials.delete(earlier);
    this.#trials.set(attempt, now + settings.trialTimeoutMs);
    return true;
  }

  /**
   * Whether an attempt that was let through may still leave. It may have waited, while the circuit
   * opened or another trial took its place; the time of a trial begins now.
   */
  stillAdmits(attempt: Attempt): boolean {
    if (this.state === "closed") return true;
    if (this.#trials?.has(attempt) !== true) return false;
    const { runtime, settings } = this.#context;
    this.#trials.set(attempt, runtime.clock.monotonic() + settings.trialTimeoutMs);
    return true;
  }

  /** Milliseconds until a call may get through: 0 for now. Has no effects. */
  waitMs(now = this.#context.runtime.clock.monotonic()): number {
    const { maxOpenMs, openMs, trials } = this.#context.settings;
    // Opened by hand: nobody knows until when, so a controller looks again as rarely as it ever does.
    if (this.#openUntil === Number.POSITIVE_INFINITY) return maxOpenMs;
    if (this.state === "open") return Math.max(0, this.#openUntil - now);
    let underWay = 0;
    let firstEndMs = openMs; // trials mostly end long before their bound
    for (const endsAt of this.#trials?.values() ?? []) {
      if (endsAt <= now) continue;
      underWay++;
      firstEndMs = Math.min(firstEndMs, endsAt - now);
    }
    return underWay < trials ? 0 : firstEndMs;
  }

  /**
   * Takes in how a request ended.
   *
   * @param observation - What it says about the service.
   * @param epoch - The circuit's epoch when the request was let through.
   * @param attempt - The request: a trial's place is free again.
   * @param retryAfterMs - How long the service asked to be left alone.
   */
  settle(observation: Observation, epoch: number, attempt: Attempt, retryAfterMs: number | undefined): void {
    if (epoch !== this.epoch) return;
    this.#trials?.delete(attempt);
    if (observation === "nothing") return;
    const failed = observation === "failure";
    this.#askedMs = retryAfterMs ?? 0;
    if (!failed) this.#succeededAt = this.#context.runtime.clock.monotonic();
    if (this.state === "closed") this.#observe(failed);
    else if (failed) this.#trip();
    else {
      this.reset();
      this.#context.announce({ key: this.key, state: "closed", pauseMs: 0, restMs: 0 });
    }
  }

  /**
   * Opens on another replica's word for the rest of its pause, unless requests of its own have
   * found out better since. From then on its own trials decide.
   *
   * @param ageMs - How old the word is.
   */
  heedOpen(pauseMs: number, restMs: number, ageMs: number): void {
    const { runtime, settings } = this.#context;
    const now = runtime.clock.monotonic();
    if (this.state !== "closed" || Math.max(this.#succeededAt, this.#changedAt) > now - ageMs) return;
    this.#pauseMs = Math.min(pauseMs, settings.maxOpenMs);
    this.#openUntil = now + Math.min(restMs, settings.maxOpenMs);
    this.#change("open", "hint");
  }

  /** Another replica's trial has succeeded: the next call may be one of its own, unless this one has failed since. */
  heedClosed(ageMs: number): void {
    const now = this.#context.runtime.clock.monotonic();
    if (this.state !== "open" || this.openedBy === "hand" || this.#changedAt > now - ageMs) return;
    this.#openUntil = Math.min(this.#openUntil, now);
  }

  /** Opens until `reset`, without trials. */
  hold(): void {
    this.#change("open", "hand");
    this.#openUntil = Number.POSITIVE_INFINITY;
  }

  /** Closes and forgets what happened. */
  reset(): void {
    this.#pauseMs = 0;
    this.#lastPauseMs = 0;
    this.#openUntil = 0;
    if (this.state === "closed") this.#dropWindow();
    else this.#change("closed", undefined);
  }

  /** Lets go of everything; requests still under way say nothing any more. */
  dispose(): void {
    this.epoch++;
    this.#dropWindow();
    this.#context.unwell.delete(this);
  }

  turn(): boolean {
    if (this.#window?.turn() === true) return true;
    this.#dropWindow();
    return false;
  }

  #observe(failed: boolean): void {
    if (this.#window === undefined) {
      this.#window = failureWindow(this.#context.settings, () => this.#trip());
      this.#context.rotation.add(this);
    }
    this.#window.record(failed);
  }

  #trip(): void {
    const { runtime, settings } = this.#context;
    this.#pauseMs = this.#pauseMs === 0 ? settings.openMs : Math.min(settings.maxOpenMs, this.#pauseMs * 2);
    // Shortened at random, so that replicas that saw the same outage do not all try at once.
    this.#lastPauseMs = Math.max(this.#lastPauseMs, this.#pauseMs * (0.8 + 0.2 * runtime.random()));
    const restMs = Math.max(this.#lastPauseMs, Math.min(this.#askedMs, settings.maxOpenMs));
    this.#openUntil = runtime.clock.monotonic() + restMs;
    this.#change("open", "failures");
    this.#context.announce({ key: this.key, state: "open", pauseMs: this.#pauseMs, restMs });
  }

  #change(state: CircuitState, openedBy: OpenedBy | undefined): void {
    const { clock } = this.#context.runtime;
    this.epoch++;
    this.#dropWindow();
    this.#trials = undefined;
    this.#changedAt = clock.monotonic();
    this.openedBy = openedBy;
    if (this.state === state) return;
    this.state = state;
    this.since = clock.now();
    if (state === "closed") this.#context.unwell.delete(this);
    else this.#context.unwell.add(this);
    this.#context.runtime.telemetry.breakerChanged(this.key, state);
  }

  #dropWindow(): void {
    if (this.#window === undefined) return;
    this.#window.close();
    this.#window = undefined;
    this.#context.rotation.delete(this);
  }
}
