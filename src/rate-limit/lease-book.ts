import type { Lease, LeaseRequest } from "../core/token-lender.ts";
import { forgottenAfterMs, type Learned, learnSucceeded, learnThrottled, nothingLearned } from "./learning.ts";
import type { Pool } from "./membership.ts";

/** What the book knows of one replica. Times in milliseconds of the store's clock. */
export interface Borrower {
  /** Tokens that it may still hold. */
  lent: number;
  /** When it may spend them no longer. */
  endsAt: number;
  /** Since when it waits, or 0. */
  waitsSince: number;
  /** How many tokens it waits for. */
  need: number;
  /** Until when it is believed to wait unless it asks again. */
  waitsUntil: number;
}

/** A bucket that replicas share. */
export interface BookPage extends Learned {
  tokens: number;
  refilledAt: number;
  borrowers: Record<string, Borrower>;
}

/** How a store lends. */
export interface LendingTerms {
  readonly leaseMs: number;
  /** @defaultValue everything is lent */
  readonly pool?: Pool | undefined;
}

/** A bucket that nobody has borrowed from. @param emptyAt - When it began to fill; `-Infinity`: it is full. */
export function newPage(emptyAt: number): BookPage {
  return { ...nothingLearned(emptyAt), tokens: 0, refilledAt: emptyAt, borrowers: {} };
}

const everything: Pool = { share: 1, since: Number.NEGATIVE_INFINITY };
const lentTotal = (page: BookPage) => Object.values(page.borrowers).reduce((sum, { lent }) => sum + lent, 0);

/** Refills up to `until`; what is lent counts against the burst, so that it cannot be saved up twice. */
function refill(page: BookPage, until: number, ratePerMs: number, burst: number): void {
  const elapsed = Math.max(0, until - page.refilledAt);
  page.tokens = Math.min(burst - lentTotal(page), page.tokens + elapsed * ratePerMs * page.share);
  page.refilledAt = Math.max(page.refilledAt, until);
}

/** Ends leases one after the other: until its end each kept the bucket from filling up further. */
function endLeases(page: BookPage, now: number, ratePerMs: number, burst: number): void {
  const ended = Object.entries(page.borrowers).filter(([, { lent, endsAt }]) => lent > 0 && endsAt <= now);
  ended.sort(([, a], [, b]) => a.endsAt - b.endsAt);
  for (const [, borrower] of ended) {
    refill(page, borrower.endsAt, ratePerMs, burst);
    borrower.lent = 0;
  }
  refill(page, now, ratePerMs, burst);
  for (const [id, borrower] of Object.entries(page.borrowers)) {
    if (borrower.waitsUntil <= now) borrower.waitsSince = 0;
    if (borrower.lent === 0 && borrower.waitsSince === 0) delete page.borrowers[id];
  }
}

function learn(page: BookPage, { feedback }: LeaseRequest, now: number): void {
  if (feedback === undefined) return;
  const { throttled, succeeded, remaining } = feedback;
  if (succeeded) learnSucceeded(page, now);
  if (throttled !== undefined) {
    const lowered = learnThrottled(page, now, now - throttled.admittedAgoMs, throttled.retryAfterMs);
    if (lowered) page.tokens = Math.min(page.tokens, 0);
  }
  if (remaining !== undefined) page.tokens = Math.min(page.tokens, Math.max(0, remaining - lentTotal(page)));
}

/** Tokens that replicas wait for which began to wait before this one. */
function claimedBefore(page: BookPage, replica: string, since: number): number {
  let claimed = 0;
  for (const [id, { waitsSince, need }] of Object.entries(page.borrowers)) {
    if (id === replica || waitsSince === 0) continue;
    if (waitsSince < since || (waitsSince === since && id < replica)) claimed += need;
  }
  return claimed;
}

/**
 * Serves one request on a page, which it changes. In every window all replicas together spend at
 * most `burst + ratePerSecond × t`: tokens in the bucket plus tokens lent never exceed the burst,
 * and both together grow by refilling alone.
 *
 * @param replica - Who asks.
 * @param clockNow - Milliseconds of the store's clock; where it went back, time stands still.
 */
export function lend(
  page: BookPage,
  replica: string,
  request: LeaseRequest,
  clockNow: number,
  terms: LendingTerms,
): Lease {
  const now = Math.max(clockNow, page.refilledAt);
  const { leaseMs, pool = everything } = terms;
  const burst = request.burst * pool.share;
  const ratePerMs = (request.ratePerSecond * pool.share) / 1000;
  if (pool.since > page.refilledAt) {
    page.tokens = Math.min(page.tokens, 0);
    page.refilledAt = pool.since;
  }
  endLeases(page, now, ratePerMs, burst);
  learn(page, request, now);

  const known = page.borrowers[replica];
  const borrower: Borrower = known ?? { lent: 0, endsAt: 0, waitsSince: 0, need: 0, waitsUntil: 0 };
  page.borrowers[replica] = borrower;
  borrower.lent = 0;
  const kept = Math.min(request.held, Math.max(0, burst - lentTotal(page))); // less only where the pool became smaller
  borrower.lent = kept;
  borrower.endsAt = now + leaseMs;
  page.tokens = Math.min(page.tokens, burst - lentTotal(page));

  const { need, want } = request;
  const pausedMs = Math.max(0, page.pausedUntil - now);
  const claimed = claimedBefore(page, replica, borrower.waitsSince === 0 ? now + 1 : borrower.waitsSince);
  const free = pausedMs > 0 ? 0 : page.tokens - claimed;
  const unit = need > 0 ? need : 1;
  // Whole calls: a fraction would be of no use to this replica, and missing for the others.
  const tokens = unit * Math.max(0, Math.floor(Math.min(Math.max(want, need), free) / unit));
  let retryMs = 0;
  if (tokens > 0) {
    page.tokens -= tokens;
    borrower.lent += tokens;
    borrower.waitsSince = 0;
  } else if (need > 0) {
    const missing = need + claimed - page.tokens;
    retryMs = Math.max(pausedMs, missing / (ratePerMs * page.share), 1);
    retryMs = Math.min(retryMs, leaseMs / 2); // what others hold may come back earlier
    if (borrower.waitsSince === 0) borrower.waitsSince = now;
    borrower.need = need;
    borrower.waitsUntil = now + retryMs + leaseMs;
  } else borrower.waitsSince = 0;
  if (borrower.lent === 0 && borrower.waitsSince === 0) delete page.borrowers[replica];
  return {
    tokens,
    kept,
    validMs: leaseMs,
    retryMs,
    ratePerSecond: ratePerMs * page.share * 1000,
    pausedMs,
  };
}

/** Milliseconds after which a new page would be no different: leases have ended, and the bucket is full. */
export function idleAfterMs(
  page: BookPage,
  { ratePerSecond, burst }: LeaseRequest,
  now: number,
  leaseMs: number,
): number {
  const fillsMs = ((burst - page.tokens) / (ratePerSecond * page.share)) * 1000;
  return 2 * leaseMs + fillsMs + forgottenAfterMs(page, now);
}
