import type { Runtime } from "../core/runtime.ts";
import { type FailureWindow, failureWindow } from "./failure-window.ts";
import type { BreakerSettings } from "./options.ts";
import type { Rotation, Turning } from "./rotation.ts";

/** `closed` lets everything through, `open` nothing, `halfOpen` a bounded number of trials. */
export type CircuitState = "closed" | "open" | "halfOpen";

/** What one finished request says about its service; `nothing` where it says neither. */
export type Observation = "success" | "failure" | "nothing";

/** A request that was let through a half-open circuit. */
export interface Trial {
  /** Monotonic milliseconds until which it holds up other trials. */
  readonly endsAt: number;
}

/** What the circuits of one breaker share. */
export interface CircuitContext {
  readonly settings: BreakerSettings;
  readonly runtime: Runtime;
  readonly rotation: Rotation;
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
  readonly #context: CircuitContext;
  // Made by the first observation and dropped when the window has emptied: idle keys cost no window.
  #window: FailureWindow | undefined;
  #openUntil = 0;
  #pauseMs = 0;
  #askedMs = 0;
  #trials: Set<Trial> | undefined;

  constructor(key: string, context: CircuitContext) {
    this.key = key;
    this.#context = context;
  }

  /** Lets a trial through, unless the pause is not over or enough of them are under way. */
  startTrial(): Trial | undefined {
    const { runtime, settings } = this.#context;
    const now = runtime.clock.monotonic();
    if (this.waitMs(now) > 0) return undefined;
    if (this.state === "open") this.#change("halfOpen");
    const trial: Trial = { endsAt: now + settings.trialTimeoutMs };
    this.#trials ??= new Set();
    for (const earlier of this.#trials) if (earlier.endsAt <= now) this.#trials.delete(earlier);
    this.#trials.add(trial);
    return trial;
  }

  /** Milliseconds until a call may get through: 0 for now. Has no effects. */
  waitMs(now = this.#context.runtime.clock.monotonic()): number {
    const { maxOpenMs, openMs, trials } = this.#context.settings;
    // Opened by hand: nobody knows until when, so a controller looks again as rarely as it ever does.
    if (this.#openUntil === Number.POSITIVE_INFINITY) return maxOpenMs;
    if (this.state === "open") return Math.max(0, this.#openUntil - now);
    let underWay = 0;
    let firstEndMs = openMs; // trials mostly end long before their bound
    for (const trial of this.#trials ?? []) {
      if (trial.endsAt <= now) continue;
      underWay++;
      firstEndMs = Math.min(firstEndMs, trial.endsAt - now);
    }
    return underWay < trials ? 0 : firstEndMs;
  }

  /**
   * Takes in how a request ended.
   *
   * @param observation - What it says about the service.
   * @param epoch - The circuit's epoch when the request was let through.
   * @param trial - The trial that the request was, if any.
   * @param retryAfterMs - How long the service asked to be left alone.
   */
  settle(observation: Observation, epoch: number, trial: Trial | undefined, retryAfterMs: number | undefined): void {
    if (epoch !== this.epoch) return;
    if (trial !== undefined) this.#trials?.delete(trial);
    if (observation === "nothing") return;
    const failed = observation === "failure";
    this.#askedMs = retryAfterMs ?? 0;
    if (this.state === "closed") this.#observe(failed);
    else if (failed) this.#trip();
    else this.reset();
  }

  /** Opens until `reset`, without trials. */
  hold(): void {
    this.#change("open");
    this.#openUntil = Number.POSITIVE_INFINITY;
  }

  /** Closes and forgets what happened. */
  reset(): void {
    this.#pauseMs = 0;
    this.#openUntil = 0;
    if (this.state === "closed") this.#dropWindow();
    else this.#change("closed");
  }

  /** Lets go of everything; requests still under way say nothing any more. */
  dispose(): void {
    this.epoch++;
    this.#dropWindow();
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
    const pauseMs = this.#pauseMs * (0.8 + 0.2 * runtime.random());
    this.#openUntil = runtime.clock.monotonic() + Math.max(pauseMs, Math.min(this.#askedMs, settings.maxOpenMs));
    this.#change("open");
  }

  #change(state: CircuitState): void {
    this.epoch++;
    this.#dropWindow();
    this.#trials = undefined;
    if (this.state === state) return;
    this.state = state;
    this.#context.runtime.telemetry.breakerChanged(this.key, state);
  }

  #dropWindow(): void {
    if (this.#window === undefined) return;
    this.#window.close();
    this.#window = undefined;
    this.#context.rotation.delete(this);
  }
}
